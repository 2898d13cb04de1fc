"""What paging by second channels adds to the bots."""

from __future__ import annotations

from pathlib import Path

from bot.chat.capability import Capability
from bot.consults.paging import results, service
from bot.kernel.bridging import RECEIVED, REPORT, STATE

PAGING = Capability(
    "paging",
    timers={service.REPORT_TIMER: results.overdue},
    topics={
        service.SENT: results.sent,
        service.OUTCOME: results.told,
        REPORT: results.reported,
        RECEIVED: results.received,
        STATE: results.bridge_state,
    },
    daily=results.purge,
    locale=Path(__file__).parent / "locale",
)
