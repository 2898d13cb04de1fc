"""What retention adds to the bots."""

from pathlib import Path

from bot.chat.capability import Capability
from bot.rooms.moderation.retention import service

RETENTION = Capability(
    name="retention",
    timers={service.RUN_TIMER: service.run},
    topics={service.DONE_TOPIC: service.one_done},
    workers=(service.keep_looking,),
    daily=service.daily,
    locale=Path(__file__).parent / "locale",
)
