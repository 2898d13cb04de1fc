"""A hospital large enough for the routing benchmark: its roster as a file, its open consults as rows.

One consult of each state is led there by the program itself; the others are copies of its rows under
another id, for another service and other people, sealed anew.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from bot.app import capabilities, make_house
from bot.chat.desk import Desk, House
from bot.consults import frozen, model, steps
from bot.consults.carrier import timer_kind
from bot.consults.model import Clock, Consult, Refused, Urgency
from bot.consults.request import Request
from bot.consults.store import Record, consult_rows, page_rows
from bot.directory.roster import RosterFile
from bot.kernel import timers
from bot.kernel.clock import SystemClock
from bot.kernel.db import Database, Tx
from bot.kernel.engine import Engine
from bot.kernel.inbox import InboxEntry
from bot.kernel.sealing import KeyRing
from bot.kernel.timers import Timer, timer_rows
from bot.settings import BotSettings, Settings

PEOPLE, SERVICES, TEAM = 10_000, 500, 20
ROOM, THREAD = "!ward:bench.example", "$asked"
REQUEST = Request(question="new AF, rate 140: cardiovert?", situation="stable", ward="7B", callback="4711")
_BATCH = 2_000
# Of a hundred open consults: asked now, with the moderators, in somebody's care, to be read back.
SHARES = {"requested": 30, "unstaffed": 5, "in-progress": 50, "answered": 15}


def person(number: int) -> str:
    return f"@clinician{number:05}:bench.example"


def team(service: int) -> list[str]:
    return [person(service * TEAM + place) for place in range(TEAM)]


def write_roster(folder: Path) -> None:
    """10,000 clinicians; 500 services with a rota in two layers, a backup rota, a group and a policy each."""
    lines: list[str] = []
    for number in range(PEOPLE):
        lines += [f'[clinicians."{person(number)}"]', f'name = "Dr {number}"', 'quiet = "22:00-06:00"']
    for number in range(SERVICES):
        people = team(number)
        key = f"service{number}"
        quoted = ", ".join(f'"{user}"' for user in people)
        back = ", ".join(f'"{user}"' for user in reversed(people))
        tiers = f'{{ask = "service:{key}", wait = "10m"}}, {{ask = "rota:{key}b", wait = "10m"}}'
        group = f'{{ask = "group:{key}", how = "together", wait = "15m"}}'
        lines += [
            f'[services.{key}]\nrota = "{key}"\npolicy = "{key}"',
            f"[groups.{key}]\npeople = [{quoted[: quoted.index(',')]}]",
            f'[rotas.{key}]\ntimezone = "Europe/Berlin"',
            f'[[rotas.{key}.layers]]\npeople = [{quoted}]\nturn = "weekly"\nstart = 2025-01-06',
            f'[[rotas.{key}.layers]]\npeople = [{back}]\nturn = "daily"\nstart = 2025-01-06',
            'windows = ["weekdays 08:00-17:00"]',
            f'[rotas.{key}b]\ntimezone = "Europe/Berlin"',
            f'[[rotas.{key}b.layers]]\npeople = [{back}]\nturn = "weekly"\nstart = 2025-01-06',
        ]
        for urgency in Urgency:
            lines.append(f'[policies.{key}.{urgency}]\ntiers = [{tiers}, {group}]\nrepeat = 1\nanswer = "4h"')
    (folder / "roster.toml").write_text("\n".join(lines), "utf-8")


@dataclass
class Stage:
    """The house of the benchmark on one database."""

    house: House
    database: Database
    engine: Engine

    @classmethod
    def open(cls, folder: Path, url: str) -> Stage:
        """On a migrated database; the roster is in the folder."""
        settings = Settings(
            hospital="Bench",
            homeserver="http://127.0.0.1:9",
            server_name="bench.example",
            bots={"curbside": BotSettings(user_id="@curbside:bench.example", token_file=Path("token"))},
            moderators=("@moderator:bench.example",),
            base=folder,
        )
        known = capabilities()
        house = make_house(settings, known, RosterFile(folder / "roster.toml", settings.timezone))
        runs = {kind: run for one in known for kind, run in one.timers.items()}
        topics = {topic: run for one in known for topic, run in one.topics.items()}

        async def on_timer(tx: Tx, timer: Timer) -> None:
            await runs[timer.kind](Desk(house, tx, str(timer.facts["bot"])), timer)

        async def on_entry(tx: Tx, entry: InboxEntry) -> None:
            await topics[entry.topic](Desk(house, tx, entry.bot), entry)

        async def gave_up(_tx: Tx, entry: InboxEntry) -> None:
            raise AssertionError(entry.topic)

        database = Database(url, SystemClock(), KeyRing([b"b" * 32]))
        return cls(house, database, Engine(database, on_entry=on_entry, on_timer=on_timer, gave_up=gave_up))

    def new(self, tx: Tx, consult_id: str, rng: random.Random) -> Consult:
        """A consult as somebody would ask it now."""
        service = self.house.part(RosterFile).current.services[f"service{rng.randrange(SERVICES)}"]
        settings = self.house.settings.consults
        waits = {one.value: getattr(settings, one.value) for one in Urgency}
        urgency = rng.choice([Urgency.STAT, Urgency.URGENT])
        policy = service.policy_for(urgency.value, waits)
        return Consult(consult_id, service.key, urgency, "@asks:bench.example", policy, tx.now)

    async def begin(self, tx: Tx, consult: Consult) -> Record:
        desk = Desk(self.house, tx, "curbside")
        return await steps.begin(desk, consult, REQUEST, origin=ROOM, thread=THREAD)

    async def happen(self, tx: Tx, record: Record, event: model.Event, text: str = "") -> Record:
        done = await steps.happen(
            Desk(self.house, tx, "curbside"), record, event, actor="@asks:bench.example", text=text
        )
        if isinstance(done, Refused):
            raise TypeError(done.reason)
        return done

    # ── many ──

    async def fill(self, begin: int, end: int) -> None:
        """Add open consults with the numbers from `begin` to `end`."""
        models = await self._models()
        rng = random.Random(begin)
        states = rng.choices(list(SHARES), list(SHARES.values()), k=end - begin)
        policies = {
            key: frozen.to_json(service.policy_for("urgent", {"urgent": timedelta(minutes=20)}))
            for key, service in self.house.part(RosterFile).current.services.items()
        }
        for start in range(begin, end, _BATCH):
            async with self.database.begin() as tx:
                rows: Mapping[Any, list[dict[str, Any]]] = {consult_rows: [], page_rows: [], timer_rows: []}
                for number in range(start, min(start + _BATCH, end)):
                    self._copy(tx, rows, models[states[number - begin]], number, rng, policies)
                for table, values in rows.items():
                    await tx.conn.execute(insert(table), values)
        await self._analyze()

    def _copy(
        self,
        tx: Tx,
        rows: Mapping[Any, list[dict[str, Any]]],
        of: Mapping[Any, Sequence[dict[str, Any]]],
        number: int,
        rng: random.Random,
        policies: Mapping[str, str],
    ) -> None:
        service = rng.randrange(SERVICES)
        consult_id, people = f"C-B{number:06}", team(service)
        row = dict(of[consult_rows][0])
        row |= {"id": consult_id, "service": f"service{service}", "policy": policies[f"service{service}"]}
        row["requester"] = person(rng.randrange(PEOPLE))
        if row["consultant"] is not None:
            row["consultant"] = people[0]
        row["question"] = tx.seal(consult_rows.c.question, consult_id, REQUEST.to_json())
        if row["answer"] is not None:
            row["answer"] = tx.seal(consult_rows.c.answer, consult_id, "yes, after anticoagulation")
        rows[consult_rows].append(row)
        for place, page in enumerate(of[page_rows]):
            rows[page_rows].append({**page, "consult": consult_id, "user_id": people[place]})
        for timer in of[timer_rows]:
            spread = timer["due_at"] + timedelta(hours=1, seconds=rng.randrange(86400))
            key = {"id": f"{timer['kind']}:{consult_id}", "key": consult_id}
            rows[timer_rows].append({**timer, **key, "due_at": spread, "set_for": spread})

    async def _models(self) -> dict[str, dict[Any, list[dict[str, Any]]]]:
        """The rows of one consult in each state, which are taken away again."""
        found: dict[str, dict[Any, list[dict[str, Any]]]] = {}
        async with self.database.begin() as tx:
            for state in SHARES:
                record = await self.begin(tx, self.new(tx, f"C-M{len(found)}", random.Random(1)))
                record = await self._lead(tx, record, state)
                if str(record.consult.state) != state:
                    raise AssertionError(f"{record.consult.state} instead of {state}")
                found[state] = {}
                for table, column in (
                    (consult_rows, consult_rows.c.id),
                    (page_rows, page_rows.c.consult),
                    (timer_rows, timer_rows.c.key),
                ):
                    rows = await tx.conn.execute(select(table).where(column == record.id))
                    found[state][table] = [dict(row._mapping) for row in rows]
                await tx.conn.execute(timer_rows.delete().where(timer_rows.c.key == record.id))
                await tx.conn.execute(page_rows.delete().where(page_rows.c.consult == record.id))
                await tx.conn.execute(consult_rows.delete().where(consult_rows.c.id == record.id))
        return found

    async def _lead(self, tx: Tx, record: Record, state: str) -> Record:
        record = await self.happen(tx, record, model.PageDelivered(1))
        if state == "unstaffed":
            while record.consult.state is model.State.REQUESTED:
                record = await self.happen(tx, record, model.Timeout(Clock.PAGE, record.consult.turn))
        elif state != "requested":
            record = await self.happen(tx, record, model.Timeout(Clock.PAGE, 1))
            record = await self.happen(tx, record, model.Accept(record.consult.asked[-1].user))
            record = await self.happen(tx, record, model.RoomReady())
        if state == "answered":
            record = await self.happen(tx, record, model.Answer(str(record.consult.consultant)), "yes")
        return record

    async def _analyze(self) -> None:
        """As the database's own housekeeping does in time."""
        async with self.database.begin() as tx:
            await tx.conn.exec_driver_sql("ANALYZE")

    async def due_now(self, number: int) -> set[str]:
        """So many turns run out in this second, and nothing else soon; returns their consults."""
        kind = timer_kind(Clock.PAGE)
        async with self.database.begin() as tx:
            query = select(timer_rows.c.id, timer_rows.c.key).where(timer_rows.c.kind == kind)
            rows = (await tx.conn.execute(query.order_by(timer_rows.c.id).limit(number))).all()
            assert len(rows) == number, f"{len(rows)} turns"
            soon = timer_rows.update().where(timer_rows.c.due_at < tx.now + timedelta(hours=1))
            later = tx.now + timedelta(days=2)
            await tx.conn.execute(soon.values(due_at=later, set_for=later))
            change = timer_rows.update().where(timer_rows.c.id.in_([row.id for row in rows]))
            await tx.conn.execute(change.values(due_at=tx.now, set_for=tx.now))
        return {row.key for row in rows}

    async def due(self) -> int:
        """How many timers are due."""
        async with self.database.read() as tx:
            return await timers.count_overdue(tx)

    async def fire_all(self) -> None:
        """Fire what is due until nothing is."""
        while await self.engine.fire_one():
            pass

    async def close(self) -> None:
        await self.database.close()
        await asyncio.sleep(0)
