"""`curbside check`: one line per finding, and exit code 1 when one of them is an error."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from bot.cli.common import with_config

_COLOURS = {"ok": "green", "hint": "cyan", "warn": "yellow", "error": "red"}


@click.command()
@with_config
def command(config: Path) -> None:
    """Say whether everything that the bots need is sound; changes nothing."""
    from bot.cli.findings import everything
    from bot.settings import load

    settings = load(config)
    click.echo(f"{click.style('ok   ', fg='green')} settings: {config} is read")

    async def work() -> int:
        errors = 0
        async for finding in everything(settings):
            level = click.style(finding.level.ljust(5), fg=_COLOURS[finding.level])
            click.echo(f"{level} {finding.subject}: {finding.text}")
            errors += finding.level == "error"
        return errors

    if asyncio.run(work()):
        raise SystemExit(1)
