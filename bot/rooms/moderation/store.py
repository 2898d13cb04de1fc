"""What moderation keeps: who sent which message (never what) for 30 days, what moderators did, reports."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.ids import short_id
from bot.rooms.moderation.model import EVERYWHERE, LASTING, Action, Kind, Report, Spoken

room_messages = Table(
    "room_messages",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("room_id", String(255), nullable=False),
    Column("sender", String(255), nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    Column("digest", String(16), nullable=True),  # keyed; erased after a day
    Column("marks", String(160), nullable=True),  # keyed hashes of parts, links, mentions; erased likewise
)
Index("ix_room_messages_room", room_messages.c.room_id, room_messages.c.at)
Index("ix_room_messages_sender", room_messages.c.sender, room_messages.c.at)
Index("ix_room_messages_digest", room_messages.c.digest, room_messages.c.at)

mod_actions = Table(
    "mod_actions",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("by", String(255), nullable=False),
    Column("who", String(255), nullable=True),
    Column("scope", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=True),
    Column("reason", Integer, nullable=True),
    Column("note", Sealed, nullable=True),
    Column("ended", UtcTime, nullable=True),
    Column("ended_by", String(255), nullable=True),
    Column("appeal", String(12), nullable=False),
    Column("appeal_out", String(26), nullable=True),  # the moderators' message about it
    Column("facts", Text, nullable=False),
)
Index("ix_mod_actions_who", mod_actions.c.who, mod_actions.c.at)
Index("ix_mod_actions_at", mod_actions.c.at)

mod_plans = Table(  # what waits for a moderator's ✅
    "mod_plans",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("by", String(255), nullable=False),
    Column("plan", Sealed, nullable=False),
    Column("second", Boolean, nullable=False),  # needs another moderator
    Column("out", String(26), nullable=True),
    Column("room", String(255), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

mod_rooms = Table(  # what holds in a room now, so that every message asks one row
    "mod_rooms",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("slow_seconds", Integer, nullable=False),
)

mod_reports = Table(
    "mod_reports",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("event_id", String(255), nullable=False),
    Column("room_id", String(255), nullable=False),
    Column("who", String(255), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("count", Integer, nullable=False),
    Column("out", String(26), nullable=True),
    Column("settled_by", String(255), nullable=True),
    Column("verdict", String(12), nullable=True),
    Column("action", String(16), nullable=True),
)
Index("ix_mod_reports_event", mod_reports.c.event_id, unique=True)

mod_reporters = Table(
    "mod_reporters",
    metadata,
    Column("report", String(16), primary_key=True),
    Column("reporter", String(255), primary_key=True),
    Column("at", UtcTime, nullable=False),
)
Index("ix_mod_reporters_reporter", mod_reporters.c.reporter, mod_reporters.c.at)

KEEP_MESSAGES = timedelta(days=30)
KEEP_MARKS = timedelta(days=1)
KEEP_REPORTS = timedelta(days=180)
KEEP_ACTIONS = timedelta(days=3 * 365)
_TRIES = 8


def _insert(tx: Tx, table: Table) -> Any:
    return (sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert)(table)


async def _free_id(tx: Tx, table: Table, letter: str) -> str:
    """An id that no row has yet; after many collisions the next ones are longer."""
    tries = 0
    while True:
        row_id = short_id(letter, 4 if tries < _TRIES else 6)
        if not (await tx.conn.execute(select(exists().where(table.c.id == row_id)))).scalar():
            return row_id
        tries += 1


# Messages ----------------------------------------------------------------------------------------


async def keep_message(tx: Tx, event_id: str, sender: str, spoken: Spoken) -> bool:
    """Note that somebody sent an event into a declared room; False if it was known."""
    marks = json.dumps([spoken.links, spoken.mentions, *spoken.prints]) if spoken.digest else None
    row = _insert(tx, room_messages).values(
        event_id=event_id,
        room_id=spoken.room_id,
        sender=sender,
        at=spoken.at,
        digest=spoken.digest,
        marks=marks,
    )
    done = await tx.conn.execute(row.on_conflict_do_nothing())
    return bool(done.rowcount)


async def sender_of(tx: Tx, event_id: str) -> tuple[str, str] | None:
    """The room of a message and who sent it; None if it is not known, or forgotten."""
    query = select(room_messages.c.room_id, room_messages.c.sender)
    row = (await tx.conn.execute(query.where(room_messages.c.event_id == event_id))).first()
    return None if row is None else (row.room_id, row.sender)


async def last_messages(
    tx: Tx, sender: str, rooms: Collection[str] | None, count: int
) -> list[tuple[str, str]]:
    """The newest messages of somebody, as (room, event); in these rooms, or in all."""
    query = select(room_messages.c.room_id, room_messages.c.event_id).where(room_messages.c.sender == sender)
    if rooms is not None:
        query = query.where(room_messages.c.room_id.in_(list(rooms)))
    query = query.order_by(room_messages.c.at.desc(), room_messages.c.event_id).limit(count)
    return [(row.room_id, row.event_id) for row in await tx.conn.execute(query)]


async def spoken_since(tx: Tx, sender: str, since: datetime, most: int = 60) -> list[tuple[str, Spoken]]:
    """What somebody sent since a moment, newest first, as (event id, what is kept of it)."""
    query = (
        select(room_messages)
        .where(room_messages.c.sender == sender, room_messages.c.at >= since)
        .order_by(room_messages.c.at.desc())
        .limit(most)
    )
    return [(row.event_id, _spoken(row)) for row in await tx.conn.execute(query)]


def _spoken(row: Any) -> Spoken:
    links, mentions, *prints = json.loads(row.marks) if row.marks else (0, 0)
    return Spoken(row.room_id, row.at, row.digest, tuple(prints), links, mentions)


async def senders_of_digest(tx: Tx, digest: str, since: datetime) -> list[str]:
    """Who sent this very text since a moment, in whatever rooms."""
    query = (
        select(room_messages.c.sender)
        .where(room_messages.c.digest == digest, room_messages.c.at >= since)
        .distinct()
    )
    return [row.sender for row in await tx.conn.execute(query.limit(50))]


async def last_spoke(tx: Tx, sender: str, message: Spoken, event_id: str) -> datetime | None:
    """When somebody last sent something into the room of a message, up to when that was sent."""
    query = select(func.max(room_messages.c.at)).where(
        room_messages.c.sender == sender,
        room_messages.c.room_id == message.room_id,
        room_messages.c.event_id != event_id,
        room_messages.c.at <= message.at,
    )
    found: datetime | None = (await tx.conn.execute(query)).scalar()
    return found


async def forget_messages(tx: Tx, event_ids: Collection[str]) -> None:
    """Forget messages that are no more."""
    await tx.conn.execute(delete(room_messages).where(room_messages.c.event_id.in_(list(event_ids))))


# Actions -----------------------------------------------------------------------------------------


async def add_action(tx: Tx, action: Action, note: str = "") -> Action:
    """Keep what was done; returns it with its id."""
    action = replace(action, id=await _free_id(tx, mod_actions, "M"))
    await tx.conn.execute(
        insert(mod_actions).values(
            id=action.id,
            kind=action.kind.value,
            by=action.by,
            who=action.who,
            scope=action.scope,
            at=action.at,
            until=action.until,
            reason=action.reason,
            note=tx.seal(mod_actions.c.note, action.id, note) if note else None,
            ended=action.ended,
            ended_by=action.ended_by,
            appeal=action.appeal,
            facts=json.dumps(dict(action.facts), sort_keys=True),
        )
    )
    return action


def _action(row: Any) -> Action:
    return Action(
        row.id, Kind(row.kind), row.by, row.who, row.scope, row.at, row.until, row.reason, row.ended,
        row.ended_by, row.appeal, json.loads(row.facts),
    )  # fmt: skip


async def action(tx: Tx, action_id: str) -> Action | None:
    """One action by its id."""
    row = (await tx.conn.execute(select(mod_actions).where(mod_actions.c.id == action_id))).first()
    return None if row is None else _action(row)


async def note_of(tx: Tx, action_id: str) -> str:
    """The moderators' note on an action."""
    query = select(mod_actions.c.note).where(mod_actions.c.id == action_id)
    text: str | None = tx.open(mod_actions.c.note, action_id, (await tx.conn.execute(query)).scalar())
    return text or ""


async def end_action(tx: Tx, action_id: str, by: str) -> bool:
    """End an action: undone, lifted or expired; False if it was ended before."""
    ended = await tx.conn.execute(
        update(mod_actions)
        .where(mod_actions.c.id == action_id, mod_actions.c.ended.is_(None))
        .values(ended=tx.now, ended_by=by)
    )
    return ended.rowcount > 0


async def set_appeal(tx: Tx, action_id: str, before: str, state: str) -> bool:
    """Move an action's appeal on; False if somebody else has."""
    moved = await tx.conn.execute(
        update(mod_actions)
        .where(mod_actions.c.id == action_id, mod_actions.c.appeal == before)
        .values(appeal=state)
    )
    return moved.rowcount > 0


async def show_appeal(tx: Tx, action_id: str, out: str) -> None:
    """Note the moderators' message about an appeal."""
    await tx.conn.execute(update(mod_actions).where(mod_actions.c.id == action_id).values(appeal_out=out))


async def appeal_message(tx: Tx, action_id: str) -> str | None:
    """The outbox id of the moderators' message about an appeal."""
    query = select(mod_actions.c.appeal_out).where(mod_actions.c.id == action_id)
    found: str | None = (await tx.conn.execute(query)).scalar()
    return found


def _holding(now: datetime) -> Any:
    return mod_actions.c.ended.is_(None) & or_(mod_actions.c.until.is_(None), mod_actions.c.until > now)


async def sanctions(tx: Tx, user_id: str, *kinds: Kind) -> list[Action]:
    """What holds against somebody now."""
    query = select(mod_actions).where(
        mod_actions.c.who == user_id,
        mod_actions.c.kind.in_([kind.value for kind in kinds or LASTING]),
        _holding(tx.now),
    )
    return [_action(row) for row in await tx.conn.execute(query.order_by(mod_actions.c.at))]


async def modes(tx: Tx, *kinds: Kind) -> list[Action]:
    """What holds for rooms now: locks, slow mode."""
    query = select(mod_actions).where(mod_actions.c.kind.in_([kind.value for kind in kinds]))
    query = query.where(mod_actions.c.who.is_(None), _holding(tx.now)).order_by(mod_actions.c.at)
    return [_action(row) for row in await tx.conn.execute(query)]


async def actions(
    tx: Tx,
    *,
    who: str | None = None,
    by: str | None = None,
    scopes: Collection[str] | None = None,
    since: datetime | None = None,
    kinds: Collection[Kind] | None = None,
    most: int = 50,
) -> list[Action]:
    """What was done, newest first; those EVERYWHERE are in every scope."""
    query = select(mod_actions)
    if who is not None:
        query = query.where(mod_actions.c.who == who)
    if by is not None:
        query = query.where(mod_actions.c.by == by)
    if scopes is not None:
        query = query.where(mod_actions.c.scope.in_([*scopes, EVERYWHERE]))
    if since is not None:
        query = query.where(mod_actions.c.at >= since)
    if kinds is not None:
        query = query.where(mod_actions.c.kind.in_([kind.value for kind in kinds]))
    query = query.order_by(mod_actions.c.at.desc(), mod_actions.c.id).limit(most)
    return [_action(row) for row in await tx.conn.execute(query)]


async def people_acted_on(tx: Tx, since: datetime) -> list[str]:
    """Everybody against whom something was done since a moment."""
    query = select(mod_actions.c.who).where(mod_actions.c.who.is_not(None), mod_actions.c.at >= since)
    return [row.who for row in await tx.conn.execute(query.distinct())]


# What holds in a room ----------------------------------------------------------------------------


async def set_slow(tx: Tx, key: str, seconds: int) -> None:
    """Set the pause of a room's slow mode; 0: off."""
    fresh = _insert(tx, mod_rooms).values(key=key, slow_seconds=seconds)
    await tx.conn.execute(
        fresh.on_conflict_do_update(index_elements=[mod_rooms.c.key], set_={"slow_seconds": seconds})
    )


async def slow_seconds(tx: Tx, key: str) -> int:
    """The pause of a room's slow mode; 0 when it is off."""
    query = select(mod_rooms.c.slow_seconds).where(mod_rooms.c.key == key)
    return (await tx.conn.execute(query)).scalar() or 0


# Plans -------------------------------------------------------------------------------------------


async def add_plan(tx: Tx, by: str, plan: Any, room: str, *, second: bool, expires_at: datetime) -> str:
    """Keep what waits for a ✅; returns its id."""
    plan_id = await _free_id(tx, mod_plans, "P")
    await tx.conn.execute(
        insert(mod_plans).values(
            id=plan_id,
            by=by,
            plan=tx.seal(mod_plans.c.plan, plan_id, plan),
            second=second,
            room=room,
            expires_at=expires_at,
        )
    )
    return plan_id


async def shown_plan(tx: Tx, plan_id: str, out: str) -> None:
    """Note the message that asks for the ✅."""
    await tx.conn.execute(update(mod_plans).where(mod_plans.c.id == plan_id).values(out=out))


async def plan(tx: Tx, plan_id: str) -> Any:
    """What waits: its row with the plan opened; None if it is settled."""
    row = (await tx.conn.execute(select(mod_plans).where(mod_plans.c.id == plan_id))).first()
    return None if row is None else (row, tx.open(mod_plans.c.plan, row.id, row.plan))


async def take_plan(tx: Tx, plan_id: str) -> bool:
    """Take a plan out, to carry it out or drop it; False if somebody was first."""
    return (await tx.conn.execute(delete(mod_plans).where(mod_plans.c.id == plan_id))).rowcount > 0


# Reports -----------------------------------------------------------------------------------------


def _report(row: Any) -> Report:
    return Report(
        row.id, row.event_id, row.room_id, row.who, row.at, row.count, row.out, row.settled_by, row.verdict,
        row.action,
    )  # fmt: skip


async def report_of(tx: Tx, event_id: str) -> Report | None:
    """The report of an event."""
    row = (await tx.conn.execute(select(mod_reports).where(mod_reports.c.event_id == event_id))).first()
    return None if row is None else _report(row)


async def report(tx: Tx, report_id: str) -> Report | None:
    """A report by its id."""
    row = (await tx.conn.execute(select(mod_reports).where(mod_reports.c.id == report_id))).first()
    return None if row is None else _report(row)


async def add_report(tx: Tx, event_id: str, room_id: str, who: str) -> Report:
    """Keep a new report."""
    report_id = await _free_id(tx, mod_reports, "R")
    fresh = Report(report_id, event_id, room_id, who, tx.now, 0, None)
    await tx.conn.execute(
        insert(mod_reports).values(
            id=report_id, event_id=event_id, room_id=room_id, who=who, at=tx.now, count=0
        )
    )
    return fresh


async def add_reporter(tx: Tx, report_id: str, reporter: str) -> bool:
    """Count a reporter once; False if they had reported it already."""
    row = _insert(tx, mod_reporters).values(report=report_id, reporter=reporter, at=tx.now)
    if not (await tx.conn.execute(row.on_conflict_do_nothing())).rowcount:
        return False
    more = update(mod_reports).where(mod_reports.c.id == report_id)
    await tx.conn.execute(more.values(count=mod_reports.c.count + 1))
    return True


async def show_report(tx: Tx, report_id: str, out: str) -> None:
    """Note the moderators' message about a report."""
    await tx.conn.execute(update(mod_reports).where(mod_reports.c.id == report_id).values(out=out))


async def settle_report(tx: Tx, report_id: str, by: str, verdict: str, action_id: str | None) -> bool:
    """Settle a report; False if somebody was first."""
    settled = await tx.conn.execute(
        update(mod_reports)
        .where(mod_reports.c.id == report_id, mod_reports.c.settled_by.is_(None))
        .values(settled_by=by, verdict=verdict, action=action_id)
    )
    return settled.rowcount > 0


async def reporters(tx: Tx, report_id: str) -> list[str]:
    """Who reported it."""
    query = select(mod_reporters.c.reporter).where(mod_reporters.c.report == report_id)
    return [row.reporter for row in await tx.conn.execute(query.order_by(mod_reporters.c.reporter))]


async def reported_by(tx: Tx, reporter: str, since: datetime) -> tuple[int, list[str | None]]:
    """How often somebody reported since a moment, and the verdicts on their reports, newest first."""
    query = (
        select(mod_reports.c.verdict)
        .join(mod_reporters, mod_reporters.c.report == mod_reports.c.id)
        .where(mod_reporters.c.reporter == reporter, mod_reporters.c.at >= since)
        .order_by(mod_reporters.c.at.desc())
        .limit(50)
    )
    verdicts = [row.verdict for row in await tx.conn.execute(query)]
    return len(verdicts), verdicts


# Housekeeping ------------------------------------------------------------------------------------


async def forget(tx: Tx) -> None:
    """Forget what is old."""
    await tx.conn.execute(delete(room_messages).where(room_messages.c.at < tx.now - KEEP_MESSAGES))
    marked = (room_messages.c.at < tx.now - KEEP_MARKS) & room_messages.c.digest.is_not(None)
    await tx.conn.execute(update(room_messages).where(marked).values(digest=None, marks=None))
    await tx.conn.execute(delete(mod_plans).where(mod_plans.c.expires_at < tx.now))
    gone = mod_reports.c.at < tx.now - KEEP_REPORTS
    await tx.conn.execute(
        delete(mod_reporters).where(mod_reporters.c.report.in_(select(mod_reports.c.id).where(gone)))
    )
    await tx.conn.execute(delete(mod_reports).where(gone))
    # What still holds stays, however old it is.
    done = or_(mod_actions.c.ended.is_not(None), mod_actions.c.until < tx.now)
    done |= mod_actions.c.kind.not_in([kind.value for kind in LASTING])
    await tx.conn.execute(delete(mod_actions).where(mod_actions.c.at < tx.now - KEEP_ACTIONS, done))
