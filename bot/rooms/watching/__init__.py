"""The watch: what seems to say who a patient is, is removed from specialty rooms, or its author is warned.

A room's policy (`watch = "off" | "warn" | "redact"` in the network file) decides. What is said there is
queued, sealed, and looked at by a worker: in a room that is not watched nothing is kept.
"""

from pathlib import Path

from bot.chat.capability import Capability
from bot.rooms.watching import offering, scanning, service
from bot.rooms.watching.commands import COMMANDS

WATCH = Capability(
    "watch",
    commands=COMMANDS,
    topics={scanning.REMOVED: scanning.removed},
    witnesses=(service.seen,),
    workers=(scanning.scan, offering.offer),
    daily=service.daily,
    locale=Path(__file__).parent / "locale",
)
