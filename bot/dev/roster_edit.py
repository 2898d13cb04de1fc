"""Putting people on a development roster: read, changed and written back whole, under a lock."""

from __future__ import annotations

import fcntl
import json
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time
from pathlib import Path
from typing import Any

from bot.kernel.errors import CurbsideError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def quoted(text: str) -> str:
    """A TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file beside and rename it over, so that nobody reads half of it."""
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    fresh.replace(path)


def add_clinician(
    roster: Path,
    user_id: str,
    name: str,
    *,
    specialty: str = "",
    level: str = "L0",
    on_call_for: str | None = None,
) -> None:
    """Put a clinician on the roster, and at the end of a service's chain; the service is made if missing.

    Somebody whom an included file names stays as they are there. Comments in the file are lost. Raises
    CurbsideError when the service belongs to an included file.
    """
    with _edited(roster) as values:
        included = _included(roster, values)
        if not any(user_id in other.get("clinicians", {}) for other in included.values()):
            entry = {"name": name, "specialty": specialty, "level": level}
            values.setdefault("clinicians", {})[user_id] = entry
        if on_call_for is not None:
            key = re.sub(r"[^a-z0-9_]+", "-", on_call_for.lower()).strip("-_") or "service"
            for path, other in included.items():
                if key in other.get("services", {}):
                    raise CurbsideError(f"{key} stands in {path}: write there who is on call.")
            service = values.setdefault("services", {}).setdefault(key, {"name": on_call_for.capitalize()})
            chain = service.setdefault("on_call", [])
            if user_id not in chain:
                chain.append(user_id)


def _included(roster: Path, values: dict[str, Any]) -> dict[Path, dict[str, Any]]:
    paths = [path for pattern in values.get("include", ()) for path in sorted(roster.parent.glob(pattern))]
    return {path: tomllib.loads(path.read_text("utf-8")) for path in paths}


@contextmanager
def _edited(roster: Path) -> Iterator[dict[str, Any]]:
    with roster.with_name(roster.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        values = tomllib.loads(roster.read_text("utf-8"))
        yield values
        write_atomically(roster, _toml(values))


def _toml(values: dict[str, Any]) -> str:
    """A roster as TOML: `[section.entry]` tables with everything below them inline."""
    lines = [f"{_key(name)} = {_inline(value)}" for name, value in values.items() if _is_plain(value)]
    for section, entries in values.items():
        for key, entry in entries.items() if not _is_plain(entries) else ():
            lines.append(f"\n[{section}.{_key(key)}]")
            lines += [f"{_key(name)} = {_inline(value)}" for name, value in entry.items()]
    return "\n".join(lines).lstrip() + "\n"


def _is_plain(value: Any) -> bool:
    return not isinstance(value, dict)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else quoted(name)


def _inline(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(name)} = {_inline(part)}" for name, part in value.items()) + " }"
    if isinstance(value, date | time):
        return value.isoformat()
    return json.dumps(value)
