"""`curbside run`: the bots, until SIGTERM or Ctrl-C; what is in hand is finished first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.common import opened, outside_migrations, with_config
from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from bot.settings import Settings

ROLES = ("sync", "worker", "web")


def _words(_ctx: click.Context, _param: click.Parameter, value: str | None) -> frozenset[str] | None:
    return None if value is None else frozenset(word.strip() for word in value.split(",") if word.strip())


@click.command()
@with_config
@click.option(
    "--roles", callback=_words, default=",".join(ROLES), show_default=True, help="What this process does."
)
@click.option("--bots", callback=_words, help="Which bots' devices it owns; all without it.")
@click.option("--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True)
@click.option("--no-migrate", is_flag=True, help="Refuse to start on old tables instead of upgrading them.")
def command(
    config: Path, roles: frozenset[str], bots: frozenset[str] | None, log_format: str, no_migrate: bool
) -> None:
    """Run the bots."""
    from bot import logs
    from bot.settings import load

    settings = load(config)
    if unknown := roles - set(ROLES):
        raise click.BadParameter(
            f"{', '.join(sorted(unknown))}: the roles are {', '.join(ROLES)}", param_hint="--roles"
        )
    if unknown := (bots or frozenset()) - set(settings.bots):
        raise CurbsideError(f"--bots: the settings have no bot {', '.join(sorted(unknown))}.")
    logs.configure(settings.log_level, "text" if log_format == "text" else "json")
    asyncio.run(_run(settings, roles, bots or frozenset(settings.bots), migrate_first=not no_migrate))


async def _run(
    settings: Settings, roles: frozenset[str], bots: frozenset[str], *, migrate_first: bool
) -> None:
    from bot import app
    from bot.kernel import migrate

    folders = outside_migrations()
    async with opened(settings) as database:
        if migrate_first:
            await migrate.upgrade(database, folders=folders)
        else:
            await migrate.require(database, folders)
    await app.run(settings, roles, bots)
