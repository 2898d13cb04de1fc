"""Databases that have every table already: made once in a process by the migrations, then copied."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from uuid import uuid4

from bot.kernel import migrate
from bot.kernel.clock import SystemClock
from bot.kernel.db import Database
from bot.kernel.sealing import KeyRing

_SQLITE = "sqlite+aiosqlite:///"


async def migrate_url(url: str) -> None:
    """Make every table in an empty database; nothing of the keys stays in it."""
    database = Database(url, SystemClock(), KeyRing([b"k" * 32]))
    try:
        await migrate.upgrade(database)
    finally:
        await database.close()


async def put_tables(where: Path | str) -> None:
    """Put a SQLite database with every table at this path, or where this URL says, if there is none.

    Whoever opens it still migrates it, and finds that nothing is to be done.
    """
    if isinstance(where, str) and not where.startswith(_SQLITE):
        return
    path = Path(str(where).removeprefix(_SQLITE))
    if path.exists():
        return
    template = _folder() / "curbside.db"
    if not template.exists():
        fresh = _folder() / f"{uuid4().hex}.db"  # two may be at it at once
        await migrate_url(f"{_SQLITE}{fresh}")
        fresh.replace(template)
    shutil.copy(template, path)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="curbside-tables-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
