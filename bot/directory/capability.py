"""What the directory adds to the bots: who somebody is, proving it, finding a colleague."""

from bot.chat.capability import Capability

DIRECTORY = Capability(name="directory")
