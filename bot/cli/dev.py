"""`curbside dev`: homeservers and bots on this machine, to try things and to test against."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bot.kernel.errors import CurbsideError


@click.group()
def command() -> None:
    """Hospitals on this machine, for trying and testing (needs: pip install 'curbside[demo]')."""


def _with_dir(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--dir",
        "directory",
        type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
        required=True,
        help="Where everything is kept.",
    )(function)


def _guarded(work: Callable[[], Any]) -> Any:
    from bot.dev.synapse import SynapseError

    try:
        return work()
    except SynapseError as error:
        raise CurbsideError(str(error)) from None


@command.command()
@_with_dir
@click.option("--hospitals", type=click.IntRange(1, 9), default=1, show_default=True)
@click.option("--base-port", type=click.IntRange(1024, 65000), help="Free ports are chosen without it.")
@click.option("--database", default="", help="A PostgreSQL URL; SQLite without it.")
@click.option("--limits", type=click.Choice(["on", "off"]), default="off", show_default=True)
@click.option("--department", is_flag=True, help="Give the first one the worked example's department.")
def up(
    directory: Path, hospitals: int, base_port: int | None, database: str, limits: str, department: bool
) -> None:
    """Start federating homeservers, each with its Curbside; return when all are ready."""
    from bot.dev.up import STATE_FILE
    from bot.dev.up import up as start

    directory.mkdir(parents=True, exist_ok=True)
    state = _guarded(
        lambda: start(
            directory,
            hospitals=hospitals,
            base_port=base_port,
            database=database,
            limits=limits == "on",
            department=department,
        )
    )
    for entry in state["hospitals"]:
        click.echo(
            f"{entry['name']}: {entry['homeserver']} ({entry['server_name']}), health {entry['web']}/readyz"
        )
    click.echo(f"All ready; see {directory / STATE_FILE}. Stop with: curbside dev down --dir {directory}")


@command.command()
@_with_dir
@click.argument("name")
@click.option("--hospital", help="Its name, or its number from 1; the first without it.")
@click.option("--specialty", default="", help="Also the service that --on-call is for; else cardiology.")
@click.option("--on-call", is_flag=True, help="Put them at the end of the service's chain.")
@click.option("--level", type=click.Choice(["L0", "L1", "L2", "L3", "L4"]), default="L2", show_default=True)
@click.option("--roster-of", metavar="HOSPITAL", help="Another hospital on whose roster they stand too.")
def clinician(
    directory: Path,
    name: str,
    hospital: str | None,
    specialty: str,
    on_call: bool,
    level: str,
    roster_of: str | None,
) -> None:
    """Register the clinician NAME; prints the account as JSON."""
    from bot.dev.people import make_clinician

    account = _guarded(
        lambda: asyncio.run(
            make_clinician(
                directory,
                name,
                hospital=hospital,
                specialty=specialty,
                on_call=on_call,
                level=level,
                roster_of=roster_of,
            )
        )
    )
    click.echo(json.dumps(account))


@command.command()
@_with_dir
def down(directory: Path) -> None:
    """Stop what runs there; the data stay."""
    from bot.dev.up import down as stop

    click.echo("Stopped." if _guarded(lambda: stop(directory)) else f"Nothing was started from {directory}.")
