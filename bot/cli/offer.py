"""`curbside offer`: which services this hospital offers to others, and which of theirs may be asked here."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.common import opened, outside_migrations, with_config
from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from bot.consults.between.store import Given, Got
    from bot.settings import Settings


@click.group()
def command() -> None:
    """Services between hospitals: what we offer stands in the roster, what others offer comes by itself."""


@command.command("list")
@with_config
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(config: Path, as_json: bool) -> None:
    """Show what we offer to whom, and what other hospitals offer us, until when."""
    from bot.directory.roster import load_roster
    from bot.settings import load

    settings = load(config)
    roster = load_roster(settings.path(settings.roster), settings.timezone)
    given, got = asyncio.run(_read(settings))
    rows: list[dict[str, object]] = []
    for server in sorted(
        {server for one in roster.services.values() for server in one.offered_to} | set(given)
    ):
        keys = sorted(key for key, one in roster.services.items() if server in one.offered_to)
        until = given[server].expires.isoformat() if server in given and keys else None
        rows.append({"direction": "to", "server": server, "services": keys, "told_until": until})
    for server, offer in got.items():
        services = [
            {"key": one.key, "names": dict(one.names), "declined": one not in offer.open}
            for one in offer.services
        ]
        until = offer.expires.isoformat()
        rows.append({"direction": "from", "server": server, "services": services, "until": until})
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    if not rows:
        click.echo("Nothing is offered, to nobody and by nobody.")
    for row in rows:
        click.echo(_line(row))


def _line(row: dict[str, object]) -> str:
    services = row["services"]
    assert isinstance(services, list)
    if row["direction"] == "to":
        told = f"told until {str(row['told_until'])[:10]}" if row["told_until"] else "not told yet"
        return f"to {row['server']}: {', '.join(services) or 'nothing'} ({told})"
    shown = [f"{one['key']}{' (declined)' if one['declined'] else ''}" for one in services]
    return f"from {row['server']}: {', '.join(shown) or 'nothing'} (until {str(row['until'])[:10]})"


@command.command()
@with_config
@click.argument("server")
@click.argument("service", default="*")
def decline(config: Path, server: str, service: str) -> None:
    """Let nobody here ask for a SERVICE that SERVER offers; without SERVICE, for none of them."""
    _change(config, server, service, declined=True)


@command.command()
@with_config
@click.argument("server")
@click.argument("service", default="*")
def accept(config: Path, server: str, service: str) -> None:
    """Take a decline back."""
    _change(config, server, service, declined=False)


def _change(config: Path, server: str, service: str, *, declined: bool) -> None:
    from bot.settings import load

    offer = asyncio.run(_decide(load(config), server, service, declined))
    open_now = ", ".join(one.key for one in offer.open) or "nothing"
    click.echo(f"{server}: {open_now} can be asked.")


async def _read(settings: Settings) -> tuple[dict[str, Given], dict[str, Got]]:
    from bot.consults.between import store
    from bot.kernel import migrate

    async with opened(settings) as database:
        await migrate.require(database, outside_migrations())
        async with database.read() as tx:
            return await store.given(tx), await store.got(tx)


async def _decide(settings: Settings, server: str, service: str, declined: bool) -> Got:
    from bot.consults.between import offering, store
    from bot.kernel import migrate

    async with opened(settings) as database:
        await migrate.require(database, outside_migrations())
        async with database.begin() as tx:
            offer = (await store.got(tx, [server])).get(server)
            if offer is None:
                raise CurbsideError(f"{server} has offered nothing; `curbside offer list` shows who has.")
            if service not in (store.ALL, *(one.key for one in offer.services), *offer.declined):
                raise CurbsideError(f"{server} does not offer {service}; `curbside offer list` shows what.")
            action = "between.offer.declined" if declined else "between.offer.accepted"
            tx.audit("operator", action, server, service=service)
            return await store.decline(tx, offer, offering.without(offer, service, declined=declined))
