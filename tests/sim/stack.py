"""A hospital on the real stack, whose process dies again and again: database, engine, dispatcher, use cases.

People type commands; the clock is moved by hand. What the simulation of the rules checks on its own tables,
this one reads from the database, through whole transactions on SQLite and PostgreSQL.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from bot.chat.desk import Desk
from bot.consults import store
from bot.consults.model import FINAL, HELD, State
from bot.consults.store import consult_rows
from bot.consults.watching.store import unaccounted
from bot.kernel import audit, outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.inbox import inbox_entries
from bot.kernel.outbox import OutboxRow
from bot.kernel.timers import timer_rows
from bot.oncall.service import OnCall
from bot.oncall.store import change_rows
from tests.sim.case import Broken
from tests.support.ward import MOD, REQ, Ward

TEAM = tuple(f"@{name}:hs" for name in ("anna", "ben", "cara", "dora", "emil", "frida"))
_DIES = 0.01  # at each of the places where a process may die
_PEOPLE = ", ".join(f'"{user}"' for user in TEAM)
_ROSTER = f"""
[groups.team]
people = [{_PEOPLE}]
[rotas.cardiology]
timezone = "Europe/Berlin"
[[rotas.cardiology.layers]]
people = [{_PEOPLE}]
turn = "daily"
start = 2026-11-02
handover = "08:00"
[rotas.backup]
timezone = "Europe/Berlin"
[[rotas.backup.layers]]
people = ["@emil:hs", "@frida:hs"]
turn = "12h"
start = 2026-11-02
[services.cardiology]
rota = "cardiology"
policy = "acute"
[services.surgery]
on_call = ["@dora:hs", "@emil:hs"]
[policies.acute.stat]
tiers = [
  {{ ask = "service", wait = "5m", acknowledged = "10m", remind = "4m" }},
  {{ ask = "group:team", how = "together", wait = "10m" }},
  {{ ask = "moderators", wait = "10m" }},
]
repeat = 1
nag = "2h"
answer = "3h"
expires = "2d"
[policies.acute.urgent]
tiers = [{{ ask = "service", wait = "20m" }}, {{ ask = "rota:backup", wait = "20m" }}]
nag = "4h"
expires = "3d"
[policies.acute.routine]
tiers = [{{ ask = "service", wait = "2h" }}, {{ ask = "rota:backup", wait = "2h" }}]
nag = "8h"
expires = "4d"
bundle = true
""" + "".join(f'[clinicians."{user}"]\nname = "{user[1:-3]}"\nquiet = "22:00-06:00"\n' for user in TEAM)


class Died(BaseException):
    """The process is gone: whatever it had not committed is."""


class Hospital(Ward):
    """A ward whose process dies at random, and comes back on the same database."""

    def __init__(self, open_database: Callable[[], Database], clock: ManualClock, folder: Path, seed: int):
        self.rng = random.Random(seed)
        self.open_database = open_database
        self.counts: Counter[str] = Counter()
        self.shown: dict[str, str] = {}  # the page → the message that it became
        super().__init__(open_database(), clock, folder)
        (folder / "roster.toml").write_text(_ROSTER, "utf-8")

    def failpoint(self, _name: str, _of: str = "") -> None:
        """Takes the place of the program's own: the process dies here, now and then."""
        if self.rng.random() < _DIES:
            raise Died

    async def survives(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do something; a process that dies in it comes back and goes on with what is in the database."""
        try:
            await work()
        except Died:
            await self._comes_back()
        while True:
            try:
                await self._works()
            except Died:
                await self._comes_back()
            else:
                return

    async def _comes_back(self) -> None:
        self.counts["crashes"] += 1
        await self.db.close()
        self.restart(self.open_database())

    async def _works(self) -> None:
        while await self.engine.fire_one() or await self.engine.handle_one() or await self._deliver():
            pass

    async def _show(self, tx: Tx, row: OutboxRow) -> None:
        place = f"${row.id}"
        if any(event == place for event, _content in self.chat(row.room)[-40:]):
            await outbox.mark_sent(tx, row.id, event_id=place, room_id=self.room_id(row.room))
            return
        if row.topic == "consults.page_result":
            await self._page_leaves(tx, row)
        await super()._show(tx, row)
        if self.rng.random() < _DIES:
            raise Died  # it is in the chat, and nobody has noted so

    async def _page_leaves(self, tx: Tx, row: OutboxRow) -> None:
        """Whoever is paged is on call now, and each page is one message."""
        ref = str(row.ref)
        if self.shown.setdefault(ref, row.id) != row.id:
            raise Broken(f"the page {ref} was sent twice")
        self.counts["pages"] += 1
        consult_id, _, number = ref.partition(" ")
        record = await store.look(tx, consult_id)
        page = record.consult.page(int(number)) if record is not None else None
        if record is None or page is None or row.room != f"dm:{page.user}":
            raise Broken(f"the page {ref} is nobody's")
        if record.consult.named:
            return
        targets = record.consult.policy.tiers[page.tier].targets
        oncall = await OnCall.load(Desk(self.house, tx, "curbside"), targets, record.consult.service)
        if not any(page.user in oncall.people(target, tx.now) for target in targets):
            raise Broken(f"{page.user} was paged for {consult_id}, and is not on call")

    # ── what people do ──

    async def asks_something(self) -> None:
        service = self.rng.choice(("cardiology", "cardiology", "surgery"))
        urgency = self.rng.choice(("stat", "urgent", "routine"))
        text = f"!consult {service} {urgency} rate control in new atrial fibrillation?"
        await self.survives(lambda: self._types(REQ, text))

    async def somebody_does_something(self) -> None:
        """One thing that suits the state of some consult, or nearly so."""
        rng = self.rng
        async with self.db.read() as tx:
            query = select(consult_rows.c.id).where(consult_rows.c.state.not_in([str(one) for one in FINAL]))
            # By when they were asked: ids are drawn by the program, and a seed is to repeat a run.
            rows = await tx.conn.execute(query.order_by(consult_rows.c.opened_at, consult_rows.c.thread))
            ids = [row.id for row in rows]
            record = await store.look(tx, rng.choice(ids)) if ids else None
        if record is None:
            return
        consult = record.consult
        if consult.state is State.ANSWERED:
            user, words = (
                REQ,
                rng.choice(["close {} beta blocker, echo", "close {} understood", "info {} more"]),
            )
        elif consult.state in HELD:
            user = str(consult.consultant)
            able = ["answer {} rate control", "answer {} echo", "info {} which dose?", "interim {} coming"]
            words = rng.choice([*able, "handoff {} " + rng.choice(TEAM), "add {} " + rng.choice(TEAM)])
            if rng.random() < 0.2:
                user, words = REQ, "info {} 10 mg"
        else:
            asked = [page.user for page in consult.asked] or list(TEAM)
            user = rng.choice([*asked[-2:], rng.choice(TEAM)])
            able = ["accept {}", "accept {}", "ack {}", "decline {} in theatre", "unack {}"]
            words = rng.choice([*able, "handoff {} " + rng.choice(TEAM)])
            if consult.state is State.UNSTAFFED and rng.random() < 0.5:
                user, words = MOD, "accept {}"
            elif rng.random() < 0.1:
                user, words = REQ, rng.choice(["cancel {}", "edit {} is it urgent at all?"])
        for _ in range(2 if rng.random() < 0.05 else 1):
            await self.survives(lambda: self._types(user, "!" + words.format(record.id)))

    async def somebody_covers(self) -> None:
        begin = self.rng.randrange(24)
        span = f"{begin:02}:00-{(begin + self.rng.randrange(2, 10)) % 24:02}:00"
        await self.survives(lambda: self._types(self.rng.choice(TEAM), f"!cover cardiology {span}"))

    async def time_passes(self) -> None:
        self.clock.advance(timedelta(seconds=self.rng.choice((20, 120, 300, 900, 2400))))
        await self.survives(self._works)

    async def everything_ends(self) -> None:
        """Who has something answers; what nobody takes, or reads back, runs out."""
        async with self.db.read() as tx:
            query = select(consult_rows.c.id, consult_rows.c.consultant)
            query = query.order_by(consult_rows.c.opened_at, consult_rows.c.thread)
            rows = (await tx.conn.execute(query)).all()
        for row in rows:
            if row.consultant is not None:
                self.clock.advance(timedelta(seconds=15))
                await self.survives(lambda row=row: self._types(row.consultant, f"!answer {row.id} so be it"))
        for _ in range(16 * 6):
            self.clock.advance(timedelta(hours=4))
            await self.survives(self._works)

    async def _types(self, user: str, text: str) -> None:
        content = {"msgtype": "m.text", "body": text}
        await self.journal(user, f"dm:{user}", "m.room.message", content)

    # ── what must hold ──

    async def check(self) -> None:
        """Every open consult is accounted for, nothing has failed, and the audit trail is whole."""
        async with self.db.read() as tx:
            astray = await unaccounted(tx)
            if astray:
                raise Broken(f"unaccounted: {[(one.record.id, one.why) for one in astray]}")
            retried = await tx.conn.execute(select(func.count()).where(timer_rows.c.attempts > 0))
            waiting = await tx.conn.execute(select(func.count()).where(inbox_entries.c.state != "done"))
            if (failed := int(retried.scalar_one()) + int(waiting.scalar_one())) > 0:
                raise Broken(f"{failed} handlers have failed")

    async def check_trail(self) -> None:
        """Nobody took what another one had, unless it was handed over."""
        async with self.db.read() as tx:
            lines = [line async for line in audit.lines(tx)]
            problems = (await audit.verify(tx))[2]
        if problems:
            raise Broken(problems[0])
        has: dict[str, Any] = {}
        for line in lines:
            if line.action == "consult.accept" and has.get(line.subject) not in (None, line.actor):
                raise Broken(f"{line.subject} was accepted twice")
            if line.action == "consult.accept":
                has[line.subject] = line.actor
            elif line.action in ("consult.handoff", "consult.lost"):
                has[line.subject] = None
            self.counts[line.action] += 1

    async def covers(self) -> int:
        async with self.db.read() as tx:
            return int((await tx.conn.execute(select(func.count()).select_from(change_rows))).scalar_one())

    async def open_consults(self) -> int:
        async with self.db.read() as tx:
            query = select(func.count()).where(consult_rows.c.state.not_in([str(one) for one in FINAL]))
            return int((await tx.conn.execute(query)).scalar_one())
