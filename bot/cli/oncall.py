"""`curbside oncall`: rotas to and from calendar files (iCalendar, RFC 5545)."""

from __future__ import annotations

import asyncio
import re
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.common import opened, outside_migrations, with_config
from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from bot.directory.model import Roster

_LOOKED_AT = timedelta(weeks=12)
_WEEK = timedelta(days=7)
_NAMED = 5


@click.group()
def command() -> None:
    """Rotas to and from calendar files."""


@command.command()
@with_config
@click.argument("rota")
@click.option("--weeks", type=click.IntRange(1, 104), default=12, show_default=True, help="From now on.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A file, in place of stdout.")
def export(config: Path, rota: str, weeks: int, out: Path | None) -> None:
    """Write who is on in ROTA, covers and swaps included, as a calendar file."""
    from bot.directory.roster import load_roster
    from bot.kernel import migrate
    from bot.oncall import rules, store
    from bot.oncall.calendars import calendar_of
    from bot.settings import load

    settings = load(config)
    roster = load_roster(settings.path(settings.roster), settings.timezone)
    found = roster.rotas.get(rota)
    if found is None:
        raise CurbsideError(_no_rota(roster, rota))

    async def work() -> bytes:
        async with opened(settings) as database:
            await migrate.require(database, outside_migrations())
            async with database.read() as tx:
                begin, end = tx.now - _WEEK, tx.now + timedelta(weeks=weeks)
                made = await store.changes_in(tx, [rota], begin, end)
                ahead = rules.stints(found, begin, end, made.get(rota, ()))
                data: bytes = calendar_of(rota, rota, ahead, found.zone, roster.name_of, tx.now)
                return data

    data = asyncio.run(work())
    if out is None:
        click.echo(data, nl=False)
    else:
        out.write_bytes(data)
        click.echo(f"{out}: {rota} from a week ago to in {weeks} weeks.")


@command.command("import")
@with_config
@click.argument("rota")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--anyway", is_flag=True, help="Also when events name nobody of the roster.")
def import_(config: Path, rota: str, file: Path, anyway: bool) -> None:
    """Look at a calendar FILE and put it beside the roster as ROTA.ics, for a layer of that rota to name.

    Its events stay what they are: the layer reads them, and reads them again when the file changes.
    """
    from bot.directory.model import folded
    from bot.directory.roster import load_roster
    from bot.directory.roster_calendar import CalendarError, parse_calendar
    from bot.kernel.clock import SystemClock
    from bot.settings import load

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", rota):
        raise CurbsideError("ROTA must be lower-case letters, digits, - and _, such as cardiology.")
    settings = load(config)
    path = settings.path(settings.roster)
    roster = load_roster(path, settings.timezone)
    names = {folded(one.name): user for user, one in roster.clinicians.items()}
    try:
        data = file.read_bytes()
        diary = parse_calendar(data, settings.timezone, names)
    except OSError as error:
        raise CurbsideError(f"{file} cannot be read: {error.strerror}.") from None
    except CalendarError as error:
        raise CurbsideError(f"{file}: {error}") from None
    now = SystemClock().now()
    duties = diary.between(now, now + _LOOKED_AT)
    strangers = diary.strangers(now, now + _LOOKED_AT)
    people = dict.fromkeys(user for duty in duties for user in duty.people)
    click.echo(f"In the next 12 weeks: {len(duties)} shifts of {len(people)} people.")
    for moment, words in strangers[:_NAMED]:
        click.echo(f"{moment:%Y-%m-%d}: “{words}” names nobody of the roster.")
    if strangers and not anyway:
        raise CurbsideError(
            f"{len(strangers)} events name nobody of the roster: write a clinician's name or Matrix id into "
            "their summaries, or import it --anyway."
        )
    place = path.with_name(f"{rota}.ics")
    _replace(place, data)
    click.echo(f"{place}: written.")
    known = roster.rotas.get(rota)
    if known is None or not any(layer.diary is not None for layer in known.layers):
        click.echo(f'Now name it in {path.name}:\n\n[[rotas.{rota}.layers]]\ncalendar = "{place.name}"')


def _replace(place: Path, data: bytes) -> None:
    """Write a file whole or not at all: it may be read at any moment."""
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=place.name, delete=False) as fresh:
        fresh.write(data)
    Path(fresh.name).chmod(0o644)
    Path(fresh.name).replace(place)


def _no_rota(roster: Roster, rota: str) -> str:
    known = ", ".join(roster.rotas) or "none"
    return f"There is no rota {rota} in the roster; there are: {known}."
