"""The crypto machine when the homeserver fails, the process dies, or somebody means harm."""

from __future__ import annotations

import asyncio
import shutil
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.matrix.crypto.ports import Decrypted, Undecryptable
from bot.matrix.http import MatrixError
from tests.support.cryptobot import (
    API,
    Bot,
    MakeBot,
    MakeClinician,
    MakeProxy,
    bots,
    room_of,
)
from tests.support.proxy import Kind

if TYPE_CHECKING:
    from bot.dev.clinician import Clinician
    from bot.dev.synapse import Homeserver, HomeserverGroup
    from tests.support.gates import GatedFederation


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[MakeBot]:
    async with bots(tmp_path) as make:
        yield make


# --- failures ---


@pytest.mark.parametrize("kind", [Kind.BAD_GATEWAY, Kind.DROP_AFTER])
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
    async with asyncio.timeout(60):
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
    async with asyncio.timeout(60):
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
    async with asyncio.timeout(60):
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
    async with asyncio.timeout(60):
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


async def test_a_hospital_that_is_away_does_not_stop_the_others(
    federation: HomeserverGroup, bot: MakeBot, clinician: MakeClinician
) -> None:
    north, south = federation["north"], federation["south"]
    one, ada, ben = await bot(north), await clinician(north, "ada"), await clinician(south, "ben")
    room_id = await room_of(one, ada, ben)
    assert (await one.say(room_id, "all here")).withheld == ()
    await ben.wait_for_message(contains="all here")
    cat = await clinician(south, "cat")
    await ada.invite(room_id, cat.user_id)
    await one.until(lambda: len(one.members[room_id]) == 4)
    one.machine.close()
    one.open()
    await asyncio.to_thread(federation.stop, "south")
    try:
        async with asyncio.timeout(60):
            sealed = await one.say(room_id, "south is away")
            await ada.wait_for_message(contains="south is away")
        # Ben's device is known from before. What cat, who came later, cannot read is said.
        assert ben.user_id not in {w.user_id for w in sealed.withheld}
        assert {w.code for w in sealed.withheld if w.user_id == cat.user_id} <= {"m.unavailable", "m.no_olm"}
        loop = asyncio.get_running_loop()
        before = loop.time()
        await one.say(room_id, "the second does not wait")
        assert loop.time() - before < 3
    finally:
        await asyncio.to_thread(federation.start)
    one.clock.advance(timedelta(minutes=10))
    async with asyncio.timeout(90):
        while (await one.say(room_id, "south is back")).withheld:
            one.clock.advance(timedelta(minutes=10))
    await cat.wait_for_message(contains="south is back")


async def test_a_link_that_breaks_at_the_first_message_costs_seconds(
    gated_federation: GatedFederation, bot: MakeBot, clinician: MakeClinician
) -> None:
    north, south = gated_federation.group["north"], gated_federation.group["south"]
    one, ada, ben = await bot(north), await clinician(north, "ada"), await clinician(south, "ben")
    room_id = await room_of(one, ada, ben)
    assert await one.machine.devices_of(ben.user_id)
    gated_federation.cut("south")
    try:
        sealed = await one.say(room_id, "cannot be read")
    finally:
        gated_federation.mend()
    assert [(w.user_id, w.code) for w in sealed.withheld] == [(ben.user_id, "m.no_olm")]
    mark = ben.bookmark()
    arrived = asyncio.create_task(ben.wait_for(lambda event: event["sender"] == ada.user_id, after=mark))
    while not arrived.done():  # our homeserver tries the other one again when it has something for it
        await ada.send_event(room_id, "org.example.tick", {})
        await asyncio.wait([arrived], timeout=1)
    await arrived
    one.clock.advance(timedelta(seconds=15))
    assert (await one.say(room_id, "can be read")).withheld == ()
    await ben.wait_for_message(contains="can be read")


async def test_a_device_whose_keys_change_is_not_believed(homeserver: Homeserver, bot: MakeBot) -> None:
    one, two = await bot(homeserver), await bot(homeserver)
    (before,) = await one.machine.devices_of(two.user_id)
    assert before.send
    two.machine.close()
    shutil.rmtree(two.folder)
    two.open()
    await two.machine._uploads.upload_device()
    one.machine._book.mark_changed([two.user_id])
    (after,) = await one.machine.devices_of(two.user_id)
    assert not after.send and after.fingerprint == before.fingerprint and "changed" in after.why
    one.machine.close()
    one.open()
    (known,) = one.machine._book.devices(two.user_id)
    assert known.keys_changed, "also after a restart"


# --- crashes ---


async def test_a_sync_given_again_after_a_crash_still_decrypts(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada = await bot(homeserver), await clinician(homeserver, "ada")
    room_id = await room_of(one, ada)
    await ada.send(room_id, "hello")
    since = one.since
    async with asyncio.timeout(60):
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
    async with asyncio.timeout(60):
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
    broken: dict[str, Any] = {
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
    broken["content"]["ciphertext"] = {one.machine._own.machine.curve25519: _of_no_session(one, ada)}
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


# --- malice ---


async def test_replays_and_false_senders_are_found(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
    one, ada, eve = (
        await bot(homeserver),
        await clinician(homeserver, "ada"),
        await clinician(homeserver, "eve"),
    )
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
    (mine,) = one.machine._own.machine.group_sessions(room_id, session)
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
    machine.create_group_session(
        session.sender_key, session.ed25519, room_id, session_id, outbound.session_key
    )
    assert one.read(room_id) == ["first", "second"]
    one.machine.close()
    one.open()
    assert one.read(room_id) == ["first", "second"]


def _odd_values() -> list[Any]:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    return [
        None,
        True,
        0,
        -1,
        2**70,
        1.5,
        "",
        "x",
        "é" * 300,
        "\ud800",
        "AAAA",
        [],
        [None],
        {},
        {"": None},
        deep,
    ]


async def test_malformed_input_never_raises(
    homeserver: Homeserver, bot: MakeBot, clinician: MakeClinician
) -> None:
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
        for name in (
            "to_device",
            "device_lists",
            "device_one_time_keys_count",
            "device_unused_fallback_key_types",
        ):
            one.machine.receive_sync({name: odd})
            one.machine.receive_sync(
                {name: {"events": odd, "changed": odd, "left": odd, "signed_curve25519": odd}}
            )
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
