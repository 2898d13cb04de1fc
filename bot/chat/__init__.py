"""How people talk with the bots: commands and their help, conversations, buttons, languages, rendering."""

from bot.chat.commands import CHAT

__all__ = ["CHAT"]
