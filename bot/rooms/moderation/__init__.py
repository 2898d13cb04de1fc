"""Keeping the rooms civil: what moderators do, reports, strikes, spam, policy lists, retention."""

from pathlib import Path

from bot.chat.capability import Capability
from bot.rooms.moderation import housekeeping, raids, reports, service, watch
from bot.rooms.moderation.commands import COMMANDS

MODERATION = Capability(
    name="moderation",
    commands=COMMANDS,
    timers={service.END_TIMER: service.ended, raids.STORM_TIMER: raids.tick},
    topics={reports.TOPIC: reports.reported},
    witnesses=(watch.seen,),
    memberships=(watch.changed,),
    daily=housekeeping.daily,
    locale=Path(__file__).parent / "locale",
)
