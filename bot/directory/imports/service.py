"""Importing clinicians: read everything first, decide, then change a few people at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Protocol

from bot.chat import store as marks
from bot.chat.desk import Desk, House
from bot.chat.message import Message
from bot.directory import confirmed, service
from bot.directory import store as evidence
from bot.directory.imports import rules, store
from bot.directory.imports.rules import Found, Plan, Reading
from bot.directory.moderators import MODERATORS_ROOM
from bot.directory.policy import may_talk
from bot.directory.standing import Level
from bot.kernel.db import Database, DatabaseTrouble
from bot.kernel.engine import backoff
from bot.kernel.errors import CurbsideError
from bot.settings import Settings

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]

WAKE = "imports"
_AT_ONCE = 3  # people in a transaction, so that nobody's message waits for an import
_LEASE = timedelta(minutes=30)
_LOOK_SECONDS = 60.0
_DAY = timedelta(days=1)


class SourceFailed(CurbsideError):
    """A source could not be read whole; nothing was changed."""


class TooMany(CurbsideError):
    """An import would withdraw more than a fifth of those verified; nothing was changed."""


class Source(Protocol):
    """A directory of the hospital; `name` is also the method of the evidence."""

    name: str
    interval: timedelta
    valid: timedelta

    async def read(self) -> Reading:
        """Everybody in it; raises SourceFailed unless it could be read to its end."""
        ...


@dataclass(frozen=True)
class Summary:
    """What an import found and did, or would do: how many people."""

    found: int
    inactive: int
    skipped: int
    added: int
    renewed: int
    withdrawn: int
    held: int


def sources(settings: Settings) -> list[Source]:
    """The directories that the settings name."""
    from bot.directory.ldap import LdapSource
    from bot.directory.scim import ScimSource

    found: list[Source] = []
    if settings.verification.ldap.url:
        found.append(LdapSource(settings))
    if settings.verification.scim.url:
        found.append(ScimSource(settings))
    return found


async def preview(house: House, database: Database, source: Source) -> tuple[Summary, Plan]:
    """What an import would do; changes nothing."""
    return await _compare(house, database, source, await source.read())


async def _compare(
    house: House, database: Database, source: Source, reading: Reading
) -> tuple[Summary, Plan]:
    people = _of_ours(house, reading)
    async with database.read() as tx:
        known = await evidence.people_with(tx, source.name)
        plan = rules.plan(people.people, known, tx.now, source.valid)
    return _summary(reading, people, plan), plan


async def run(
    house: House, database: Database, source: Source, *, force: bool = False, progress: Progress | None = None
) -> tuple[Summary, Plan]:
    """Read a source and make people's verification follow it. May be broken off and repeated.

    Raises SourceFailed, or TooMany unless `force`; both before anything is changed.
    """
    reading = await source.read()
    summary, plan = await _compare(house, database, source, reading)
    people = {one.user_id: one for one in _of_ours(house, reading).people if one.active}
    if plan.too_many and not force:
        raise TooMany(
            f"{source.name}: would withdraw {len(plan.withdraw)} of {plan.held} verified people, more than "
            f"{rules.MOST_GONE:.0%}. Nothing was changed. See that directory and filter are right, then run "
            f"`curbside directory import {source.name} --force`."
        )
    work = [*plan.withdraw, *plan.renew, *plan.add]
    for start in range(0, len(work), _AT_ONCE):
        async with database.begin() as tx:
            desk = Desk(house, tx, next(iter(house.bot_users)))
            for user_id in work[start : start + _AT_ONCE]:
                await _change(desk, source, user_id, people.get(user_id))
        if progress is not None:
            progress(min(start + _AT_ONCE, len(work)), len(work))
    async with database.begin() as tx:
        counts = asdict(summary)
        await store.note(tx, source.name, tx.now + source.interval, "ok", counts)
        tx.audit(source.name, "directory.import", source.name, forced=force and plan.too_many, **counts)
    return summary, plan


async def _change(desk: Desk, source: Source, user_id: str, found: Found | None) -> None:
    """Verify somebody who was found, or withdraw the verification of somebody who was not."""
    if found is None:
        await service.withdraw(desk, user_id, by=source.name, method=source.name)
        return
    ref = await confirmed.note_number(desk, user_id, found.npi)
    until = desk.now + source.valid
    await service.add_evidence(desk, user_id, source.name, Level.L3, until=until, by=source.name, ref=ref)
    await confirmed.note_profile(desk, user_id, found.name, found.specialty)


def _of_ours(house: House, reading: Reading) -> Reading:
    """Those whose homeserver takes part: a directory speaks for no other servers' people."""
    servers = house.hospitals.servers()
    people = tuple(one for one in reading.people if may_talk(one.user_id, servers))
    return Reading(people, reading.skipped + len(reading.people) - len(people))


def _summary(reading: Reading, ours: Reading, plan: Plan) -> Summary:
    return Summary(
        found=len(reading.people) + reading.skipped,
        inactive=sum(not one.active for one in ours.people),
        skipped=ours.skipped,
        added=len(plan.add),
        renewed=len(plan.renew),
        withdrawn=len(plan.withdraw),
        held=plan.held,
    )


# The worker --------------------------------------------------------------------------------------


async def keep_imported(house: House, database: Database) -> None:
    """Import every source when its time has come, until cancelled; one process at a time does."""
    known = sources(house.settings)
    if not known:
        return
    while True:
        for source in known:
            try:
                await import_when_due(house, database, source)
            except DatabaseTrouble as error:
                log.error("an import waits for the database", extra={"error": type(error).__name__})
        await database.wakeups.wait(WAKE, _LOOK_SECONDS)


async def import_when_due(house: House, database: Database, source: Source) -> bool:
    """Import a source if it is due and no other process does; failures are noted and told the moderators."""
    async with database.begin() as tx:
        if not await store.claim(tx, source.name, tx.now + _LEASE):
            return False
    try:
        summary, _plan = await run(house, database, source)
    except (SourceFailed, TooMany) as error:
        log.error("an import was not carried out", extra={"source": source.name}, exc_info=error)
        await _failed(house, database, source, "too-many" if isinstance(error, TooMany) else "failed")
    else:
        log.info("imported", extra={"source": source.name, **asdict(summary)})
    return True


async def _failed(house: House, database: Database, source: Source, result: str) -> None:
    async with database.begin() as tx:
        run_before = await store.run_of(tx, source.name)
        failures = 0 if run_before is None else run_before.failures
        pause = min(source.interval, backoff(failures, first=300.0, most=3600.0))
        await store.note(tx, source.name, tx.now + pause, result)
        tx.audit(source.name, "directory.import", source.name, result=result)
        desk = Desk(house, tx, next(iter(house.bot_users)))
        if house.settings.moderators and await marks.once(tx, "import", source.name, result, keep=_DAY):
            await desk.send(MODERATORS_ROOM, _told(desk, source.name, result))


def _told(desk: Desk, source: str, result: str) -> Message:
    t = desk.house_translator()
    if result == "too-many":
        text = t(
            "The import of clinicians from **{source}** has stopped: it would take verification away from "
            "more than a fifth of them. Nobody was changed. Whoever runs Curbside can look at it: "
            "`curbside directory import {source} --dry-run`",
            source=source,
        )
    else:
        text = t(
            "The import of clinicians from **{source}** does not work. Who is verified stays so for now. "
            "Whoever runs Curbside can see why: `curbside directory import {source} --dry-run`",
            source=source,
        )
    return Message("directory.import", text)


def describe(plan: Plan, most: int = 20) -> Sequence[str]:
    """A plan as lines for the operator, each kind cut to `most` people."""
    said: list[str] = []
    for sign, people in (("+", plan.add), ("-", plan.withdraw)):
        said += [f"{sign} {user}" for user in people[:most]]
        if len(people) > most:
            said.append(f"{sign} … and {len(people) - most} more")
    return said
