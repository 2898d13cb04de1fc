"""What accountability adds to the bots."""

from pathlib import Path

from bot.cases.accountability import appeals, erasing, service
from bot.cases.accountability.commands import COMMANDS, MODERATING
from bot.chat import filing
from bot.chat.capability import Capability

ACCOUNTS = Capability(
    "case_accounts",
    commands=(*COMMANDS, *MODERATING),
    timers={service.ERASE_TIMER: erasing.due},
    workers=(filing.worker(appeals.CHANNEL, appeals.make),),
    daily=erasing.daily,
    erase=erasing.all_of,
    locale=Path(__file__).parent / "locale",
)
