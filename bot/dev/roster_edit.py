"""Putting people on a development roster: read, changed and written back whole, under a lock."""

from __future__ import annotations

import fcntl
import json
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

    Comments in the file are lost.
    """
    with _edited(roster) as values:
        values.setdefault("clinicians", {})[user_id] = {"name": name, "specialty": specialty, "level": level}
        if on_call_for is not None:
            key = re.sub(r"[^a-z0-9_]+", "-", on_call_for.lower()).strip("-_") or "service"
            service = values.setdefault("services", {}).setdefault(key, {"name": on_call_for.capitalize()})
            chain = service.setdefault("on_call", [])
            if user_id not in chain:
                chain.append(user_id)


@contextmanager
def _edited(roster: Path) -> Iterator[dict[str, Any]]:
    with roster.with_name(roster.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        values = tomllib.loads(roster.read_text("utf-8"))
        yield values
        write_atomically(roster, _toml(values))


def _toml(values: dict[str, Any]) -> str:
    """A roster as TOML: `[section.entry]` tables with everything below them inline."""
    lines = []
    for section, entries in values.items():
        for key, entry in entries.items():
            lines.append(f"[{section}.{_key(key)}]")
            lines += [f"{_key(name)} = {_inline(value)}" for name, value in entry.items()]
            lines.append("")
    return "\n".join(lines)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else quoted(name)


def _inline(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(name)} = {_inline(part)}" for name, part in value.items()) + " }"
    return json.dumps(value)
