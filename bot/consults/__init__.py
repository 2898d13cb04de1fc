"""Consult requests: from a typed line to the right colleague, an answer, and the loop closed."""

from pathlib import Path

from bot.chat.capability import Capability
from bot.consults import service
from bot.consults.commands import COMMANDS

CONSULTS = Capability(
    "consults",
    commands=COMMANDS,
    timers={service.PAGE_TIMER: service.page_due},
    topics={
        service.PAGE_RESULT: service.page_result,
        service.ROOM_RESULT: service.room_result,
        service.HOSPITAL: service.hospital_changed,
    },
    locale=Path(__file__).parent / "locale",
)
