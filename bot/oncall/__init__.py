"""Rotas: who is on call for a service at a moment."""

from pathlib import Path

from bot.chat.capability import Capability
from bot.oncall.commands import COMMANDS

ONCALL = Capability("oncall", commands=COMMANDS, locale=Path(__file__).parent / "locale")
