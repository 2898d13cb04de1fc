"""The servers and clients that other tests stand on do what those tests take for granted."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from bot.dev.clinician import Clinician, IdentityError, MatrixError
from bot.dev.synapse import (
    Homeserver,
    HomeserverGroup,
    SynapseError,
    UserExistsError,
    login_user,
    register_user,
)
from tests.support.proxy import Kind


def test_homeserver_survives_json() -> None:
    server = Homeserver("north", "localhost:9101", "http://127.0.0.1:9001", "s", Path("/x/north"), 9001, 9101)
    assert Homeserver.from_json(json.loads(json.dumps(server.to_json()))) == server


def test_set_up_twice_keeps_names_ports_and_keys(tmp_path):
    first = HomeserverGroup.create(tmp_path, ["north", "south"])
    key = (tmp_path / "north" / "signing.key").read_bytes()
    second = HomeserverGroup.create(tmp_path, ["north", "south"], rate_limits=True)
    assert first.homeservers == second.homeservers == HomeserverGroup.load(tmp_path).homeservers
    assert (tmp_path / "north" / "signing.key").read_bytes() == key
    with pytest.raises(SynapseError, match="holds the homeservers north, south"):
        HomeserverGroup.create(tmp_path, ["east"])
    assert second.pid("north") is None


def test_a_homeserver_that_cannot_start_says_why(tmp_path):
    group = HomeserverGroup.create(tmp_path, ["north"])
    (tmp_path / "north" / "signing.key").write_text("not a key\n")
    with pytest.raises(SynapseError, match=r"(?s)'north' stopped with exit code 1.*ports \d+ and \d+.*log"):
        group.start()
    assert group.pid("north") is None


async def test_registering_twice_is_a_clear_error(homeserver):
    name = f"ada-{uuid4().hex[:8]}"
    account = await register_user(homeserver, name, "a password")
    with pytest.raises(UserExistsError, match="exists already on 'solo'; log in with its password"):
        await register_user(homeserver, name, "a password")
    again = await login_user(homeserver, name, "a password", device_id="SECOND")
    assert (again.user_id, again.device_id) == (account.user_id, "SECOND")
    with pytest.raises(SynapseError, match="M_FORBIDDEN"):
        await login_user(homeserver, name, "another")


async def test_encrypted_both_ways_across_two_homeservers(federation, clinician):
    ada = await clinician(federation["north"], "ada")
    bela = await clinician(federation["south"], "bela")
    room = await ada.create_dm(bela.user_id)
    await bela.wait_for(lambda e: e["room_id"] == room and e.get("state_key") == bela.user_id)
    await ada.wait_for(
        lambda e: e.get("state_key") == bela.user_id and e["content"].get("membership") == "join"
    )
    sent = await ada.send(room, "good morning")
    seen = await bela.wait_for_message(room_id=room, contains="good morning")
    assert (seen["event_id"], seen["sender"], seen["encrypted"]) == (sent, ada.user_id, True)
    answer = await bela.send(room, "good evening", thread=sent)
    seen = await ada.wait_for_message(contains="good evening")
    assert seen["encrypted"]
    assert seen["content"]["m.relates_to"]["event_id"] == sent
    mark = ada.bookmark()
    await bela.react(room, answer, "✅")
    reaction = await ada.wait_for(lambda e: e["type"] == "m.reaction", after=mark)
    assert reaction["content"]["m.relates_to"]["key"] == "✅"


async def test_the_identity_is_complete_and_outlives_the_client(homeserver, tmp_path):
    account = await register_user(homeserver, f"ada-{uuid4().hex[:8]}", "a password", displayname="Ada")
    login = {"access_token": account.access_token, "device_id": account.device_id}
    ada = await Clinician.start(homeserver.url, account.user_id, tmp_path / "a", **login)
    room = await ada.create_room()
    sent = await ada.send(room, "a note")
    ada.crash()

    again = await Clinician.start(homeserver.url, account.user_id, tmp_path / "a", **login)
    note = await again.wait_for(lambda e: e["event_id"] == sent)
    assert (note["undecrypted"], note["content"]["body"]) == (False, "a note")
    with pytest.raises(IdentityError, match="identity_directory"):
        await Clinician.start(homeserver.url, account.user_id, tmp_path / "b", password="a password")
    second = await Clinician.start(
        homeserver.url,
        account.user_id,
        tmp_path / "c",
        password="a password",
        identity_directory=tmp_path / "a",
    )
    keys = await again.request(
        "POST", "/_matrix/client/v3/keys/query", {"device_keys": {account.user_id: []}}
    )
    (signing_key,) = keys["self_signing_keys"][account.user_id]["keys"]
    devices = keys["device_keys"][account.user_id]
    for device in (again, second):
        assert signing_key in devices[device.device_id]["signatures"][account.user_id]
    await asyncio.gather(again.close(), second.close(), ada.close())


async def test_an_unsigned_device_stays_unsigned(homeserver, clinician):
    ada = await clinician(homeserver, "ada", cross_sign=False)
    keys = await ada.request("POST", "/_matrix/client/v3/keys/query", {"device_keys": {ada.user_id: []}})
    assert ada.user_id not in keys["master_keys"]


async def test_a_restart_of_the_homeserver_is_survived(homeserver_group, clinician):
    server = homeserver_group["solo"]
    ada, bela = await clinician(server, "ada"), await clinician(server, "bela")
    room = await ada.create_dm(bela.user_id)
    await ada.send(room, "before")
    await bela.wait_for_message(contains="before")
    before = homeserver_group.pid("solo")
    restart = asyncio.create_task(asyncio.to_thread(homeserver_group.restart, "solo"))
    sending = asyncio.create_task(ada.send(room, "during", timeout=60))
    await restart
    assert homeserver_group.pid("solo") not in (None, before)
    await sending
    await bela.wait_for_message(contains="during", timeout=60)
    await bela.send(room, "after")
    await ada.wait_for_message(contains="after")


async def test_no_message_is_missed_in_a_burst(homeserver, clinician, proxy):
    between = await proxy(homeserver.url)
    ada, bela = await clinician(homeserver, "ada"), await clinician(homeserver, "bela", url=between.url)
    room = await ada.create_dm(bela.user_id)
    await ada.send(room, "first")
    await bela.wait_for_message(contains="first")
    between.cut()
    await asyncio.gather(*(ada.send(room, f"number {i}.", timeout=60) for i in range(130)))
    between.heal()
    for i in range(130):
        await bela.wait_for_message(contains=f"number {i}.")
    texts = [e["content"]["body"] for e in bela.events if e["type"] == "m.room.message"]
    assert len(texts) == len(set(texts)) == 131


@pytest.mark.parametrize("kind", [Kind.BAD_GATEWAY, Kind.DROP_AFTER, Kind.LIMITED_HEADER, Kind.TRUNCATED])
async def test_a_failed_key_share_hangs_nothing(homeserver, clinician, proxy, kind):
    between = await proxy(homeserver.url)
    ada, bela = await clinician(homeserver, "ada", url=between.url), await clinician(homeserver, "bela")
    room = await ada.create_dm(bela.user_id)
    for path in ("keys/claim", "sendToDevice/.*", "rooms/.*/send/.*"):
        between.add(kind, f"/_matrix/client/v3/{path}", times=2, seconds=0.1)
    await ada.send(room, "in spite of all")
    seen = await bela.wait_for_message(contains="in spite of all")
    assert seen["encrypted"]
    assert sum(e["type"] == "m.room.message" for e in bela.events) == 1


async def test_invitations_can_be_left_open(homeserver, clinician):
    ada = await clinician(homeserver, "ada")
    bela = await clinician(homeserver, "bela", accept_invitations=False)
    room = await ada.create_room(encrypted=False)
    await ada.invite(room, bela.user_id)
    invitation = await bela.wait_for(lambda e: e["content"].get("membership") == "invite")
    assert (invitation["room_id"], invitation["sender"]) == (room, ada.user_id)
    assert bela.joined_rooms == []
    await bela.join(room)
    assert bela.joined_rooms == [room]
    await bela.leave(room)
    with pytest.raises(MatrixError, match="M_FORBIDDEN"):
        await bela.request("GET", f"/_matrix/client/v3/rooms/{room}/joined_members")


async def test_a_device_that_is_logged_out_says_so(homeserver, clinician):
    ada = await clinician(homeserver, "ada")
    await ada.request("POST", "/_matrix/client/v3/logout")
    with pytest.raises(MatrixError, match="logged out"):
        await ada.wait_for(lambda _: False, timeout=90)


async def test_there_are_no_rate_limits(homeserver, clinician):
    ada = await clinician(homeserver, "ada")
    room = await ada.create_room(encrypted=False)
    await asyncio.gather(*(ada.send(room, str(i)) for i in range(40)))
    headers = {"Authorization": f"Bearer {ada.access_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for i in range(20):
            path = f"/_matrix/client/v3/rooms/{room}/send/m.room.message/{i}"
            async with session.put(homeserver.url + path, json={"msgtype": "m.text", "body": "x"}) as answer:
                assert answer.status == 200


async def test_postgres_gives_empty_databases(postgres):
    urls = [await postgres.create_database() for _ in range(2)]
    assert len(set(urls)) == 2
    for url in urls:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            assert await connection.fetchval("SELECT 1") == 1
            assert await connection.fetchval("SELECT count(*) FROM pg_stat_user_tables") == 0
        finally:
            await connection.close()
