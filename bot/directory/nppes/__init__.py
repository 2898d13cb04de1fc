"""The United States' register of providers (NPPES), from its public CSV file.

Source: CMS, "NPPES Data Dissemination", file `npidata_pfile_….csv`, one header line and some 330 columns of
which these matter. Deactivated numbers stand there with hardly more than their date of deactivation.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from bot.directory.nppes import store
from bot.directory.nppes.store import Entry, Progress
from bot.directory.numbers import npi_ok
from bot.kernel.db import Database
from bot.kernel.errors import CurbsideError

NPI = "NPI"
KIND = "Entity Type Code"
LAST, FIRST = "Provider Last Name (Legal Name)", "Provider First Name"
TAXONOMY = "Healthcare Provider Taxonomy Code_1"
STATE = "Provider Business Practice Location Address State Name"
DEACTIVATED, REACTIVATED = "NPI Deactivation Date", "NPI Reactivation Date"
_NEEDED = (NPI, KIND, LAST, FIRST, TAXONOMY, STATE, DEACTIVATED)
_PERSON = "1"
_BATCH = 5000  # rows in one transaction: the bots beside us wait no longer than that


async def import_nppes(
    database: Database,
    path: Path,
    *,
    states: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Read the file into the database; returns how many people it gave.

    `states` keeps only those who practise there (two letters, as in the file), and every deactivated
    number. `progress` is told bytes read and the file's size. Broken off, the same call goes on where it
    was; repeated after its end, it reads the file anew only if that has changed. Raises CurbsideError when
    the file is not in this format.
    """
    wanted = frozenset(state.strip().upper() for state in states)
    try:
        stat = path.stat()  # noqa: ASYNC240 - a command of its own reads the file, beside nothing else
        with path.open("rb") as file:
            columns, begin = _header(file, path)
            import_id = _import_id(path, stat.st_size, stat.st_mtime_ns, wanted)
            async with database.read() as tx:
                now = await store.progress(tx, import_id)
            if now.done:
                return now.kept
            file.seek(max(begin, now.place))
            for entries, place in _batches(file, columns, wanted):
                now = Progress(place, now.kept + len(entries))
                async with database.begin() as tx:
                    await store.keep(tx, entries)
                    await store.keep_progress(tx, import_id, now)
                if progress is not None:
                    progress(place, stat.st_size)
    except OSError as error:
        raise CurbsideError(f"The file {path} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error):
        raise CurbsideError(f"The file {path} is not CSV in UTF-8: unpack the archive first.") from None
    async with database.begin() as tx:
        await store.keep_progress(tx, import_id, Progress(now.place, now.kept, done=True))
    return now.kept


def _import_id(path: Path, size: int, changed: int, states: frozenset[str]) -> str:
    what = json.dumps([path.name, size, changed, sorted(states)])
    return hashlib.sha256(what.encode()).hexdigest()


def _header(file: BinaryIO, path: Path) -> tuple[Mapping[str, int], int]:
    line = file.readline()
    names = next(csv.reader([line.decode("utf-8-sig")]), [])
    columns = {name.strip(): place for place, name in enumerate(names)}
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise CurbsideError(f"The file {path} is not the NPPES file: its column {missing[0]!r} is missing.")
    return columns, len(line)


def _batches(
    file: BinaryIO, columns: Mapping[str, int], states: frozenset[str]
) -> Iterator[tuple[list[Entry], int]]:
    """Entries in batches, each with the place in the file behind its last row."""
    place = file.tell()

    def lines() -> Iterator[str]:
        nonlocal place
        for line in file:
            place += len(line)
            yield line.decode("utf-8")

    entries: list[Entry] = []
    # The reader takes no line before it needs it, so that `place` is always behind this row.
    for read, row in enumerate(csv.reader(lines()), 1):
        entry = _entry(row, columns, states)
        if entry is not None:
            entries.append(entry)
        if read % _BATCH == 0:
            yield entries, place
            entries = []
    yield entries, place


def _entry(row: Sequence[str], columns: Mapping[str, int], states: frozenset[str]) -> Entry | None:
    """A row as an entry; None if it is no person, or of no state that was asked for."""

    def cell(name: str) -> str:
        place = columns.get(name, len(row))
        return row[place].strip() if place < len(row) else ""

    number = cell(NPI)
    gone = bool(cell(DEACTIVATED)) and not cell(REACTIVATED)
    if not npi_ok(number) or (cell(KIND) != _PERSON and not (gone and not cell(KIND))):
        return None
    if states and not gone and cell(STATE).upper() not in states:
        return None
    name = ", ".join(part for part in (cell(LAST), cell(FIRST)) if part)
    return Entry(number, name[:200], cell(TAXONOMY)[:16], cell(STATE)[:40], not gone)
