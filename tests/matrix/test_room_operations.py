"""What the outbox does to rooms, on a real homeserver: membership, power, and each of it twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.dev.synapse import Homeserver
from tests.support.account import API, Account, open_account

VERSIONS = pytest.mark.parametrize("version", ["10", "11", "12"])


@pytest.fixture(scope="module")
async def bot(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Account]:
    async with open_account(homeserver, tmp_path_factory.mktemp("operations")) as account:
        yield account


async def made(bot: Account, version: str, **body: object) -> str:
    done = await bot.does(f"room:v{version}-{id(body)}", "create", version=version, **body)
    assert done.state == "sent" and done.room_id is not None
    return done.room_id


@VERSIONS
async def test_a_room_has_the_version_asked_for(bot: Account, version: str) -> None:
    room = await made(bot, version)
    assert (await bot.state(room, "m.room.create"))["room_version"] == version


@VERSIONS
async def test_banned_unbanned_and_each_twice(bot: Account, version: str) -> None:
    ada = await bot.person()
    room = await made(bot, version, invite=[ada.user_id])
    await bot.ask(ada, "POST", f"{API}/join/{room}", {})
    for _ in range(2):
        assert (await bot.does(room, "ban", user_id=ada.user_id)).state == "sent"
        assert await bot.membership(room, ada) == "ban"
    assert (await bot.does(room, "kick", user_id=ada.user_id)).state == "sent"
    assert await bot.membership(room, ada) == "ban", "a kick does not undo a ban"
    for _ in range(2):
        assert (await bot.does(room, "unban", user_id=ada.user_id)).state == "sent"
        assert await bot.membership(room, ada) == "leave"
    assert (await bot.does(room, "invite", user_id=ada.user_id)).state == "sent"
    assert (await bot.does(room, "unban", user_id=ada.user_id)).state == "sent"
    assert await bot.membership(room, ada) == "invite"


async def test_people_who_were_never_there(bot: Account) -> None:
    ada, bela = await asyncio.gather(bot.person(), bot.person("bela"))
    room = await made(bot, "12")
    for op in ("kick", "unban", "ban", "ban"):
        assert (await bot.does(room, op, user_id=ada.user_id)).state == "sent"
    assert await bot.membership(room, ada) == "ban"
    assert (await bot.does(room, "unban", user_id=bela.user_id)).state == "sent"


@VERSIONS
async def test_a_knock_is_turned_down_or_let_in(bot: Account, version: str) -> None:
    ada, bela = await asyncio.gather(bot.person(), bot.person("bela"))
    room = await made(bot, version)
    rule = {"type": "m.room.join_rules", "content": {"join_rule": "knock"}}
    assert (await bot.does(room, "state", **rule)).state == "sent"
    for who in (ada, bela):
        await bot.ask(who, "POST", f"{API}/knock/{room}", {})
    assert (await bot.does(room, "kick", user_id=ada.user_id)).state == "sent"
    assert await bot.membership(room, ada) == "leave"
    assert (await bot.does(room, "invite", user_id=bela.user_id)).state == "sent"
    assert await bot.membership(room, bela) == "invite"


@VERSIONS
async def test_levels_are_patched_and_written_only_when_they_change(bot: Account, version: str) -> None:
    ada = await bot.person()
    room = await made(bot, version)
    patch = {
        "users": {ada.user_id: 50, "@nobody:else.example": None},
        "set": {"events_default": 50, "invite": 50, "events": {"m.room.topic": 75, "m.room.tombstone": None}},
    }
    before = await bot.state(room, "m.room.power_levels")
    for _ in range(2):
        assert (await bot.does(room, "levels", **patch)).state == "sent"
    now = await bot.state(room, "m.room.power_levels")
    assert now["users"] == {**before["users"], ada.user_id: 50}
    assert (now["events_default"], now["invite"], now["kick"]) == (50, 50, before["kick"])
    assert now["events"]["m.room.topic"] == 75 and "m.room.tombstone" not in now["events"]
    assert await bot.levels_written(room) == 2
    assert (await bot.does(room, "levels", users={ada.user_id: None})).state == "sent"
    assert await bot.state(room, "m.room.power_levels") == {**now, "users": before["users"]}


async def test_creators_of_version_12_are_never_listed(bot: Account) -> None:
    ada = await bot.person()
    room = await made(bot, "12", creation={"additional_creators": [ada.user_id]})
    users = {bot.user_id: 100, ada.user_id: 0}
    assert (await bot.does(room, "levels", users=users)).state == "sent"
    assert await bot.levels_written(room) == 1


@VERSIONS
async def test_without_the_power_to_each_row_fails_for_itself(bot: Account, version: str) -> None:
    ada, bela = await asyncio.gather(bot.person(), bot.person("bela"))
    options = {"room_version": version, "invite": [bot.user_id], "preset": "private_chat"}
    room = str((await bot.ask(ada, "POST", f"{API}/createRoom", options))["room_id"])
    await bot.arrives(ada, room)
    rows = [(room, "levels", {"users": {bela.user_id: 50}})] * 2
    rows += [(room, op, {"user_id": ada.user_id}) for op in ("kick", "ban")]
    for row in await bot.queue(*rows):
        done = await bot.done(row)
        assert (done.state, done.error) == ("failed", "M_FORBIDDEN")


async def test_three_hundred_mutes_are_a_handful_of_events(bot: Account) -> None:
    room = await made(bot, "11")
    names = [f"@raider{number}:{bot.homeserver.server_name}" for number in range(300)]
    rows = await bot.queue(*((room, "levels", {"users": {name: -1}}) for name in names))
    for row in rows:
        assert (await bot.done(row)).state == "sent"
    assert set(names) < set((await bot.state(room, "m.room.power_levels"))["users"])
    assert await bot.levels_written(room) <= 4
    rows = await bot.queue(*((room, "levels", {"users": {name: None}}) for name in names))
    assert (await bot.done(rows[-1])).state == "sent"
    assert not set(names) & set((await bot.state(room, "m.room.power_levels"))["users"])


async def test_one_refused_change_does_not_take_the_others_with_it(bot: Account) -> None:
    ada = await bot.person()
    room = await made(bot, "11")
    rows = await bot.queue(
        (room, "levels", {"users": {ada.user_id: 50}}),
        (room, "levels", {"users": {ada.user_id: 9000}}),  # above the bot's own
        (room, "levels", {"set": {"invite": 40}}),
    )
    states = [(await bot.done(row)).state for row in rows]
    assert states == ["sent", "failed", "sent"]
    now = await bot.state(room, "m.room.power_levels")
    assert (now["users"][ada.user_id], now["invite"]) == (50, 40)
