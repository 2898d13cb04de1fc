"""`curbside rooms`: the declared rooms against the homeserver's. Plan first, then apply.

Exit code 0: everything is as declared; 3: something differs, or is left for a person; 1: an error.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bot.cli.common import opened, outside_migrations, with_config
from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from bot.kernel.db import Database
    from bot.matrix.http import Http
    from bot.rooms.declared.world import Step
    from bot.rooms.model import Network
    from bot.settings import Settings

_T = TypeVar("_T")
_DIFFERS = 3
_upgrade = click.option(
    "--upgrade", is_flag=True, help="Replace rooms of an older version than declared: people must follow."
)


@click.group()
def command() -> None:
    """The specialty rooms of the network file: what differs on the homeserver, and making it so."""


@command.command()
@with_config
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_upgrade
def plan(config: Path, as_json: bool, upgrade: bool) -> None:
    """Say line by line what `apply` would change. Changes nothing; exit 3 if anything differs."""
    from bot.matrix.survey import Survey
    from bot.rooms.declared import rules
    from bot.settings import load

    settings = load(config)
    network, folder = _network(settings)

    async def work(database: Database, http: Http) -> dict[str, list[Step]]:
        world = await Survey(settings, database, http).world(network, folder, upgrade=upgrade)
        return rules.everything(network, world)

    steps = asyncio.run(_with_homeserver(settings, work))
    if as_json:
        click.echo(json.dumps(_as_json(steps), ensure_ascii=False, indent=1))
    else:
        _show(steps, network)
    if steps:
        raise SystemExit(_DIFFERS)


@command.command()
@with_config
@click.option("--yes", is_flag=True, help="Do not ask.")
@_upgrade
def apply(config: Path, yes: bool, upgrade: bool) -> None:
    """Make the rooms as declared. May be broken off and repeated; nothing is ever deleted."""
    from bot.matrix.provision import Provisioner
    from bot.matrix.survey import Survey
    from bot.rooms.declared import rules
    from bot.settings import load

    settings = load(config)
    network, folder = _network(settings)

    async def work(database: Database, http: Http) -> Sequence[tuple[str, str]]:
        world = await Survey(settings, database, http).world(network, folder, upgrade=upgrade)
        steps = rules.everything(network, world)
        _show(steps, network)
        if not steps:
            return ()
        if all(step.blocked for changes in steps.values() for step in changes):
            return [(key, step.blocked) for key, changes in steps.items() for step in changes]
        if not yes:
            await asyncio.to_thread(click.confirm, f"Change {_count(len(steps), 'room')}?", abort=True)
        outcome = await Provisioner(settings, database, http, folder, click.echo).apply(network, world)
        click.echo(f"{_count(outcome.changed, 'room')} changed.")
        for key, why in outcome.left:
            click.echo(f"left for you · {key}: {why}")
        return outcome.left

    if asyncio.run(_with_homeserver(settings, work)):
        raise SystemExit(_DIFFERS)


def _network(settings: Settings) -> tuple[Network, Path]:
    from bot.rooms.file import load_network

    path = settings.path(settings.network)
    if not path.exists():
        raise CurbsideError(
            f"There is no network file {path}: write one, or set `network` to where it is. "
            "docs/operator.md has an example."
        )
    return load_network(path, settings.language), path.parent


async def _with_homeserver(settings: Settings, work: Callable[[Database, Http], Awaitable[_T]]) -> _T:
    from bot.kernel import migrate
    from bot.matrix.http import MatrixError, open_session
    from bot.matrix.survey import as_bot

    async with opened(settings) as database, open_session() as session:
        await migrate.require(database, outside_migrations())
        try:
            return await work(database, await as_bot(settings, database, session))
        except (MatrixError, ExceptionGroup) as trouble:
            error: BaseException = trouble
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            if isinstance(error, MatrixError):
                error = CurbsideError(f"{settings.homeserver} does not answer as it should ({error}).")
            raise error from None


def _show(steps: Mapping[str, Sequence[Step]], network: Network) -> None:
    """The plan, room by room; `!` marks what the bot cannot do."""
    changes = blocked = 0
    for key, room_steps in steps.items():
        if room_steps[0].do != "create":
            room = network.rooms.get(key)
            click.secho(f"{key}" + ("" if room is not None else " (no longer declared)"), bold=True)
        for step in room_steps:
            for line in step.lines:
                if step.blocked:
                    blocked += 1
                    why = "" if step.blocked == line else f": {step.blocked}"
                    click.secho(f"  ! {line}{why}", fg="yellow")
                else:
                    changes += 1
                    indent = "" if step.do == "create" else "  "
                    click.echo(f"{indent}{line}")
    if not steps:
        click.echo("Every room is as declared.")
        return
    told = f"{_count(changes, 'change')} in {_count(len(steps), 'room')}"
    click.echo(told + (f", and {_count(blocked, 'thing')} that only a person can do." if blocked else "."))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _as_json(steps: Mapping[str, Sequence[Step]]) -> dict[str, Any]:
    rooms: list[dict[str, Any]] = [
        {
            "key": key,
            "room_id": next((step.room_id for step in room_steps if step.room_id), None),
            "changes": [
                {"do": step.do, "text": line, "blocked": step.blocked or None}
                for step in room_steps
                for line in step.lines
            ],
        }
        for key, room_steps in steps.items()
    ]
    return {"rooms": rooms, "changes": sum(len(room["changes"]) for room in rooms)}
