"""What other hospitals add to the bots: the moderators hear how they stand, and when an agreement ends."""

from pathlib import Path

from bot.chat.capability import Capability
from bot.directory.hospital import service

HOSPITALS = Capability(
    "hospitals",
    timers={service.EXPIRY_TIMER: service.expiry_due},
    topics={service.TOLD_TOPIC: service.changed},
    locale=Path(__file__).parent / "locale",
)
