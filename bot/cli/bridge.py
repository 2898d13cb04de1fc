"""`curbside bridge`: which bridges there are, how they fare, and whether their peers can be used."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.common import opened, outside_migrations, with_config
from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from bot.settings import Settings

_SECONDS = 30.0


@click.group()
def command() -> None:
    """The bridges of the settings: SMS, pagers, and those of other packages."""


@command.command("list")
@with_config
@click.option("--dead", is_flag=True, help="The messages that were given up as well, the latest first.")
def list_(config: Path, dead: bool) -> None:
    """Each bridge, whether it runs, what waits for it, and what it gave up."""
    from bot.kernel import bridging, migrate
    from bot.settings import load

    async def work() -> None:
        settings = load(config)
        async with opened(settings) as database:
            await migrate.require(database, outside_migrations())
            async with database.read() as tx:
                known = {row.name: row for row in await bridging.known(tx)}
                for name, table in settings.bridges.items():
                    row = known.get(name)
                    letters = await bridging.dead_letters(tx, name)
                    if row is None or row.held_until <= tx.now:
                        state = "does not run"
                    elif row.circuit.open_since is not None:
                        state = f"out of reach since {_time(row.circuit.open_since)} ({row.circuit.reason})"
                    else:
                        state = "runs"
                    waiting = await bridging.waiting(tx, name)
                    click.echo(f"{name} ({table.kind}): {state}; {waiting} waiting, {len(letters)} given up")
                    for letter in letters if dead else ():
                        click.echo(f"  {letter.id} {_time(letter.at)} {letter.reason}")
        if not settings.bridges:
            click.echo("No bridges: docs/bridges.md says how to set one up.")

    asyncio.run(work())


def _time(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


@command.command()
@with_config
@click.argument("name")
def check(config: Path, name: str) -> None:
    """Try a bridge's peer without sending anything; exit 1 if it cannot be used."""
    from bot.settings import load

    settings = load(config)
    if name not in settings.bridges:
        known = ", ".join(settings.bridges) or "none"
        raise CurbsideError(f"There is no bridge {name} in the settings, which have: {known}.")
    sound, text = asyncio.run(look(settings, name))
    if not sound:
        raise CurbsideError(f"bridges.{name}: {text}")
    click.echo(f"bridges.{name}: {text}")


async def look(settings: Settings, name: str) -> tuple[bool, str]:
    """Whether a bridge can be used, and a sentence; nothing is sent. Raises CurbsideError: wrong options."""
    from bot.app import make_bridges
    from bridges.contract import Inbound, Report

    class Nowhere:
        """A sink for what nobody asked for; the peer will say it again to those who run the bridge."""

        async def received(self, inbound: Inbound) -> bool:
            raise CurbsideError("This is only a check.")

        async def report(self, report: Report) -> bool:
            raise CurbsideError("This is only a check.")

    bridge = make_bridges(settings).bridges[name]
    try:
        async with asyncio.timeout(_SECONDS):
            try:
                await bridge.start(Nowhere())
                health = await bridge.health()
            finally:
                await bridge.stop()
    except Exception as error:
        return False, f"It cannot be started ({type(error).__name__})."
    return health.ok, health.text or "its peer can be used"
