"""What the statistics add to the bots."""

from pathlib import Path

from bot.chat import filing
from bot.chat.capability import Capability
from bot.consults.stats import service
from bot.consults.stats.commands import COMMANDS

STATS = Capability(
    "stats",
    commands=COMMANDS,
    workers=(filing.worker(service.CHANNEL, service.make),),
    locale=Path(__file__).parent / "locale",
)
