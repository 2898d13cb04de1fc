"""Keeping the rooms civil: what moderators do, reports, strikes, spam, policy lists, retention."""

from bot.chat.capability import Capability

MODERATION = Capability(name="moderation")
