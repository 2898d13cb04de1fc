"""`curbside keys`: the bots' Matrix identities, and the keys that seal the database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.common import open_keys, opened, outside_migrations, with_config
from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from bot.settings import Settings


@click.group()
def command() -> None:
    """Cross-signing keys of the bots, and at-rest keys of the database."""


@command.command()
@with_config
@click.option(
    "--reset", is_flag=True, help="Make new identities although there are some: people see a warning."
)
def bootstrap(config: Path, reset: bool) -> None:
    """Set up cross-signing for every bot, so that clients trust their devices."""
    from bot import app
    from bot.settings import load

    settings = load(config)
    if reset:
        click.confirm("Everybody's client will show that the bots' identities changed. Go on?", abort=True)
    for line in asyncio.run(app.bootstrap_keys(settings, reset)):
        click.echo(line)


@command.command()
@with_config
def status(config: Path) -> None:
    """Say in plain words what people's clients show about the bots, and which keys seal the database."""
    from bot import app
    from bot.settings import load

    settings = load(config)
    for line in asyncio.run(app.key_status(settings)):
        click.echo(line)
    count = open_keys(settings).size
    click.echo(f"At-rest keys: {count}; the newest seals" + (", older ones only open." if count > 1 else "."))


@command.command()
@with_config
def rotate(config: Path) -> None:
    """Add a new at-rest key and seal everything stored anew with it. May be broken off and repeated.

    Every process of Curbside must be stopped meanwhile.
    """
    from bot.kernel.sealing import KeyRing
    from bot.settings import load

    settings = load(config)
    path = settings.path(settings.at_rest_keys)
    open_keys(settings)  # a broken key file is refused, not added to
    asyncio.run(_refuse_while_running(settings))
    KeyRing.append_new_key(path)
    click.echo(f"Added a key to {path}: copy the file to your safe place now.")
    asyncio.run(_reseal(settings))
    click.echo("Done. Keep the old keys in the file: they open backups and check the audit trail.")


async def _refuse_while_running(settings: Settings) -> None:
    """A running process knows only the old keys, and could not open what is sealed anew."""
    from sqlalchemy import select

    from bot.kernel import migrate
    from bot.matrix.store import bot_accounts

    async with opened(settings) as database:
        await migrate.require(database, outside_migrations())
        async with database.read() as tx:
            held = select(bot_accounts.c.bot).where(bot_accounts.c.owned_until > tx.now)
            running = sorted((await tx.conn.execute(held)).scalars())
    if running:
        raise CurbsideError(
            f"Curbside is running ({', '.join(running)}), or was seconds ago: stop every process of it, "
            "wait half a minute, and rotate then."
        )


async def _reseal(settings: Settings) -> None:
    from bot.kernel.db import sealed_tables

    async with opened(settings) as database:
        for table in sealed_tables():
            click.echo(f"{table.name}: {await database.reseal(table)} rows sealed anew")
        async with database.begin() as tx:
            tx.audit("operator", "keys.rotated", "at-rest", keys=tx.keys.size)
