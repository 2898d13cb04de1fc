"""What people type, and what the package brings: `JOBS` is the entry point's object."""

from pathlib import Path

from bot.chat.capability import Capability
from bot.chat.command import Arg, Command
from bot.chat.desk import Context
from bot.chat.types import Text, WholeNumber

from . import service


async def _safe(ctx: Context) -> bool:
    return ctx.room.encrypted


MINUTES = Arg("minutes", WholeNumber(1, 1440), "In how many minutes shall I remind you?")
WHAT = Arg("what", Text(500), "What is to be done?", rest=True)
ADD = Command("job", "Keep a job, and remind us of it", service.add, (MINUTES, WHAT), may=_safe)
TICK = Command("tick", "Tick a job off", service.tick, (Arg("job", Text(16), "Which job?"),), may=_safe)
SHOW = Command("jobs", "What is left to do", service.show, may=_safe)
TIMERS, DIR = {"wardjobs.remind": service.remind}, Path(__file__).parent
JOBS = Capability("wardjobs", (ADD, TICK, SHOW), TIMERS, migrations=DIR / "migrations", locale=DIR / "locale")
