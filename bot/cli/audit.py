"""`curbside audit`: check the audit trail, and write it out."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.cli.common import opened, outside_migrations, with_config
from bot.kernel.errors import CurbsideError


@click.group()
def command() -> None:
    """The trail of what was done, by whom and when; it holds no content."""


@command.command()
@with_config
@click.option(
    "--head", help="A MAC noted earlier: says whether the trail still holds the line it belongs to."
)
def verify(config: Path, head: str | None) -> None:
    """Recompute the whole chain; exit 1 when a line was altered, inserted or taken away."""
    from bot.kernel import audit, migrate
    from bot.settings import load

    async def work() -> tuple[int, str, list[str]]:
        async with opened(load(config)) as database:
            await migrate.require(database, outside_migrations())
            async with database.read() as tx:
                count, mac, problems = await audit.verify(tx)
                if head is not None and head != audit.GENESIS:
                    kept = [line.seq async for line in audit.lines(tx) if line.mac == head]
                    if not kept:
                        problems.append("The line of the MAC given with --head is gone: lines were cut off.")
                return count, mac, problems

    count, mac, problems = asyncio.run(work())
    for problem in problems:
        click.echo(problem)
    if problems:
        raise CurbsideError(f"The audit trail of {count} lines is not whole.")
    click.echo(f"{count} lines, unbroken. Note this to recognise a shortened trail later: {mac}")


@command.command()
@with_config
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="In UTC.")
def export(config: Path, since: datetime | None) -> None:
    """Write the trail to stdout, one JSON object a line."""
    from bot.kernel import audit, migrate
    from bot.settings import load

    start = None if since is None else since.replace(tzinfo=UTC)

    async def work() -> None:
        async with opened(load(config)) as database:
            await migrate.require(database, outside_migrations())
            async with database.read() as tx:
                async for line in audit.lines(tx):
                    if start is None or line.at >= start:
                        click.echo(json.dumps({**vars(line), "at": line.at.isoformat()}, ensure_ascii=False))

    asyncio.run(work())
