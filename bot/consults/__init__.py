"""Consult requests: from a typed line to the right colleague, an answer, and the loop closed."""

from pathlib import Path

from bot.chat.capability import Capability
from bot.consults import attachments, service, watch
from bot.consults.bundles.names import BUNDLE_TIMER
from bot.consults.bundles.service import bundle_due
from bot.consults.commands import COMMANDS
from bot.consults.intake import attaching, editing, guided
from bot.consults.intake.commands import COMMANDS as INTAKE
from bot.consults.lists.commands import COMMANDS as LISTS
from bot.oncall.service import CHANGED

CONSULTS = Capability(
    "consults",
    commands=(*INTAKE, *COMMANDS, *LISTS),
    timers={
        **dict.fromkeys(service.TIMERS, service.clock_due),
        BUNDLE_TIMER: bundle_due,
        guided.DRAFT_TIMER: guided.draft_due,
        service.OFF_TIMER: service.change_begins,
        watch.TIMER: watch.look,
    },
    topics={
        service.PAGE_RESULT: service.page_result,
        service.ROOM_RESULT: service.room_result,
        service.HOSPITAL: service.hospital_changed,
        CHANGED: service.oncall_changed,
        attachments.POSTED: attachments.posted,
    },
    events=(attaching.heard, editing.corrected),
    workers=(watch.begin,),
    locale=Path(__file__).parent / "locale",
)
