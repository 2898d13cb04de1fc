"""What happens to a case in its room, as the house takes it."""

from pathlib import Path

from bot.cases.thread import anew, digest, following, hearing, service
from bot.cases.thread.commands import COMMANDS
from bot.cases.thread.flags import service as flags
from bot.cases.thread.polls import service as polls
from bot.cases.thread.saying import service as saying
from bot.cases.thread.saying.working import previews
from bot.chat.capability import Capability

THREADS = Capability(
    name="case_threads",
    commands=COMMANDS,
    timers={
        following.TIMER: following.due,
        digest.TIMER: digest.due,
        polls.END_TIMER: polls.due,
        saying.EXPIRE_TIMER: saying.expired,
    },
    topics={service.STANDS: service.stands, anew.ANEW: anew.stands_anew, saying.SAID: saying.said},
    events=(polls.responded, hearing.answered, hearing.heard),
    witnesses=(flags.seen,),
    daily=digest.daily,
    workers=(previews,),
    locale=Path(__file__).parent / "locale",
)
