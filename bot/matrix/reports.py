"""Reports that people make with their client ("Report content"): they reach the homeserver's administrators.

Synapse's admin API, "Show reported events", gives them out to whoever has an administrator's token; an
operator who sets `moderation.reports_token_file` lets the moderators see them. What people write as their
reason is left where it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from bot.chat.capability import Capability
from bot.chat.desk import House
from bot.kernel import inbox
from bot.kernel.db import Database
from bot.kernel.engine import backoff
from bot.kernel.inbox import Incoming
from bot.matrix.http import Http, MatrixError, open_session
from bot.matrix.rooms import as_int
from bot.matrix.store import SecretBox
from bot.settings import BadSettings

log = logging.getLogger(__name__)

TOPIC = "moderation.report"
_SETTING = "moderation.reports_token_file"
_PATH = "/_synapse/admin/v1/event_reports"
_EVERY_SECONDS = 10.0
_MOST_SECONDS = 600.0
_PAGE = 100
_PAGES = 20
_LATELY_SECONDS = 86_400.0  # on the first look, older reports are left to those who had them already
_LONGEST = 255


async def keep_looking(house: House, database: Database) -> None:
    """Look for new reports until cancelled; returns at once where the operator gave no token."""
    path = house.settings.moderation.reports_token_file
    if path is None:
        return
    failures = 0
    async with open_session() as session:
        http = Http(house.settings.homeserver, session)
        while True:
            try:
                http.token = house.settings.secret(path, _SETTING)  # it may have been replaced
                await look(house, database, http)
                failures, pause = 0, _EVERY_SECONDS
            except (MatrixError, BadSettings) as error:
                failures += 1
                pause = backoff(failures, first=_EVERY_SECONDS, most=_MOST_SECONDS).total_seconds()
                if failures == 1:
                    log.error("reports cannot be read", extra={"error": str(error)})
            await asyncio.sleep(pause)


async def look(house: House, database: Database, http: Http) -> int:
    """Hand on the reports made since the last look; returns how many were new."""
    bot = next(iter(house.bot_users))
    box = SecretBox(database, bot)
    last = await box.load("last report")
    since = database.clock.now().timestamp() - _LATELY_SECONDS if last is None else 0.0
    newest, fresh = await _newer(http, as_int(last, 0), since)
    async with database.begin() as tx:
        entries = [entry for report in reversed(fresh) if (entry := _entry(bot, report)) is not None]
        number = await inbox.put_all(tx, entries)
    if newest != last:
        # Kept afterwards: what is handed on twice after a crash is recognised by its number.
        await box.save("last report", newest)
    return number


async def _newer(http: Http, last: int, since: float) -> tuple[int, list[Mapping[str, Any]]]:
    """The highest number of a report, and those above `last` received after `since`, the newest first."""
    found: list[Mapping[str, Any]] = []
    newest, start = last, 0
    for _ in range(_PAGES):
        query = {"dir": "b", "limit": str(_PAGE), "from": str(start)}
        answer = await http.request("GET", _PATH, query=query)
        page = answer.get("event_reports")
        reports = [one for one in page if isinstance(one, Mapping)] if isinstance(page, list) else []
        new = [
            one
            for one in reports
            if as_int(one.get("id"), 0) > last and as_int(one.get("received_ts"), 0) >= since * 1000
        ]
        found += new
        newest = max([newest, *(as_int(one.get("id"), 0) for one in reports)])
        if len(new) < len(reports) or not reports or not isinstance(answer.get("next_token"), int):
            break
        start = answer["next_token"]
    return newest, found


def _entry(bot: str, report: Mapping[str, Any]) -> Incoming | None:
    names = {name: report.get(name) for name in ("room_id", "event_id", "user_id", "sender")}
    if not all(isinstance(name, str) and 0 < len(name) <= _LONGEST for name in names.values()):
        return None  # an event that the homeserver has no longer
    payload = {
        "room_id": names["room_id"],
        "event_id": names["event_id"],
        "reporter": names["user_id"],
        "sender": names["sender"],
    }
    source = f"report {as_int(report.get('id'), 0)}"
    return Incoming(bot, TOPIC, source, f"report {names['room_id']}"[:320], payload)


REPORTS = Capability(name="reports", workers=(keep_looking,))
