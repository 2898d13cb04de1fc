"""Who may be in which specialty room: asking, knocking, joining, leaving, and losing one's place."""

from bot.chat.capability import Capability
from bot.rooms import store as store

ROOMS = Capability(name="rooms")
