"""Rotas: who is on call for a service at a moment, and what people change in them."""

from pathlib import Path

from bot.chat import filing
from bot.chat.capability import Capability
from bot.oncall import swapping, warning, weeks
from bot.oncall.commands import COMMANDS

ONCALL = Capability(
    "oncall",
    commands=COMMANDS,
    timers={swapping.SWAP_TIMER: swapping.due},
    daily=warning.warn,
    workers=(filing.worker(weeks.CHANNEL, weeks.make),),
    locale=Path(__file__).parent / "locale",
)
