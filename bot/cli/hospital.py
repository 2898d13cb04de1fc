"""`curbside hospital`: which other hospitals take part, by statements that operators send each other."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from bot.cli.common import opened, outside_migrations, with_config
from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from datetime import datetime

    from bot.directory.hospital.rules import Hospital
    from bot.directory.hospital.service import Offer
    from bot.kernel.db import Database, Tx
    from bot.settings import Settings

_SHARED = ("rooms", "consults", "invites")
_SERVER = re.compile(r"[A-Za-z0-9.:\[\]-]{1,240}")


class _Shares(click.ParamType[frozenset[str]]):
    name = "WHAT,…"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[str]:
        words = frozenset(word.strip() for word in str(value).split(",") if word.strip())
        unknown = sorted(words - set(_SHARED))
        if unknown:
            self.fail(f"{unknown[0]!r} is none of {', '.join(_SHARED)}.", param, ctx)
        return words


class _Server(click.ParamType[str]):
    name = "SERVER"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if _SERVER.fullmatch(str(value)) is None:
            self.fail("must be a server name such as clinic.example.", param, ctx)
        return str(value)


@click.group()
def command() -> None:
    """Other hospitals: exchange statements with their operators, and decide what each may do."""


@asynccontextmanager
async def _ready(settings: Settings) -> AsyncIterator[Database]:
    from bot.kernel import migrate

    async with opened(settings) as database:
        await migrate.require(database, outside_migrations())
        yield database


# Our statement -----------------------------------------------------------------------------------


@command.command()
@with_config
@click.option(
    "--allow",
    type=_Shares(),
    default=",".join(_SHARED),
    show_default=True,
    help="What our people may take part in at the other hospital.",
)
@click.option(
    "--days", type=click.IntRange(1, 1100), default=365, show_default=True, help="How long it counts."
)
@click.option("--for", "addressee", type=_Server(), help="The one hospital it is for; without, every one.")
@click.option("--contact", default="", help="A role that can be reached, such as it-desk@hospital.example.")
@click.option("--rotate", is_flag=True, help="Make a new key first; the old one confirms it.")
def statement(
    config: Path, allow: frozenset[str], days: int, addressee: str | None, contact: str, rotate: bool
) -> None:
    """Write our own signed statement to stdout, to be sent to another hospital's operator."""
    from bot.directory.hospital import service
    from bot.directory.hospital.statement import StatementRefused, fingerprint, read, write
    from bot.settings import load

    settings = load(config)

    async def work() -> tuple[str, str]:
        async with _ready(settings) as database, database.begin() as tx:
            signed = await service.issue(
                tx, settings, allow=allow, days=days, addressee=addressee, contact=contact, rotate=rotate
            )
            text = write(signed)
            try:
                read(text)  # what others would refuse is not sent
            except StatementRefused as error:
                raise CurbsideError(f"Our own statement would be refused: {error}") from None
            return text, fingerprint(signed.statement.key)

    text, shown = asyncio.run(work())
    click.echo(f"Statement of {settings.hospital} ({settings.server_name}).", err=True)
    click.echo(f"Read out on the telephone when they ask: {shown}", err=True)
    click.echo(text, nl=False)


# Others' statements ------------------------------------------------------------------------------


@command.command()
@with_config
@click.argument("file", type=click.File("rb"))
@click.option("--fingerprint", "told", help="Their key's fingerprint, as their operator has told you.")
@click.option(
    "--allow", type=_Shares(), help="What of its offer we permit; without, all of it, or as before."
)
@click.option(
    "--proves",
    type=click.Choice(["L0", "L1", "L2"]),
    help="What an account there proves about its owner; without, L0, or as before.",
)
def add(
    config: Path, file: IO[bytes], told: str | None, allow: frozenset[str] | None, proves: str | None
) -> None:
    """Let another hospital take part, by its statement in FILE (`-` for stdin); also renews one."""
    from bot.directory.hospital import service
    from bot.directory.hospital.statement import MOST_BYTES
    from bot.directory.standing import Level
    from bot.settings import load

    settings = load(config)
    raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise CurbsideError(f"The file is longer than {MOST_BYTES // 1024} KiB: it holds no statement.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise CurbsideError("The file is no text file.") from None

    async def examine() -> Offer:
        async with _ready(settings) as database, database.read() as tx:
            return await service.examine(tx, settings, text)

    async def accept(first: Offer) -> Hospital:
        async with _ready(settings) as database, database.begin() as tx:
            offer = await service.examine(tx, settings, text)
            if offer.before != first.before:
                raise CurbsideError("The hospital was changed meanwhile: look at the list, and try again.")
            return await service.accept(
                tx, settings, offer, permit=allow, proves=None if proves is None else Level[proves]
            )

    offer = asyncio.run(examine())
    _show(offer)
    _compare(offer, told, interactive=sys.stdin.isatty())
    hospital = asyncio.run(accept(offer))
    now = _now()
    click.echo(f"{hospital.server}: {_state(hospital, settings, now)}, may {_may(hospital, settings, now)}.")


def _show(offer: Offer) -> None:
    stated = offer.signed.statement
    lines = [
        ("Hospital", f"{stated.name} ({stated.server})"),
        ("Offers", ", ".join(sorted(stated.allow)) or "talk only"),
        ("Counts", f"{stated.issued:%Y-%m-%d} to {stated.expires:%Y-%m-%d}"),
        ("Bots", ", ".join(stated.bots) or "none"),
        ("Contact", stated.contact or "none"),
        ("Fingerprint", offer.fingerprint),
    ]
    for name, value in lines:
        click.echo(f"{name + ':':13}{value}")


def _compare(offer: Offer, told: str | None, *, interactive: bool) -> None:
    """A new key counts only after it was compared: whoever can forge a mail can make a statement."""
    from bot.directory.hospital.statement import same_fingerprint

    if told is not None:
        if not same_fingerprint(told, offer.fingerprint):
            raise CurbsideError("The fingerprint is another one: do not use this statement; telephone them.")
        return
    if offer.trusted:
        click.echo("The key is the one known, or confirmed by it.")
        return
    if not interactive:
        raise CurbsideError(
            "The key is new: telephone their operator, compare fingerprints, and give it with --fingerprint."
        )
    click.confirm(
        "Telephone their operator, at a number that you have from elsewhere. Is their fingerprint the same?",
        abort=True,
    )


# Decisions ---------------------------------------------------------------------------------------


@command.command()
@with_config
@click.argument("server", type=_Server())
@click.option(
    "--reason-code",
    default="",
    callback=lambda _ctx, _param, value: _code(value),
    help="A word for the audit trail, such as incident or contract.",
)
def suspend(config: Path, server: str, reason_code: str) -> None:
    """Shut a hospital out at once: no messages, rooms, invitations or consults, until it is resumed."""
    from bot.directory.hospital import service

    _decide(config, server, partial(service.suspend, reason=reason_code))


@command.command()
@with_config
@click.argument("server", type=_Server())
def resume(config: Path, server: str) -> None:
    """Take a suspension back."""
    from bot.directory.hospital import service

    _decide(config, server, service.resume)


@command.command()
@with_config
@click.argument("server", type=_Server())
def remove(config: Path, server: str) -> None:
    """End the agreement with a hospital; to take part again, its statement must be added anew."""
    from bot.directory.hospital import service

    _decide(config, server, service.remove)


def _code(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{0,32}", value):
        raise click.BadParameter("must be a word of lower-case letters, digits and -.")
    return value


def _decide(config: Path, server: str, decide: Callable[[Tx, Settings, str], Awaitable[Hospital]]) -> None:
    from bot.settings import load

    settings = load(config)

    async def work() -> Hospital:
        async with _ready(settings) as database, database.begin() as tx:
            return await decide(tx, settings, server)

    hospital, now = asyncio.run(work()), _now()
    click.echo(f"{server}: {_state(hospital, settings, now)}, may {_may(hospital, settings, now)}.")
    if hospital.state == "removed" and server in settings.allowed_servers:
        click.echo("It still stands in allowed_servers, which counts no longer: take it out there.", err=True)


# List --------------------------------------------------------------------------------------------


@command.command("list")
@with_config
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(config: Path, as_json: bool) -> None:
    """Show every hospital: how it stands, what it may do, until when, and its key's fingerprint."""
    from bot.directory.hospital import store
    from bot.directory.hospital.rules import Hospital
    from bot.settings import load

    settings = load(config)

    async def work() -> list[Hospital]:
        async with _ready(settings) as database, database.read() as tx:
            return await store.everyone(tx)

    known = {hospital.server: hospital for hospital in asyncio.run(work())}
    for server in settings.allowed_servers:
        known.setdefault(server, Hospital(server))
    known.pop(settings.server_name, None)
    rows = [_row(known[server], settings) for server in sorted(known)]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    if not rows:
        click.echo("No other hospital takes part.")
    for row in rows:
        until = str(row["expires"] or "no end")[:10]
        shares = ", ".join(row["may"]) if isinstance(row["may"], list) and row["may"] else "nothing"
        click.echo(
            f"{row['server']}  {row['state']}  {shares}  until {until}  {row['fingerprint'] or 'no key'}"
        )


def _row(hospital: Hospital, settings: Settings) -> dict[str, object]:
    from bot.directory.hospital.statement import fingerprint

    now = _now()
    return {
        "server": hospital.server,
        "name": hospital.name,
        "state": _state(hospital, settings, now),
        "may": sorted(hospital.allowed(now, hospital.server in settings.servers)),
        "proves": hospital.proves.name,
        "expires": hospital.expires.isoformat() if hospital.expires else None,
        "source": "settings" if hospital.expires is None else "statement",
        "sequence": hospital.sequence,
        "reason": hospital.reason,
        "contact": hospital.contact,
        "bots": list(hospital.bots),
        "fingerprint": fingerprint(hospital.key) if hospital.key else None,
    }


def _state(hospital: Hospital, settings: Settings, now: datetime) -> str:
    from bot.directory.hospital.rules import standing_of

    state = standing_of(hospital, now)
    nothing = not hospital.allowed(now, hospital.server in settings.servers)
    return "unknown" if state == "listed" and nothing else state


def _may(hospital: Hospital, settings: Settings, now: datetime) -> str:
    allowed = hospital.allowed(now, hospital.server in settings.servers)
    return ", ".join(sorted(allowed)) or "do nothing"


def _now() -> datetime:
    from bot.kernel.clock import SystemClock

    return SystemClock().now()
