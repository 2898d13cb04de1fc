"""Who may be in which specialty room: asking, knocking, joining, leaving, and losing one's place."""

from pathlib import Path

from bot.chat.capability import Capability
from bot.rooms.admission import service, welcome
from bot.rooms.admission.commands import COMMANDS
from bot.rooms.admission.watch import keep_looking

ROOMS = Capability(
    name="rooms",
    commands=COMMANDS,
    topics={
        "directory.standing": service.standing_changed,
        "directory.hospital": service.hospital_changed,
        "matrix.moved": service.room_moved,
        service.LISTED: service.room_listed,
        service.SEE: service.room_to_see,
    },
    timers={
        welcome.REMIND_TIMER: welcome.remind,
        service.TELL_TIMER: service.tell_moderators,
        service.CHECK_TIMER: service.check_some,
    },
    memberships=(service.on_membership,),
    workers=(keep_looking,),
    daily=service.daily,
    locale=Path(__file__).parent / "locale",
)
