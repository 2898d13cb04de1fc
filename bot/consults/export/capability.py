"""What exports add to the bots."""

from pathlib import Path

from bot.chat import filing
from bot.chat.capability import Capability
from bot.consults.export import service
from bot.consults.export.commands import COMMANDS

EXPORT = Capability(
    "export",
    commands=COMMANDS,
    workers=(filing.worker(service.CHANNEL, service.make),),
    locale=Path(__file__).parent / "locale",
)
