"""The crypto machine on a real homeserver: identity, trust, messages both ways."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.crypto.ports import CannotOpenStore, Decrypted, DeviceKeysLost, Undecryptable
from bot.matrix.http import MatrixError, quoted
from bot.settings import TrustSettings
from tests.support.cryptobot import (
    API,
    EVERYBODY,
    MakeBot,
    MakeClinician,
    bots,
    relogin,
    room_of,
)

if TYPE_CHECKING:
    from bot.dev.synapse import Homeserver


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[MakeBot]:
    async with bots(tmp_path) as make:
        yield make


# --- start and cross-signing ---


async def test_start_makes_an_identity_once_and_says_what_clients_show(
    homeserver: Homeserver, bot: MakeBot
) -> None:
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
    assert (report.identity, report.advice) == ("other", ()), (
        "the device bears that identity's signature already"
    )
    await relogin(one)
    report = await one.machine.start()
    assert (
        report.identity == "other"
        and not report.device_signed
        and "keys bootstrap --reset" in report.advice[0]
    )
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


# --- messages ---


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
    await one.say(room_id, "half a pair: \ud83d")
    await ada.wait_for_message(contains="half a pair: ?")


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
        homeserver.url,
        first.user_id,
        tmp_path / "b1",
        access_token=first.access_token,
        device_id=first.device_id,
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
    room_id = (await one.http.request("POST", f"{API}/createRoom", json={"invite": [other.user_id]}))[
        "room_id"
    ]
    await other.http.request("POST", f"{API}/join/{quoted(room_id)}", json={})
    await one.until(lambda: len(one.members.get(room_id, ())) == 2)
    sealed = await one.encrypt(room_id, "is anybody there?")
    assert [(w.user_id, w.device_id, w.code) for w in sealed.withheld] == [
        (other.user_id, "*", "m.unavailable")
    ]


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
        while seen < 3 and not any(
            v.device_id == login.device_id for v in await one.machine.devices_of(account.user_id)
        ):
            await one.sync(2000)
        after = await one.say(room_id, "after")
        assert after.content["session_id"] == before.content["session_id"], (
            "a newcomer is no reason to rotate"
        )
        await second.wait_for_message(contains="after")
        assert not [e for e in second.events if e["content"].get("body") == "before"]
    finally:
        await asyncio.gather(first.close(), second.close())


async def test_sessions_are_replaced_when_somebody_leaves_and_when_worn_out(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada, ben = (
        await bot(homeserver),
        await clinician(homeserver, "ada"),
        await clinician(homeserver, "ben"),
    )
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
    two = {
        (await one.encrypt(room_id, "x", settings={"rotation_period_msgs": 2})).content["session_id"]
        for _ in "abcd"
    }
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
    async with asyncio.timeout(60):
        while not changes:
            one.machine._book.mark_changed([two.user_id])  # Synapse tells only of rooms that are encrypted
            changes = list((await one.sync(500)).identity_changes)
    assert [(c.user_id, c.before) for c in changes] == [(two.user_id, before)]
    assert one.memory.pins[two.user_id] == changes[0].now != before
    assert (await one.encrypt(room_id, "x")).withheld == ()


async def test_element_s_engine_sees_no_warning(homeserver: Homeserver, bot: MakeBot) -> None:
    """matrix-js-sdk that refuses unsigned devices, as Element does."""
    from bot.dev.synapse import register_user
    from tests.support.jsclient import JsClient

    one = await bot(homeserver)
    password = uuid4().hex
    user = await register_user(homeserver, f"js-{uuid4().hex[:8]}", password)
    element = await JsClient.start(homeserver.url, user.user_id, user.access_token, user.device_id, password)
    try:
        room_id = await element.create_room(encrypted=True, invite=[one.user_id])
        await one.join(room_id, 2)
        await element.send(room_id, "from Element")
        await one.expect(room_id, "from Element")
        sealed = await one.say(room_id, "from the bot")
        assert sealed.withheld == ()
        seen = await element.wait_for_message(room_id, one.user_id, "from the bot")
        assert seen["encrypted"] and seen["shield"] == {"color": "none", "reason": None}
        answer = one.machine.decrypt(room_id, one.events[-1])
        assert isinstance(answer, Decrypted) and answer.verified
        assert (await element.verification_of(one.user_id, one.device_id))["signed_by_owner"]
    finally:
        await element.stop()


async def test_a_key_that_was_lost_is_asked_for_and_taken_only_then(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    await ada.send(room_id, "hello")
    async with asyncio.timeout(60):
        while not one.events:
            one.take({**await one.fetch(2000), "to_device": {}})
    event = one.events[-1]
    session_id = event["content"]["session_id"]
    assert one.machine.decrypt(room_id, event) == Undecryptable(session_id, "no_key")
    olm = ada._client.olm
    key = olm.account.identity_keys["curve25519"]
    own = one.machine._own.machine.curve25519
    device = olm.device_store.device_from_sender_key(one.user_id, own)

    def forwarded() -> dict[str, Any]:
        group = olm.inbound_group_store.get(room_id, key, session_id)
        message = olm._encrypt_forwarding_key(room_id, group, olm.session_store.get(own), device)
        events = [{"type": "m.room.encrypted", "sender": ada.user_id, "content": message.content}]
        return {"to_device": {"events": events}}

    assert one.machine.receive_sync(forwarded()).sessions == frozenset()
    assert one.machine.decrypt(room_id, event) == Undecryptable(session_id, "no_key")
    await one.machine.request_room_key(room_id, event)
    assert one.machine.receive_sync(forwarded()).sessions == {(room_id, session_id)}
    assert one.read(room_id) == ["hello"]
    assert [content["action"] for _, content in one.machine._requests.values()] == ["request_cancellation"]
    await one.machine.after_sync()
    assert not one.machine._requests
