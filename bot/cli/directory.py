"""`curbside directory`: who is verified by the hospital's own systems, and the register of numbers."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.common import opened, outside_migrations, with_config
from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from bot.chat.desk import House
    from bot.directory.imports.service import Source, Summary
    from bot.kernel.db import Database
    from bot.settings import Settings


@click.group()
def command() -> None:
    """The directory of clinicians: imports, sign-ins, and where they stand."""


@asynccontextmanager
async def _ready(settings: Settings) -> AsyncIterator[tuple[House, Database]]:
    from bot.app import capabilities, make_house
    from bot.directory.roster import RosterFile
    from bot.directory.service import hospitals_of
    from bot.kernel import migrate

    async with opened(settings) as database:
        await migrate.require(database, outside_migrations())
        roster = RosterFile(settings.path(settings.roster), settings.timezone)
        house = make_house(settings, capabilities(), roster)
        async with database.read() as tx:
            await hospitals_of(house).refresh(tx)
        yield house, database


# Imports -----------------------------------------------------------------------------------------


@command.command("import")
@with_config
@click.argument("source", type=click.Choice(["ldap", "scim", "nppes"]))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--force", is_flag=True, help="Also withdraw more than a fifth of those verified.")
@click.option("--state", "states", multiple=True, help="For nppes: only who practises there, such as NY.")
def import_(
    config: Path, source: str, file: Path | None, dry_run: bool, force: bool, states: tuple[str, ...]
) -> None:
    """Read clinicians from the hospital's LDAP or SCIM, or numbers from the NPPES file FILE."""
    from bot.settings import load

    settings = load(config)
    if (source == "nppes") != (file is not None):
        raise click.UsageError("nppes needs its FILE; ldap and scim take none.")
    if file is not None:
        if dry_run or force:
            raise click.UsageError("--dry-run and --force are for ldap and scim.")
        asyncio.run(_import_nppes(settings, file, states))
    else:
        if states:
            raise click.UsageError("--state is for nppes.")
        asyncio.run(_import_people(settings, source, dry_run=dry_run, force=force))


async def _import_nppes(settings: Settings, file: Path, states: tuple[str, ...]) -> None:
    from bot.directory.nppes import import_nppes

    async with _ready(settings) as (_house, database):
        with _Progress(click.style("reading", dim=True)) as progress:
            kept = await import_nppes(database, file, states=states, progress=progress)
    click.echo(f"{kept} people are in the register now.")


async def _import_people(settings: Settings, name: str, *, dry_run: bool, force: bool) -> None:
    from bot.directory.imports import service

    async with _ready(settings) as (house, database):
        source = _source(settings, name)
        if dry_run:
            summary, plan = await service.preview(house, database, source)
        else:
            with _Progress("changing") as progress:
                summary, plan = await service.run(house, database, source, force=force, progress=progress)
    for line in service.describe(plan):
        click.echo(line)
    click.echo(_sentence(name, summary, dry_run=dry_run))
    if dry_run and plan.too_many:
        click.echo(
            "That is more than a fifth of those verified: the import will stop unless --force is given."
        )


def _source(settings: Settings, name: str) -> Source:
    from bot.directory.imports.service import sources

    for source in sources(settings):
        if source.name == name:
            return source
    raise CurbsideError(f"verification.{name}.url: is not set, so there is nothing to import from.")


def _sentence(name: str, summary: Summary, *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    parts = [
        f"{name}: {summary.found} found ({summary.inactive} inactive, {summary.skipped} without a Matrix id "
        "of a hospital that takes part)",
        f"{summary.added} {would}added",
        f"{summary.renewed} {would}renewed",
        f"{summary.withdrawn} {would}withdrawn",
        f"{summary.held} verified before",
    ]
    return "; ".join(parts) + "."


class _Progress:
    """A counter on one line of a terminal; silent where the output goes to a file."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._shown = False

    def __enter__(self) -> _Progress:
        return self

    def __call__(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{self._doing} {done}/{total}", nl=False, err=True)
            self._shown = True

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo(err=True)


# Looking, and freeing an account -----------------------------------------------------------------


@command.command()
@with_config
def status(config: Path) -> None:
    """Say what proves who somebody is here, how many people each proof holds for, and the last imports."""
    from bot.settings import load

    settings = load(config)

    async def work() -> None:
        from bot.directory import store as evidence
        from bot.directory.imports import service
        from bot.directory.imports import store as imports
        from bot.directory.signin import store as sign_in
        from bot.directory.signin.service import is_offered

        async with _ready(settings) as (_house, database), database.read() as tx:
            verification = settings.verification
            mail = verification.email
            click.echo(f"mail: {f'{mail.host}:{mail.port}' if mail.host else 'none'}")
            click.echo(f"sign-in: {verification.oidc.issuer if is_offered(settings) else 'none'}")
            click.echo(f"accounts verified by sign-in: {await sign_in.count_accounts(tx)}")
            for source in service.sources(settings):
                run = await imports.run_of(tx, source.name)
                known = await evidence.people_with(tx, source.name)
                counted = Counter(one.counts(tx.now) for one in known.values())
                last = (
                    "never imported"
                    if run is None or run.done_at is None
                    else (f"last import {run.done_at:%Y-%m-%d %H:%M} UTC")
                )
                trouble = f", then {run.failures} that failed" if run is not None and run.failures else ""
                click.echo(f"{source.name}: {counted[True]} verified; {last}{trouble}")

    asyncio.run(work())


@command.command()
@with_config
@click.argument("user_id")
def free(config: Path, user_id: str) -> None:
    """Let the hospital account that verified USER_ID by a sign-in verify another Matrix account.

    USER_ID loses what the sign-in proved.
    """
    from bot.settings import load

    async def work() -> bool:
        from bot.chat.desk import Desk
        from bot.directory.signin import service

        async with _ready(load(config)) as (house, database), database.begin() as tx:
            return await service.free(Desk(house, tx, next(iter(house.bot_users))), user_id, by="operator")

    if not asyncio.run(work()):
        raise CurbsideError(f"No hospital account has verified {user_id} by a sign-in.")
    click.echo(f"Freed: the hospital account of {user_id} may verify another Matrix account.")
