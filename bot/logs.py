"""Structured logs, one JSON object a line, that hold no content.

Only our own code's messages are written whole. Of other libraries' records the unfilled template's
first line is kept, since they put event contents and exception texts into the rest; an exception is
written as its type and place, with its text only if that text is ours (CurbsideError).
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import IO, Any, Literal

from bot.kernel.errors import CurbsideError

LogFormat = Literal["json", "text"]

_OURS = ("bot", "bridges", "migrations")
# These write contents, keys or addresses at ordinary levels; what matters of them we log ourselves.
_SILENT = ("nio", "peewee", "aiohttp.access")
_QUIET = ("aiohttp", "asyncio", "apscheduler", "alembic", "sqlalchemy", "aiosqlite")
_LONGEST = 200
_FRAMES = 6
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_USER_ID = re.compile(r"@[^\s:@]+:(?=\w)")


def configure(level: str = "info", form: LogFormat = "json", stream: IO[str] | None = None) -> None:
    """Send all logs to `stream` (stderr), at `level` for our own loggers."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class JsonLines(logging.Formatter):
    """A record as one JSON object: time, level, logger, message, extra fields, error."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_facts(record), ensure_ascii=False)


class TextLines(logging.Formatter):
    """A record as one line for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        facts = _facts(record)
        head = [str(facts.pop(name)) for name in ("time", "level", "logger", "message")]
        return " ".join(
            [head[0][11:23], head[1].upper().ljust(7), f"{head[2]}:", head[3]]
            + [f"{name}={value}" for name, value in facts.items()]
        )


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    ours = record.name.partition(".")[0] in _OURS
    message = record.getMessage() if ours else str(record.msg).partition("\n")[0]
    facts: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": _safe(message),
    }
    if ours:
        extras = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        facts |= {name: _safe(value) for name, value in extras.items()}
    if record.exc_info and record.exc_info[1] is not None:
        facts["error"] = describe(record.exc_info[1])
    return facts


def _safe(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str):
        return type(value).__name__
    return _USER_ID.sub("@*:", value[:_LONGEST])


def describe(error: BaseException) -> dict[str, Any]:
    """An exception without its text: its type, its place (innermost last), and its causes alike."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    facts: dict[str, Any] = {
        "type": type(error).__name__,
        "at": [f"{_module_path(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, CurbsideError):
        facts["text"] = _safe(str(error))
    if isinstance(error, BaseExceptionGroup):
        facts["parts"] = [describe(part) for part in error.exceptions[:_FRAMES]]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        facts["cause"] = describe(cause)
    return facts


def _module_path(filename: str) -> str:
    """The last three parts of a path: enough to find the place, nothing about the machine."""
    return "/".join(filename.split("/")[-3:])
