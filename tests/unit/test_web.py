"""Health says in words why it is not ready; metrics and logs hold nobody's name and no content."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import logs
from bot.kernel import inbox, metrics, outbox, timers
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.errors import CurbsideError
from bot.kernel.inbox import Incoming
from bot.kernel.outbox import Outgoing
from bot.kernel.sealing import KeyRing
from bot.settings import HealthSettings, WebSettings
from bot.web.health import BotState, Health, bots_probe, problem_probe, work_probe
from bot.web.server import WebServer
from tests.support.migrated import put_tables

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def database(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Database]:
    await put_tables(tmp_path / "curbside.db")
    opened = Database(f"sqlite+aiosqlite:///{tmp_path / 'curbside.db'}", clock, KeyRing([b"k" * 32]))
    yield opened
    await opened.close()


@pytest.fixture
async def served(database: Database) -> AsyncIterator[tuple[Health, str, aiohttp.ClientSession]]:
    health = Health()
    server = WebServer(WebSettings(port=0), health, database)
    await server.start()
    async with aiohttp.ClientSession() as session:
        yield health, f"http://127.0.0.1:{server.port}", session
    await server.stop()
    await server.stop()


async def test_alive_and_ready(served: tuple[Health, str, aiohttp.ClientSession]) -> None:
    health, url, session = served
    async with session.get(f"{url}/livez") as answer:
        assert answer.status == 200
    async with session.get(f"{url}/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ready": True, "reasons": []})
    health.add("roster", problem_probe(lambda: "The roster is broken: services.x: is wrong."))
    async with session.get(f"{url}/readyz") as answer:
        assert answer.status == 503
        assert await answer.json() == {
            "ready": False,
            "reasons": ["The roster is broken: services.x: is wrong."],
        }


async def test_not_ready_while_work_waits_too_long(database: Database, clock: ManualClock) -> None:
    probe = work_probe(database, HealthSettings())
    async with database.begin() as tx:
        await outbox.put(tx, Outgoing("curbside", "!r:h.example", "send", {"content": {}}))
        await inbox.put(tx, Incoming("curbside", "matrix.event", "$e", "lane", {}))
        await timers.set_timer(tx, "consult.answer", "C-7F3K", tx.now + timedelta(seconds=10))
    assert await probe() == []
    clock.advance(timedelta(seconds=41))
    assert await probe() == ["The most overdue timer is late by 31 s, longer than 30 s."]
    clock.advance(timedelta(minutes=2))
    reasons = await probe()
    assert [reason.partition(" has")[0].partition(" is")[0] for reason in reasons] == [
        "The oldest undelivered message",
        "The most overdue timer",
        "The oldest unhandled event",
    ]
    assert reasons[0] == "The oldest undelivered message has waited 2 min, longer than 2 min."


async def test_bots_that_stopped_or_are_silent_are_named(clock: ManualClock) -> None:
    states = [
        BotState("curbside", None, START),
        BotState("support", "The access token was revoked.", None),
        BotState("third", None, None),
    ]
    probe = bots_probe(lambda: states, clock)
    assert await probe() == [
        "The bot support has stopped: The access token was revoked.",
        "The bot third has not synchronised yet.",
    ]
    clock.advance(timedelta(minutes=5))
    assert "The bot curbside last synchronised 5 min ago." in await probe()
    assert metrics.registry.get_sample_value("curbside_bot_up", {"bot": "curbside"}) == 0


async def test_a_probe_that_fails_or_hangs_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.health._PROBE_SECONDS", 0.05)
    health = Health()

    async def fails() -> list[str]:
        raise RuntimeError("patient Jane")

    async def hangs() -> list[str]:
        await asyncio.Event().wait()
        return []

    health.add("database", fails)
    health.add("roster", hangs)
    first, second = await health.reasons()
    assert first == "The database could not be checked (RuntimeError)."
    assert second.startswith("The roster did not answer")


async def test_metrics_are_prometheus_text_with_the_database_s_gauges(
    served: tuple[Health, str, aiohttp.ClientSession], database: Database, clock: ManualClock
) -> None:
    _, url, session = served
    async with database.begin() as tx:
        await outbox.put(tx, Outgoing("curbside", "dm:@jane:h.example", "send", {"content": {"body": "PHI"}}))
        await inbox.put(tx, Incoming("curbside", "matrix.event", "$e", "lane", {}))
        await timers.set_timer(tx, "consult.answer", "C-7F3K", tx.now + timedelta(seconds=10))
    clock.advance(timedelta(seconds=90))
    metrics.acknowledge_seconds.labels("urgent").observe(75)
    async with session.get(f"{url}/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("curbside_")
    }
    assert samples["curbside_oldest_outbox_seconds"] == 90
    assert samples["curbside_overdue_timers"] == 1
    assert samples["curbside_inbox_pending"] == 1
    assert not any(word in text for word in ("jane", "PHI", "C-7F3K", "h.example"))


async def test_metrics_are_served_without_a_database(
    served: tuple[Health, str, aiohttp.ClientSession], database: Database, tmp_path: Path
) -> None:
    _, url, session = served
    await database.close()
    (tmp_path / "curbside.db").write_bytes(b"not a database at all, and long enough to be looked at")
    async with session.get(f"{url}/metrics") as answer:
        assert answer.status == 200


async def test_a_taken_port_is_one_sentence(database: Database) -> None:
    first = WebServer(WebSettings(port=0), Health(), database)
    await first.start()
    second = WebServer(WebSettings(port=first.port), Health(), database)
    with pytest.raises(CurbsideError, match=r"^web\.port: cannot listen on 127\.0\.0\.1:"):
        await second.start()
    await first.stop()


async def test_no_host_means_no_server(database: Database) -> None:
    server = WebServer(WebSettings(host=""), Health(), database)
    await server.start()
    with pytest.raises(CurbsideError):
        _ = server.port
    await server.stop()


# Logs --------------------------------------------------------------------------------------------


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


def logger(name: str, written: io.StringIO, form: logs.LogFormat = "json") -> logging.Logger:
    """A logger that writes through our formatter, and leaves the tests' own logging as it is."""
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.JsonLines() if form == "json" else logs.TextLines())
    made = logging.Logger(name)
    made.addHandler(handler)
    return made


def test_a_log_line_is_json_with_its_extra_fields(written: io.StringIO) -> None:
    logger("bot.app", written).info("entry %s handled", "E1", extra={"topic": "matrix.event", "attempt": 2})
    line = json.loads(written.getvalue())
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "bot.app",
        "message": "entry E1 handled",
        "topic": "matrix.event",
        "attempt": 2,
    }


def test_exceptions_are_logged_without_their_text_unless_it_is_ours(written: io.StringIO) -> None:
    log = logger("bot.app", written)
    try:
        try:
            raise ValueError("patient Jane, born 1950")
        except ValueError as error:
            raise CurbsideError("The roster is broken.") from error
    except CurbsideError:
        log.exception("failed")
    error = json.loads(written.getvalue())["error"]
    assert error["type"] == "CurbsideError"
    assert error["text"] == "The roster is broken."
    assert error["cause"]["type"] == "ValueError"
    assert "test_web.py" in error["cause"]["at"][-1]
    assert "Jane" not in written.getvalue()


def test_user_ids_and_objects_stay_out(written: io.StringIO) -> None:
    log = logger("bot.matrix.sync", written)
    log.warning(
        "no chat with %s", "@jane:h.example", extra={"room": "dm:@jane:h.example", "event": {"body": "x"}}
    )
    line = json.loads(written.getvalue())
    assert (line["message"], line["room"], line["event"]) == (
        "no chat with @*:h.example",
        "dm:@*:h.example",
        "dict",
    )


def test_other_libraries_tell_only_their_template(written: io.StringIO) -> None:
    log = logger("asyncio", written)
    log.error("Task exception was never retrieved\nfuture: <Task exception=ValueError('patient Jane')>")
    log.error("cannot parse %s", "patient Jane", extra={"event": "Jane"})
    first, second = map(json.loads, written.getvalue().splitlines())
    assert first["message"] == "Task exception was never retrieved"
    assert second["message"] == "cannot parse %s"
    assert "Jane" not in written.getvalue()


def test_the_text_format_is_one_line(written: io.StringIO) -> None:
    logger("bot.app", written, "text").warning("slow", extra={"seconds": 3})
    assert written.getvalue().rstrip().endswith("WARNING bot.app: slow seconds=3")


def test_configure_silences_those_that_log_contents() -> None:
    names = ("", *logs._SILENT, *logs._QUIET)
    before = {name: logging.getLogger(name).level for name in names}
    root = logging.getLogger()
    handlers = root.handlers[:]
    try:
        logs.configure("debug", "json", io.StringIO())
        assert not logging.getLogger("nio.crypto").isEnabledFor(logging.CRITICAL)
        assert not logging.getLogger("aiohttp.access").isEnabledFor(logging.CRITICAL)
        assert not logging.getLogger("asyncio").isEnabledFor(logging.INFO)
        assert logging.getLogger("bot.app").isEnabledFor(logging.DEBUG)
    finally:
        root.handlers[:] = handlers
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
