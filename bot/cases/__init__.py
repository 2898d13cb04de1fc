"""Cases without names: written alone with the bot, posted under a pseudonym once their author agrees."""

from pathlib import Path

from bot.cases import waiting
from bot.cases.drafting import hearing, posting, service, working
from bot.cases.drafting.commands import COMMANDS
from bot.chat.capability import Capability

CASES = Capability(
    "cases",
    commands=COMMANDS,
    timers={service.EXPIRE_TIMER: waiting.due},
    topics={posting.POSTED: posting.posted, service.UNSEEN: service.picture_sent},
    events=(hearing.heard,),
    workers=(working.run,) * 3,  # a file takes a while: others do not wait for it
    locale=Path(__file__).parent / "locale",
)
