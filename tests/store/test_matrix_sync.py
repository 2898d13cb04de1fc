"""The sync loop against a homeserver whose rooms hold what somebody means harm with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import select

from bot.kernel import outbox
from bot.kernel.db import Database
from bot.kernel.inbox import inbox_entries
from bot.kernel.outbox import outbox_rows
from bot.matrix import store
from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.http import Http
from bot.matrix.roomindex.store import RoomIndex
from bot.matrix.store import IdentityPins, SecretBox
from bot.matrix.sync import SyncLoop
from bot.settings import TrustSettings

BOT, ADA, EVE = "@curbside:north.example", "@ada:north.example", "@eve:north.example"
STRANGER = "@sam:elsewhere.example"
OURS, THEIRS = "!moderators:north.example", "!trap:north.example"
NESTED: Any = "x"
for _ in range(900):
    NESTED = {"a": NESTED}


class Allowed:
    """The hospital policy of these tests."""

    def servers(self, what: str = "talk") -> frozenset[str]:
        return frozenset({"north.example"})


class Hostile:
    """A homeserver that answers `/sync` with what the test says, and knows nothing else."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.loop: SyncLoop
        self._answer: dict[str, Any] = {}
        self._events = 0

    async def serve(self, request: web.Request) -> web.Response:
        return web.json_response(self._answer if request.path.endswith("/sync") else {})

    async def tells(self, **rooms: Any) -> None:
        """Let the bot make one sync that brings these rooms."""
        self._events += 1
        self._answer = {"next_batch": f"s{self._events}", "rooms": rooms}
        await self.loop.step()

    def event(self, kind: str, content: Any, sender: str = ADA, **more: Any) -> dict[str, Any]:
        self._events += 1
        now = int(self.db.clock.now().timestamp() * 1000)
        made = {"type": kind, "content": content, "sender": sender, "event_id": f"$e{self._events}"}
        return {**made, "origin_server_ts": now, **more}

    def room(self, *timeline: dict[str, Any], state: Any = ()) -> dict[str, Any]:
        return {"timeline": {"events": list(timeline)}, "state": {"events": list(state)}}

    def arrival(self) -> dict[str, Any]:
        return self.event("m.room.member", {"membership": "join"}, BOT, state_key=BOT)

    def created(self, **content: Any) -> dict[str, Any]:
        return self.event("m.room.create", {"room_version": "11", **content}, state_key="")

    async def journaled(self) -> int:
        async with self.db.read() as tx:
            return len((await tx.conn.execute(select(inbox_entries.c.id))).all())

    async def queued(self) -> list[tuple[str, str]]:
        async with self.db.read() as tx:
            rows = await tx.conn.execute(select(outbox_rows.c.op, outbox_rows.c.room))
            return [(row.op, row.room) for row in rows]

    async def room_behind(self, name: str) -> str | None:
        async with self.db.read() as tx:
            return await store.named_room(tx, "curbside", name)


@pytest.fixture
async def hostile(db: Database, tmp_path: Path) -> AsyncIterator[Hostile]:
    made = Hostile(db)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        http = Http(f"http://127.0.0.1:{runner.addresses[0][1]}", session)
        crypto = CryptoMachine(
            http=http, user_id=BOT, device_id="DEV", store_dir=tmp_path / "keys", pickle_key="k",
            trust=TrustSettings(), secrets=SecretBox(db, "curbside"), identities=IdentityPins(db),
            password=None, clock=db.clock,
        )  # fmt: skip
        async with db.begin() as tx:
            await store.use_device(tx, "curbside", "DEV")
        made.loop = SyncLoop("curbside", BOT, http=http, database=db, crypto=crypto, hospitals=Allowed())
        await made.tells()
        yield made
        await made.loop.close()
        crypto.close()
    await runner.cleanup()


async def in_our_room(hostile: Hostile, *more: dict[str, Any]) -> None:
    await hostile.tells(join={OURS: hostile.room(hostile.created(), hostile.arrival(), *more)})
    async with hostile.db.begin() as tx:
        await store.name_room(tx, "curbside", "room:moderators", OURS)


async def test_nobody_takes_a_rooms_place_by_saying_so(hostile: Hostile) -> None:
    await in_our_room(hostile)
    trap = hostile.created(predecessor={"room_id": OURS, "event_id": "$x"})
    await hostile.tells(join={THEIRS: hostile.room(trap, hostile.arrival())})
    assert await hostile.room_behind("room:moderators") == OURS


@pytest.mark.parametrize("tombstone_first", [True, False])
async def test_a_room_that_was_upgraded_gives_its_place_away(hostile: Hostile, tombstone_first: bool) -> None:
    await in_our_room(hostile)
    end = hostile.event("m.room.tombstone", {"replacement_room": THEIRS}, state_key="")
    new = hostile.created(predecessor={"room_id": OURS, "event_id": "$x"})
    steps = [{OURS: hostile.room(end)}, {THEIRS: hostile.room(new, hostile.arrival())}]
    for step in steps if tombstone_first else steps[::-1]:
        await hostile.tells(join=step)
    assert await hostile.room_behind("room:moderators") == THEIRS
    assert await hostile.queued() == [("join", THEIRS)]


@pytest.mark.parametrize(
    ("replacement", "sender"),
    [
        ("!" + "r" * 400, ADA),
        ("!nul\0:north.example", ADA),
        ("dm:@ben:north.example", ADA),
        ("room:moderators", ADA),
        ("!outside:elsewhere.example", STRANGER),
    ],
)
async def test_a_tombstone_leads_nowhere_else(hostile: Hostile, replacement: str, sender: str) -> None:
    end = hostile.event("m.room.tombstone", {"replacement_room": replacement}, sender, state_key="")
    await in_our_room(hostile, end)
    assert await hostile.queued() == []


@pytest.mark.parametrize(
    "content",
    [
        {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "session_id": "a\0b"},
        {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "session_id": "s" * 400},
        {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "session_id": "s", "a": NESTED},
    ],
)
async def test_no_event_stops_the_sync(hostile: Hostile, content: Any) -> None:
    await in_our_room(hostile)
    before = await hostile.journaled()
    said = hostile.event("m.room.message", {"msgtype": "m.text", "body": "!ping"})
    await hostile.tells(join={OURS: hostile.room(hostile.event("m.room.encrypted", content, EVE), said)})
    assert await hostile.journaled() == before + 1


async def test_deep_nesting_is_passed_over(hostile: Hostile) -> None:
    assert len(json.dumps(NESTED)) < 60_000
    await in_our_room(hostile)
    before = await hostile.journaled()
    await hostile.tells(join={OURS: hostile.room(hostile.event("m.room.message", NESTED, EVE))})
    assert await hostile.journaled() == before


async def test_an_invitation_is_judged_by_everybody_who_may_have_sent_it(hostile: Hostile) -> None:
    def member(sender: str) -> dict[str, Any]:
        content = {"membership": "invite"}
        return {"type": "m.room.member", "state_key": BOT, "sender": sender, "content": content}

    for number, senders in enumerate(((ADA,), (STRANGER,), (ADA, STRANGER), (STRANGER, ADA), ())):
        room = {"invite_state": {"events": [member(sender) for sender in senders]}}
        await hostile.tells(invite={f"!{number}:north.example": room})
    assert [op for op, _room in await hostile.queued()] == ["join", "leave", "leave", "leave", "leave"]


async def test_whoever_comes_back_to_a_room_asks_anew_who_is_there(hostile: Hostile) -> None:
    await in_our_room(hostile)
    async with hostile.db.begin() as tx:
        await store.replace_members(tx, "curbside", OURS, {BOT: "join", ADA: "join"})
    await hostile.tells(leave={OURS: hostile.room()})
    await hostile.tells(join={OURS: hostile.room(hostile.arrival())})
    async with hostile.db.read() as tx:
        room = await store.room(tx, "curbside", OURS)
    assert room is not None and not room.members_known


async def test_no_page_goes_to_a_chat_that_somebody_else_made_and_nobody_entered(hostile: Hostile) -> None:
    """Eve makes a room, invites Ada and the bot, and leaves: Ada would never see what is sent there."""
    arrived = hostile.arrival()
    encrypted = hostile.event("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}, EVE, state_key="")
    invited = hostile.event("m.room.member", {"membership": "invite"}, EVE, state_key=ADA)
    room = hostile.room(hostile.created(), encrypted, invited, arrived)
    counts = {"m.joined_member_count": 1, "m.invited_member_count": 1}
    await hostile.tells(join={THEIRS: {**room, "summary": counts}})
    assert await hostile.room_behind(f"dm:{ADA}") is None
    entered = hostile.event("m.room.member", {"membership": "join"}, ADA, state_key=ADA)
    counts = {"m.joined_member_count": 2, "m.invited_member_count": 0}
    await hostile.tells(join={THEIRS: {**hostile.room(entered), "summary": counts}})
    assert await hostile.room_behind(f"dm:{ADA}") == THEIRS


async def test_an_invited_person_is_reached_in_the_chat_that_the_bot_made(hostile: Hostile) -> None:
    encrypted = hostile.event("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}, BOT, state_key="")
    invited = hostile.event("m.room.member", {"membership": "invite"}, BOT, state_key=ADA)
    room = hostile.room(hostile.created(), hostile.arrival(), encrypted, invited)
    counts = {"m.joined_member_count": 1, "m.invited_member_count": 1}
    await hostile.tells(join={OURS: {**room, "summary": counts}})
    async with hostile.db.begin() as tx:
        await store.name_room(tx, "curbside", f"dm:{ADA}", OURS)
    assert await hostile.room_behind(f"dm:{ADA}") == OURS


@pytest.mark.parametrize("others", [(), (STRANGER,)])
async def test_a_room_where_we_seem_to_be_alone_is_nobodys_chat_until_its_people_are_listed(
    hostile: Hostile, others: tuple[str, ...]
) -> None:
    """A homeserver that joins another's room counts us alone; in a group nobody is answered alone."""
    encrypted = hostile.event("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}, state_key="")
    spoke = hostile.event("m.room.member", {"membership": "join"}, state_key=ADA)
    room = hostile.room(hostile.arrival(), state=[hostile.created(), encrypted, spoke])
    await hostile.tells(join={})
    await hostile.tells(join={THEIRS: {**room, "summary": {"m.joined_member_count": 1}}})
    assert await hostile.room_behind(f"dm:{ADA}") is None
    async with hostile.db.begin() as tx:
        assert await store.perhaps_direct(tx, "curbside", ADA) == [THEIRS]
        await store.replace_members(tx, "curbside", THEIRS, dict.fromkeys((BOT, ADA, *others), "join"))
        assert await store.perhaps_direct(tx, "curbside", ADA) == []
    assert await hostile.room_behind(f"dm:{ADA}") == (None if others else THEIRS)


async def test_a_moderators_room_that_the_bot_was_thrown_out_of_is_made_anew(hostile: Hostile) -> None:
    await in_our_room(hostile)
    index = RoomIndex({"curbside": BOT})
    async with hostile.db.read() as tx:
        assert await index.facts(tx, "curbside", "room:moderators") is not None
    await hostile.tells(leave={OURS: hostile.room()})
    async with hostile.db.begin() as tx:
        assert await index.facts(tx, "curbside", "room:moderators") is None
        assert not await outbox.is_pending(tx, "curbside", "room:moderators", "create")


async def test_what_was_said_while_somebody_arrived_from_afar_is_followed_by_something(
    hostile: Hostile,
) -> None:
    """A message beside an arrival in the room's graph reaches a newcomer's server only with a later event."""
    ours = hostile.event("m.room.create", {"room_version": "11"}, BOT, state_key="")
    levels = hostile.event("m.room.power_levels", {"users": {BOT: 100}}, BOT, state_key="")
    await hostile.tells(join={})
    await hostile.tells(join={OURS: hostile.room(hostile.arrival(), state=[ours, levels])})
    join = {"membership": "join"}
    near = hostile.event("m.room.member", join, ADA, state_key=ADA)
    renamed = hostile.event(
        "m.room.member", join, STRANGER, state_key=STRANGER, unsigned={"prev_content": join}
    )
    await hostile.tells(join={OURS: hostile.room(near, renamed)})
    assert await hostile.queued() == []
    far = hostile.event("m.room.member", join, STRANGER, state_key=STRANGER)
    await hostile.tells(join={OURS: hostile.room(far)})
    assert await hostile.queued() == [("send", OURS)]
    crowd = {"m.joined_member_count": 9}
    await hostile.tells(join={OURS: {**hostile.room(far), "summary": crowd}})
    await hostile.tells(join={THEIRS: hostile.room(hostile.arrival(), state=[hostile.created()])})
    await hostile.tells(join={THEIRS: hostile.room(far)})
    assert await hostile.queued() == [("send", OURS)]
