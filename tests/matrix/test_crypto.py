"""The crypto machine against a real homeserver, with a matrix-nio client as the other side."""

from __future__ import annotations

import asyncio
import json
import shutil
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import pytest

from bot.kernel.clock import ManualClock
from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.crypto.ports import CannotOpenStore, Decrypted, DeviceKeysLost, Encrypted, SyncOutcome, Undecryptable
from bot.matrix.http import Http, MatrixError, quoted
from bot.settings import TrustSettings
from tests.support.proxy import FaultProxy, Kind

if TYPE_CHECKING:
    from bot.dev.clinician import Clinician
    from bot.dev.synapse import Homeserver

API = "/_matrix/client/v3"
EVERYBODY = TrustSettings(policy="all")
MakeClinician = Callable[..., Awaitable["Clinician"]]
MakeProxy = Callable[..., Awaitable[FaultProxy]]


class Memory:
    """The secrets of one account and the pinned master keys, as the database keeps them."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.pins: dict[str, str] = {}

    async def load(self, name: str) -> Any | None:
        value = self.values.get(name)
        return None if value is None else json.loads(value)

    async def save(self, name: str, value: Any) -> None:
        self.values[name] = json.dumps(value)

    async def pinned(self, user_id: str) -> str | None:
        return self.pins.get(user_id)

    async def pin(self, user_id: str, master_key: str) -> None:
        self.pins[user_id] = master_key


@dataclass
class Bot:
    """A bot account: its HTTP, its machine, and the least that a sync loop does."""

    http: Http
    user_id: str
    device_id: str
    password: str
    folder: Path
    memory: Memory
    clock: ManualClock
    trust: TrustSettings
    machine: CryptoMachine = field(init=False)
    since: str | None = None
    members: dict[str, set[str]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    readable: set[tuple[str, str]] = field(default_factory=set)

    def open(self, password: str | None = None) -> CryptoMachine:
        self.machine = CryptoMachine(
            http=self.http,
            user_id=self.user_id,
            device_id=self.device_id,
            store_dir=self.folder,
            pickle_key="pickle",
            trust=self.trust,
            secrets=self.memory,
            identities=self.memory,
            password=password or self.password,
            clock=self.clock,
        )
        return self.machine

    async def fetch(self, timeout_ms: int = 0) -> dict[str, Any]:
        query = {"timeout": str(timeout_ms)} | ({"since": self.since} if self.since else {})
        return await self.http.request("GET", f"{API}/sync", query=query, timeout=30)

    def take(self, sync: Mapping[str, Any]) -> None:
        self.machine.receive_sync(sync)
        self.since = sync["next_batch"]
        for room_id, room in sync.get("rooms", {}).get("join", {}).items():
            for event in [*room.get("state", {}).get("events", ()), *room["timeline"]["events"]]:
                if event["type"] == "m.room.member":
                    people = self.members.setdefault(room_id, set())
                    (people.add if event["content"]["membership"] == "join" else people.discard)(event["state_key"])
                elif event["type"] == "m.room.encrypted" and event["sender"] != self.user_id:
                    self.events.append({**event, "room_id": room_id})

    async def sync(self, timeout_ms: int = 0) -> SyncOutcome:
        self.take(await self.fetch(timeout_ms))
        outcome = await self.machine.after_sync()
        self.readable |= outcome.readable
        return outcome

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await self.sync(2000)

    def read(self, room_id: str) -> list[str]:
        answers = [self.machine.decrypt(room_id, event) for event in self.events if event["room_id"] == room_id]
        return [answer.event["content"]["body"] for answer in answers if isinstance(answer, Decrypted)]

    async def expect(self, room_id: str, text: str) -> None:
        await self.until(lambda: text in self.read(room_id))

    async def encrypt(self, room_id: str, text: str, **options: Any) -> Encrypted:
        content = {"msgtype": "m.text", "body": text}
        return await self.machine.encrypt(room_id, self.members[room_id], "m.room.message", content, **options)

    async def say(self, room_id: str, text: str, **options: Any) -> Encrypted:
        sealed = await self.encrypt(room_id, text, **options)
        path = f"{API}/rooms/{quoted(room_id)}/send/m.room.encrypted/{uuid4().hex}"
        await self.http.request("PUT", path, json=sealed.content)
        return sealed

    async def join(self, room_id: str, members: int) -> None:
        await self.http.request("POST", f"{API}/join/{quoted(room_id)}", json={})
        await self.until(lambda: len(self.members.get(room_id, ())) == members)


MakeBot = Callable[..., Awaitable[Bot]]


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[MakeBot]:
    """`await bot(homeserver, url=…, trust=…)` registers an account and starts a machine for it."""
    from bot.dev.synapse import register_user

    made: list[Bot] = []
    async with aiohttp.ClientSession() as session:

        async def make(
            server: Homeserver, *, url: str | None = None, trust: TrustSettings | None = None, start: bool = True
        ) -> Bot:
            password = uuid4().hex
            account = await register_user(server, f"bot-{uuid4().hex[:8]}", password)
            http = Http(url or server.url, session)
            http.token = account.access_token
            clock = ManualClock(datetime.now(UTC))
            folder = tmp_path / account.device_id
            new = Bot(
                http, account.user_id, account.device_id, password, folder, Memory(), clock, trust or TrustSettings()
            )
            made.append(new)
            new.open()
            if start:
                await new.machine.start()
                await new.sync()
            return new

        yield make
        for each in made:
            each.machine.close()


async def relogin(bot: Bot) -> None:
    """Log in as a new device, with nothing of the old one but what the database keeps."""
    bot.machine.close()
    token, bot.http.token = bot.http.token, None
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": bot.user_id},
        "password": bot.password,
    }
    answer = await bot.http.request("POST", f"{API}/login", json=body)
    assert token != answer["access_token"]
    bot.http.token, bot.device_id, bot.since = answer["access_token"], answer["device_id"], None
    bot.events.clear()
    bot.members.clear()
    bot.open()


async def room_of(bot: Bot, *people: Clinician) -> str:
    room_id = await people[0].create_room(invite=[bot.user_id, *(p.user_id for p in people[1:])])
    await bot.join(room_id, len(people) + 1)
    return room_id


# --- start and cross-signing ---------------------------------------------------------------------------------


async def test_start_makes_an_identity_once_and_says_what_clients_show(homeserver: Homeserver, bot: MakeBot) -> None:
    one = await bot(homeserver, start=False)
    report = await one.machine.start()
    assert (report.new_device, report.identity, report.device_signed) == (True, "created", True)
    assert report.fallback_key and report.signed_now and report.advice == ()
    status = await one.machine.own_status()
    assert status.identity == "ours" and status.device_signed and status.one_time_keys == 50
    again = await one.machine.start()
    assert (again.identity, again.signed_now) == ("ours", False)
    one.machine.close()
    report = await one.open().start()
    assert (report.new_device, report.identity, report.signed_now) == (False, "ours", False)
    answer = await one.http.request("POST", f"{API}/keys/query", json={"device_keys": {one.user_id: []}})
    signatures = answer["master_keys"][one.user_id]["signatures"][one.user_id]
    assert f"ed25519:{one.device_id}" in signatures


async def test_a_crash_after_the_upload_loses_no_identity(homeserver: Homeserver, bot: MakeBot) -> None:
    one = await bot(homeserver, start=False)
    request = one.http.request

    async def dies(method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = await request(method, path, **options)
        if path.endswith("device_signing/upload"):
            raise MatrixError(0, "the connection broke after the homeserver had taken it")
        return answer

    one.http.request = dies  # type: ignore[method-assign]
    with pytest.raises(MatrixError):
        await one.machine.start()
    one.http.request = request  # type: ignore[method-assign]
    one.machine.close()
    report = await one.open().start()
    assert (report.identity, report.signed_now) == ("ours", True)


async def test_lost_keys_need_a_new_device_which_the_same_identity_signs(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    await ada.send(room_id, "before")
    await one.expect(room_id, "before")
    master = (await one.machine.own_status()).identity
    one.machine.close()
    shutil.rmtree(one.folder)
    one.open()
    with pytest.raises(DeviceKeysLost, match="new device"):
        await one.machine.start()
    await relogin(one)
    report = await one.machine.start()
    assert (report.new_device, report.identity, report.signed_now) == (True, "ours", True)
    assert master == (await one.machine.own_status()).identity == "ours"
    await one.sync()
    await one.say(room_id, "after, from the bot")
    await ada.wait_for_message(contains="after, from the bot")
    await ada.send(room_id, "after, from ada")
    await one.expect(room_id, "after, from ada")


async def test_a_foreign_identity_is_reported_and_replaced_only_on_request(
    homeserver: Homeserver, bot: MakeBot
) -> None:
    one = await bot(homeserver)
    before = one.memory.values.copy()
    one.memory.values.clear()
    report = await one.machine.start()
    assert (report.identity, report.advice) == ("other", ()), "the device bears that identity's signature already"
    await relogin(one)
    report = await one.machine.start()
    assert report.identity == "other" and not report.device_signed and "keys bootstrap --reset" in report.advice[0]
    assert (await one.machine.own_status()).identity == "other"
    assert not one.memory.values, "nothing was made silently"
    await one.machine.reset_identity()
    assert one.memory.values != before
    status = await one.machine.own_status()
    assert status.identity == "ours" and status.device_signed


async def test_a_reset_that_is_refused_keeps_the_identity(homeserver: Homeserver, bot: MakeBot) -> None:
    one = await bot(homeserver)
    one.machine.close()
    one.open(password="wrong")
    with pytest.raises(Exception, match="password"):
        await one.machine.reset_identity()
    assert (await one.machine.start()).identity == "ours"


async def test_a_store_under_another_key_cannot_be_opened(homeserver: Homeserver, bot: MakeBot) -> None:
    one = await bot(homeserver)
    one.machine.close()
    with pytest.raises(CannotOpenStore, match="backup"):
        CryptoMachine(
            http=one.http,
            user_id=one.user_id,
            device_id=one.device_id,
            store_dir=one.folder,
            pickle_key="another",
            trust=one.trust,
            secrets=one.memory,
            identities=one.memory,
            password=None,
            clock=one.clock,
        )
    one.open()


# --- messages --------------------------------------------------------------------------------------------------


async def test_messages_both_ways(homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    sealed = await one.say(room_id, "from the bot")
    assert sealed.withheld == () and sealed.identity_changes == ()
    root = await ada.wait_for_message(contains="from the bot")
    assert root["encrypted"]
    await ada.send(room_id, "from ada", thread=root["event_id"])
    await one.expect(room_id, "from ada")
    answer = one.machine.decrypt(room_id, one.events[-1])
    assert isinstance(answer, Decrypted) and answer.verified
    assert answer.event["type"] == "m.room.message" and answer.event["sender"] == ada.user_id
    assert answer.event["content"]["m.relates_to"]["event_id"] == root["event_id"]
    content = {"msgtype": "m.text", "body": "in the thread", "m.relates_to": {"rel_type": "m.thread"}}
    sealed = await one.machine.encrypt(room_id, one.members[room_id], "m.room.message", content)
    assert sealed.content["m.relates_to"] == {"rel_type": "m.thread"}


async def test_the_deprecated_fields_of_an_event_are_not_needed(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    await ada.send(room_id, "hello")
    await one.expect(room_id, "hello")
    event = one.events[-1]
    for name in ("sender_key", "device_id"):
        event["content"].pop(name, None)
    assert isinstance(one.machine.decrypt(room_id, event), Decrypted)


async def test_unsigned_devices_get_nothing_and_are_told(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician, tmp_path: Path
) -> None:
    from bot.dev.clinician import Clinician
    from bot.dev.synapse import login_user, register_user

    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    eve = await clinician(homeserver, "eve", cross_sign=False)
    room_id = await room_of(one, ada, eve)
    await one.until(lambda: len(one.members[room_id]) == 3)
    sealed = await one.say(room_id, "one")
    assert [(w.user_id, w.code, w.new) for w in sealed.withheld] == [(eve.user_id, "m.unverified", True)]
    assert "cross-signing" in sealed.withheld[0].reason
    await ada.wait_for_message(contains="one")
    hidden = await eve.wait_for(lambda e: e["type"] == "m.room.encrypted")
    assert hidden["undecrypted"]
    again = await one.say(room_id, "two")
    assert [w.new for w in again.withheld] == [False]
    await eve.wait_for(lambda e: e["event_id"] != hidden["event_id"] and e["type"] == "m.room.encrypted")
    (told,) = [content for content in eve.withheld if content["session_id"] == sealed.content["session_id"]]
    assert told["code"] == "m.unverified" and told["room_id"] == room_id

    # A second device that its owner has not signed, of somebody who has an identity.
    password = uuid4().hex
    first = await register_user(homeserver, f"ben-{uuid4().hex[:8]}", password)
    second = await login_user(homeserver, first.user_id, password)
    signed = await Clinician.start(
        homeserver.url, first.user_id, tmp_path / "b1", access_token=first.access_token, device_id=first.device_id
    )
    unsigned = await Clinician.start(
        homeserver.url,
        second.user_id,
        tmp_path / "b2",
        access_token=second.access_token,
        device_id=second.device_id,
        cross_sign=False,
    )
    try:
        await ada.invite(room_id, first.user_id)
        await one.until(lambda: len(one.members[room_id]) == 4)
        sealed = await one.say(room_id, "three")
        ours = [w for w in sealed.withheld if w.user_id == first.user_id]
        assert [(w.device_id, w.code) for w in ours] == [(unsigned.device_id, "m.unverified")]
        assert "Verify" in ours[0].reason
        await signed.wait_for_message(contains="three")
        views = {view.device_id: view for view in await one.machine.devices_of(first.user_id)}
        assert views[signed.device_id].send and not views[unsigned.device_id].send
    finally:
        await asyncio.gather(signed.close(), unsigned.close())


@pytest.mark.parametrize("trust", [EVERYBODY, TrustSettings(users_without_identity="send")])
async def test_the_policy_may_send_to_people_without_an_identity(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician, trust: TrustSettings
) -> None:
    one = await bot(homeserver, trust=trust)
    eve = await clinician(homeserver, "eve", cross_sign=False)
    room_id = await room_of(one, eve)
    sealed = await one.say(room_id, "for everybody")
    assert sealed.withheld == ()
    await eve.wait_for_message(contains="for everybody")


async def test_somebody_without_any_device_is_reported(homeserver: Homeserver, bot: MakeBot) -> None:
    one, other = await bot(homeserver), await bot(homeserver, start=False)
    room_id = (await one.http.request("POST", f"{API}/createRoom", json={"invite": [other.user_id]}))["room_id"]
    await other.http.request("POST", f"{API}/join/{quoted(room_id)}", json={})
    await one.until(lambda: len(one.members.get(room_id, ())) == 2)
    sealed = await one.encrypt(room_id, "is anybody there?")
    assert [(w.user_id, w.device_id, w.code) for w in sealed.withheld] == [(other.user_id, "*", "m.unavailable")]


async def test_a_new_device_reads_what_comes_after_it(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician, tmp_path: Path
) -> None:
    from bot.dev.clinician import Clinician
    from bot.dev.synapse import login_user, register_user

    one = await bot(homeserver)
    password = uuid4().hex
    account = await register_user(homeserver, f"ada-{uuid4().hex[:8]}", password)
    first = await Clinician.start(homeserver.url, account.user_id, tmp_path / "a1", password=password)
    room_id = await room_of(one, first)
    before = await one.say(room_id, "before")
    await first.wait_for_message(contains="before")
    login = await login_user(homeserver, account.user_id, password)
    second = await Clinician.start(
        homeserver.url,
        account.user_id,
        tmp_path / "a2",
        access_token=login.access_token,
        device_id=login.device_id,
        identity_directory=tmp_path / "a1",
    )
    try:
        seen = len(await one.machine.devices_of(account.user_id))
        while seen < 3 and not any(v.device_id == login.device_id for v in await one.machine.devices_of(account.user_id)):
            await one.sync(2000)
        after = await one.say(room_id, "after")
        assert after.content["session_id"] == before.content["session_id"], "a newcomer is no reason to rotate"
        await second.wait_for_message(contains="after")
        assert not [e for e in second.events if e["content"].get("body") == "before"]
    finally:
        await asyncio.gather(first.close(), second.close())


async def test_sessions_are_replaced_when_somebody_leaves_and_when_worn_out(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada, ben = await bot(homeserver), await clinician(homeserver, "ada"), await clinician(homeserver, "ben")
    room_id = await room_of(one, ada, ben)
    await one.until(lambda: len(one.members[room_id]) == 3)

    async def session() -> str:
        return str((await one.encrypt(room_id, "x")).content["session_id"])

    first = await session()
    assert await session() == first
    await ben.leave(room_id)
    await one.until(lambda: len(one.members[room_id]) == 2)
    second = await session()
    assert second != first
    one.machine.forget_outbound(room_id)
    third = await session()
    assert third not in (first, second)
    one.clock.advance(timedelta(days=6))
    assert await session() == third
    one.clock.advance(timedelta(days=1, seconds=1))
    fourth = await session()
    assert fourth != third
    two = {(await one.encrypt(room_id, "x", settings={"rotation_period_msgs": 2})).content["session_id"] for _ in "abcd"}
    assert len(two) == 3
    one.machine.forget_outbound(room_id)
    assert len({await session() for _ in range(101)}) == 2
    hour = {"rotation_period_ms": 3_600_000}
    before = (await one.encrypt(room_id, "x", settings=hour)).content["session_id"]
    one.clock.advance(timedelta(hours=1))
    assert (await one.encrypt(room_id, "x", settings=hour)).content["session_id"] != before


async def test_a_changed_identity_is_reported_and_followed(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, two = await bot(homeserver), await bot(homeserver)
    room_id = (await one.http.request("POST", f"{API}/createRoom", json={"invite": [two.user_id]}))["room_id"]
    await two.http.request("POST", f"{API}/join/{quoted(room_id)}", json={})
    await one.until(lambda: len(one.members.get(room_id, ())) == 2)
    assert (await one.encrypt(room_id, "x")).identity_changes == ()
    before = one.memory.pins[two.user_id]
    await two.machine.reset_identity()
    changes: list[Any] = []
    async with asyncio.timeout(20):
        while not changes:
            one.machine._book.mark_changed([two.user_id])  # Synapse tells only of rooms that are encrypted
            changes = list((await one.sync(500)).identity_changes)
    assert [(c.user_id, c.before) for c in changes] == [(two.user_id, before)]
    assert one.memory.pins[two.user_id] == changes[0].now != before
    assert (await one.encrypt(room_id, "x")).withheld == ()


# --- failures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.BAD_GATEWAY, Kind.DROP_AFTER, Kind.TRUNCATED])
@pytest.mark.parametrize("path", [".*/keys/query", ".*/keys/claim", ".*/sendToDevice/m.room.encrypted/.*"])
async def test_a_failed_share_is_made_good_by_the_next_send(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician, proxy: MakeProxy, path: str, kind: Kind
) -> None:
    between = await proxy(homeserver.url)
    one, ada = await bot(homeserver, url=between.url), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    fault = between.add(kind, path, times=1)
    # aiohttp itself repeats a PUT whose connection broke, so it need not fail.
    with suppress(MatrixError) if kind is Kind.DROP_AFTER else pytest.raises(MatrixError):
        await one.say(room_id, "lost")
    assert fault.hits == 1
    async with asyncio.timeout(15):
        await one.say(room_id, "arrives")
    await ada.wait_for_message(contains="arrives")


@pytest.mark.parametrize("path", [".*/keys/query", ".*/keys/claim", ".*/sendToDevice/m.room.encrypted/.*"])
async def test_a_cancelled_share_is_made_good_by_the_next_send(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician, proxy: MakeProxy, path: str
) -> None:
    between = await proxy(homeserver.url)
    one, ada = await bot(homeserver, url=between.url), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    fault = between.add(Kind.STALLED, path, times=1)
    send = asyncio.create_task(one.say(room_id, "lost"))
    await between.wait_for(lambda log: any(entry.fault for entry in log), path)
    send.cancel()
    with pytest.raises(asyncio.CancelledError):
        await send
    between.remove(fault)
    async with asyncio.timeout(15):
        await one.say(room_id, "arrives")
    await ada.wait_for_message(contains="arrives")


async def test_a_notice_of_withholding_that_fails_does_not_stop_the_message(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician, proxy: MakeProxy
) -> None:
    between = await proxy(homeserver.url)
    one = await bot(homeserver, url=between.url)
    eve = await clinician(homeserver, "eve", cross_sign=False)
    room_id = await room_of(one, eve)
    between.add(Kind.BAD_GATEWAY, ".*/sendToDevice/m.room_key.withheld/.*", times=1)
    assert [w.new for w in (await one.say(room_id, "one")).withheld] == [True]
    async with asyncio.timeout(15):
        await one.say(room_id, "two")
    hits = between.requests(".*/sendToDevice/m.room_key.withheld/.*")
    assert [entry.status for entry in hits] == [502, 200]


async def test_sends_at_the_same_time_share_one_session(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    sealed = await asyncio.gather(*(one.say(room_id, f"number {i}") for i in range(10)))
    assert len({s.content["session_id"] for s in sealed}) == 1
    for i in range(10):
        await ada.wait_for_message(contains=f"number {i}")


async def test_after_sync_keeps_what_failed_for_the_next_time(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician, proxy: MakeProxy
) -> None:
    between = await proxy(homeserver.url)
    one = await bot(homeserver, url=between.url)
    fault = between.add(Kind.BAD_GATEWAY, ".*/(keys|sendToDevice)/.*")
    one.machine.receive_sync({"device_one_time_keys_count": {"signed_curve25519": 10}})
    event = {"sender": "@ada:example.org", "content": {"session_id": "abc"}}
    await one.machine.request_room_key("!r", event)
    await one.machine.request_room_key("!r", event)
    await one.machine.after_sync()
    assert one.machine._uploads.count == 10
    between.remove(fault)
    async with asyncio.timeout(20):
        while one.machine._uploads.count == 10 or one.machine._requests:
            await one.machine.after_sync()
    assert one.machine._uploads.count > 10
    await one.machine.request_room_key("!r", event)
    sent = between.requests(".*/sendToDevice/m.room_key_request/.*")
    assert [entry.status for entry in sent if entry.status != 502] == [200]


async def test_one_time_keys_of_a_lost_state_are_replaced(homeserver: Homeserver, bot: MakeBot) -> None:
    one = await bot(homeserver, start=False)
    database = next(one.folder.glob("*.db"))
    one.machine._own.machine.store.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(database, database.with_suffix(".old"))
    await one.machine.start()
    one.machine.close()
    for stale in one.folder.glob("*.db-*"):
        stale.unlink()
    shutil.move(database.with_suffix(".old"), database)
    # The account of before the upload: its next one-time keys take the same ids.
    report = await one.open().start()
    assert report.identity == "ours"
    assert one.machine._uploads.count is not None and one.machine._uploads.count >= 50


async def test_a_used_fallback_key_is_replaced(homeserver: Homeserver, bot: MakeBot) -> None:
    one = await bot(homeserver)
    claim = {"one_time_keys": {one.user_id: {one.device_id: "signed_curve25519"}}}
    keys = []
    for _ in range(51):
        answer = await one.http.request("POST", f"{API}/keys/claim", json=claim)
        keys.append(next(iter(answer["one_time_keys"][one.user_id][one.device_id].values())))
    assert keys[-1]["fallback"] is True and "fallback" not in keys[0]
    await one.sync()
    await one.sync()
    sync = await one.fetch()
    assert sync["device_one_time_keys_count"]["signed_curve25519"] == 50
    assert sync["device_unused_fallback_key_types"] == ["signed_curve25519"]


# --- crashes ---------------------------------------------------------------------------------------------------


async def test_a_sync_given_again_after_a_crash_still_decrypts(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    await ada.send(room_id, "hello")
    since = one.since
    async with asyncio.timeout(20):
        while not (sync := await one.fetch(2000)).get("to_device", {}).get("events"):
            one.since = since
    first = one.machine.receive_sync(sync)
    assert first.sessions
    # Killed here: no sync token kept, nothing closed in order.
    one.open()
    assert one.machine.receive_sync(sync) == first
    assert one.machine.receive_sync(sync) == first
    one.take(sync)
    await one.expect(room_id, "hello")
    assert one.machine._own.machine.wedged_devices == []
    # Killed inside receive_sync: the one-time key and the session go or stay together.
    await ada.send(room_id, "again")
    await one.expect(room_id, "again")


async def test_a_store_that_cannot_be_written_changes_nothing(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    await ada.send(room_id, "hello")
    since = one.since
    async with asyncio.timeout(20):
        while not (sync := await one.fetch(2000)).get("to_device", {}).get("events"):
            one.since = since
    with monkeypatch.context() as patch:
        store = one.machine._own.machine.store
        patch.setattr(store, "mark_handled", lambda *_: store.database.execute_sql("no such statement"))
        with pytest.raises(Exception, match="syntax error"):
            one.machine.receive_sync(sync)
    assert one.machine.receive_sync(sync).sessions
    one.take(sync)
    await one.expect(room_id, "hello")


async def test_a_broken_olm_session_is_mended(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    await one.say(room_id, "hello")
    await ada.wait_for_message(contains="hello")
    key = ada._client.olm.account.identity_keys["curve25519"]
    sessions = one.machine._own.machine.session_store[key]
    for session in sessions:
        session.creation_time -= timedelta(hours=2)
    broken = {
        "type": "m.room.encrypted",
        "sender": ada.user_id,
        "content": {
            "algorithm": "m.olm.v1.curve25519-aes-sha2",
            "sender_key": key,
            "ciphertext": {one.machine._own.machine.curve25519: {"type": 1, "body": "AwogAAAA"}},
        },
    }
    before = len(sessions)
    one.machine.receive_sync({"to_device": {"events": [broken]}})
    broken["content"]["ciphertext"] = {
        one.machine._own.machine.curve25519: _of_no_session(one, ada)
    }
    one.machine.receive_sync({"to_device": {"events": [broken]}})
    assert [d.user_id for d in one.machine._own.machine.wedged_devices] == [ada.user_id]
    await one.machine.after_sync()
    assert len(one.machine._own.machine.session_store[key]) == before + 1
    assert one.machine._own.machine.wedged_devices == []
    one.machine.forget_outbound(room_id)
    await one.say(room_id, "through the new session")
    await ada.wait_for_message(contains="through the new session")


def _of_no_session(one: Bot, ada: Clinician) -> dict[str, Any]:
    """An Olm message of ada's through a session that the bot has lost."""
    from nio.crypto import OlmAccount, OutboundSession

    lost = OlmAccount()
    lost.generate_one_time_keys(1)
    key = next(iter(lost.one_time_keys["curve25519"].values()))
    session = OutboundSession(ada._client.olm.account, one.machine._own.machine.curve25519, key)
    kind, body = session.encrypt("{}").to_parts()
    return {"type": kind, "body": b64encode(body).decode().rstrip("=")}


# --- malice ----------------------------------------------------------------------------------------------------


async def test_replays_and_false_senders_are_found(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada, eve = await bot(homeserver), await clinician(homeserver, "ada"), await clinician(homeserver, "eve")
    room_id = await room_of(one, ada, eve)
    await one.until(lambda: len(one.members[room_id]) == 3)
    await one.say(room_id, "hello")
    await ada.send(room_id, "from ada")
    await eve.send(room_id, "from eve")
    await one.expect(room_id, "from ada")
    await one.expect(room_id, "from eve")
    (event,) = [e for e in one.events if e["sender"] == ada.user_id]
    session = event["content"]["session_id"]
    assert isinstance(one.machine.decrypt(room_id, event), Decrypted), "the same event may come again"
    replayed = {**event, "event_id": "$another"}
    assert one.machine.decrypt(room_id, replayed) == Undecryptable(session, "replay")
    assert one.machine.decrypt("!other:room", event) == Undecryptable(session, "no_key")
    (mine,) = [s for s in one.machine._own.machine._sessions[session].values()]
    mine.room_id = "!other:room"
    assert one.machine.decrypt("!other:room", {**event, "event_id": "$x"}) == Undecryptable(session, "forged")
    mine.room_id = room_id
    # The homeserver puts eve's name on it: perhaps a device of hers that we do not know yet …
    false = {**event, "sender": eve.user_id}
    assert one.machine.decrypt(room_id, false) == Undecryptable(session, "no_key")
    outcome = await one.machine.after_sync()
    assert (room_id, session) in outcome.readable
    # … but no: she says she has no such device.
    assert one.machine.decrypt(room_id, false) == Undecryptable(session, "forged")
    assert one.machine.decrypt(room_id, {**event, "sender": one.user_id}).reason != "replay"  # type: ignore[union-attr]
    one.machine.close()
    one.open()
    assert one.machine.decrypt(room_id, replayed) == Undecryptable(session, "replay"), "also after a restart"


async def test_nobody_can_take_over_the_session_of_another(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    await one.say(room_id, "hello")
    await ada.send(room_id, "first")
    await one.expect(room_id, "first")
    session_id = one.events[-1]["content"]["session_id"]
    machine = one.machine._own.machine
    (session,) = machine.group_sessions(room_id, session_id)
    outbound = ada._client.olm.outbound_group_sessions[room_id]
    await ada.send(room_id, "second")
    await one.expect(room_id, "second")
    # Somebody else who has the key, and a later state of it by the maker.
    machine.create_group_session("A" * 43, "B" * 43, room_id, session_id, outbound.session_key)
    machine.create_group_session(session.sender_key, session.ed25519, room_id, session_id, outbound.session_key)
    assert one.read(room_id) == ["first", "second"]
    one.machine.close()
    one.open()
    assert one.read(room_id) == ["first", "second"]


def _odd_values() -> list[Any]:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    return [None, True, 0, -1, 2**70, 1.5, "", "x", "é" * 300, "\ud800", "AAAA", [], [None], {}, {"": None}, deep]


async def test_malformed_input_never_raises(homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    await ada.send(room_id, "hello")
    await one.expect(room_id, "hello")
    good = one.events[-1]
    own = one.machine._own.machine.curve25519
    olm = {
        "type": "m.room.encrypted",
        "sender": ada.user_id,
        "content": {
            "algorithm": "m.olm.v1.curve25519-aes-sha2",
            "sender_key": good["content"].get("sender_key", "x"),
            "ciphertext": {own: {"type": 0, "body": "AAAA"}},
        },
    }
    withheld = {
        "type": "m.room_key.withheld",
        "sender": ada.user_id,
        "content": {"room_id": room_id, "session_id": "s", "code": "m.unverified"},
    }
    for odd in _odd_values():
        for broken in _variants(good, odd):
            answer = one.machine.decrypt(room_id, broken)
            assert isinstance(answer, Decrypted | Undecryptable)
        assert isinstance(one.machine.decrypt(room_id, odd), Undecryptable)
        for whole in (olm, withheld):
            for broken in _variants(whole, odd):
                one.machine.receive_sync({"to_device": {"events": [broken]}})
        for name in ("to_device", "device_lists", "device_one_time_keys_count", "device_unused_fallback_key_types"):
            one.machine.receive_sync({name: odd})
            one.machine.receive_sync({name: {"events": odd, "changed": odd, "left": odd, "signed_curve25519": odd}})
        await one.machine.request_room_key(room_id, {"sender": odd, "content": odd})
    one.machine.receive_sync({"to_device": {"events": [withheld]}})
    answer = one.machine.decrypt(room_id, {**good, "content": {**good["content"], "session_id": "s"}})
    assert answer == Undecryptable("s", "no_key", "m.unverified")
    assert one.read(room_id) == ["hello"]
    one.machine._requests.clear()
    await one.sync()
    await one.say(room_id, "still here")
    await ada.wait_for_message(contains="still here")


def _variants(value: Any, odd: Any) -> list[Any]:
    """The value with each of its parts replaced by the odd one, and each left out."""
    if not isinstance(value, dict):
        return [odd]
    found: list[Any] = [odd]
    for name, part in value.items():
        found.append({key: item for key, item in value.items() if key != name})
        found += [{**value, name: variant} for variant in _variants(part, odd)]
    return found
