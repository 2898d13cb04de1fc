"""What is counted and timed, for Prometheus; labels are bots, topics and classes, never people or rooms.

Durations are in seconds. The gauges of the database are set when `/metrics` is asked for.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

registry = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=registry)
disable_created_metrics()  # type: ignore[no-untyped-call]

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_HUMAN = (15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)

messages = Counter(
    "curbside_messages_total",
    "Messages in (journaled, unreadable, refused) and out (sent, failed, withheld).",
    ["bot", "direction", "result"],
    registry=registry,
)
handler_seconds = Histogram(
    "curbside_handler_seconds",
    "Time that one inbox entry or timer took, without the commit.",
    ["topic"],
    buckets=_FAST,
    registry=registry,
)
delivery_seconds = Histogram(
    "curbside_delivery_seconds",
    "From a message's being queued to its being taken by the homeserver.",
    ["bot"],
    buckets=_FAST,
    registry=registry,
)
homeserver_seconds = Histogram(
    "curbside_homeserver_request_seconds",
    "Requests to the homeserver, by class of endpoint and outcome (ok, refused, limited, failed).",
    ["endpoint", "outcome"],
    buckets=_FAST,
    registry=registry,
)
sync_lag_seconds = Histogram(
    "curbside_sync_lag_seconds",
    "From the homeserver's time stamp of an event to its being journaled.",
    ["bot"],
    buckets=(*_FAST, 60, 300, 3600),
    registry=registry,
)
acknowledge_seconds = Histogram(
    "curbside_consult_acknowledge_seconds",
    "From a consult's request to its acceptance.",
    ["urgency"],
    buckets=_HUMAN,
    registry=registry,
)
bridge_messages = Counter(
    "curbside_bridge_messages_total",
    "Attempts to hand a message to a bridge's peer, by outcome (delivered, retry, rejected, in doubt).",
    ["bridge", "outcome"],
    registry=registry,
)
bridge_up = Gauge(
    "curbside_bridge_up",
    "1 while this process runs the bridge and its peer takes messages.",
    ["bridge"],
    registry=registry,
)
consults_unaccounted = Gauge(
    "curbside_consults_unaccounted",
    "Open consults that nobody looked after at the last look; must be 0.",
    registry=registry,
)
consult_requeues = Counter(
    "curbside_consult_requeues_total",
    "Open consults found without anybody looking after them, and put right.",
    registry=registry,
)
watch_messages = Counter(
    "curbside_watch_messages_total",
    "Messages that the watch looked at, by result (clean, warned, removed, failed).",
    ["result"],
    registry=registry,
)
oldest_outbox_seconds = Gauge(
    "curbside_oldest_outbox_seconds",
    "Age of the oldest undelivered message; 0 without one.",
    registry=registry,
)
overdue_timers = Gauge("curbside_overdue_timers", "Timers past their moment.", registry=registry)
inbox_pending = Gauge("curbside_inbox_pending", "Entries received and not yet handled.", registry=registry)
bot_up = Gauge(
    "curbside_bot_up", "1 while the bot is logged in and synchronising.", ["bot"], registry=registry
)


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(registry)
