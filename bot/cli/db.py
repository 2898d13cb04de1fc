"""`curbside db`: the database's tables."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from bot.cli.common import opened, outside_migrations, with_config


@click.group()
def command() -> None:
    """Upgrade the database's tables, take an upgrade back, or see where they stand."""


@command.command()
@with_config
@click.argument("target", default="heads")
def upgrade(config: Path, target: str) -> None:
    """Bring the tables to this version (or to the revision TARGET)."""
    from bot.kernel import migrate
    from bot.settings import load

    async def work() -> bool:
        async with opened(load(config)) as database:
            return await migrate.upgrade(database, target, outside_migrations())

    click.echo("The tables are upgraded." if asyncio.run(work()) else "The tables were up to date.")


@command.command()
@with_config
@click.argument("target")
@click.option("--yes", is_flag=True, help="Do not ask.")
def downgrade(config: Path, target: str, yes: bool) -> None:
    """Go back to the revision TARGET (-1: the one before; base: no tables). Data is lost."""
    from bot.kernel import migrate
    from bot.settings import load

    settings = load(config)
    if not yes:
        click.confirm("What the tables taken back hold is lost. Go on?", abort=True)

    async def work() -> None:
        async with opened(settings) as database:
            await migrate.downgrade(database, target, outside_migrations())

    asyncio.run(work())
    click.echo(f"The tables are back at {target}.")


# Negative revisions such as -1 are no options.
downgrade.context_settings = {"ignore_unknown_options": True}


@command.command()
@with_config
def status(config: Path) -> None:
    """Say at which revision the tables are; exit 1 unless it is this version's."""
    from bot.kernel import migrate
    from bot.settings import load

    async def work() -> migrate.Status:
        async with opened(load(config)) as database:
            return await migrate.status(database, outside_migrations())

    found = asyncio.run(work())
    click.echo(f"database: {', '.join(sorted(found.current)) or 'empty'}")
    click.echo(f"this version: {', '.join(sorted(found.heads))}")
    if not found.up_to_date:
        raise SystemExit(1)
