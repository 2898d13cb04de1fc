"""The homeserver goes away, ends a session, or the bot's own keys or process do."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import pytest

from bot.dev.clinician import Clinician
from bot.dev.synapse import register_user
from tests.bench.rig import direct_chat, ping
from tests.support.house import Running, start_curbside, wait_ready
from tests.support.proxy import FaultProxy

if TYPE_CHECKING:
    from bot.dev.synapse import Homeserver, HomeserverGroup

    MakeClinician = Callable[..., Awaitable[Clinician]]

_ANSWER = 120.0


@asynccontextmanager
async def _curbside(homeserver: Homeserver, tmp_path: Path, **options: Any) -> AsyncIterator[Running]:
    prefix = f"outage{uuid4().hex[:6]}-"
    async with start_curbside(homeserver, tmp_path / "house", prefix=prefix, **options) as house:
        yield house


async def _readyz(port: int) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as answer:
        return answer.status, await answer.text()


async def _logged(house: Running, text: str, *, times: int = 1, timeout: float = 120.0) -> None:
    """Wait until the log says something so often."""
    async with asyncio.timeout(timeout):
        while house.log.read_text().count(text) < times:
            await asyncio.sleep(0.1)  # a file tells nobody that it grew


@pytest.mark.parametrize("how", [pytest.param("restart", marks=pytest.mark.soak), "kill"])
async def test_nothing_is_lost_when_the_homeserver_restarts_in_traffic(
    homeserver_group: HomeserverGroup, clinician: MakeClinician, tmp_path: Path, how: str
) -> None:
    homeserver = homeserver_group["solo"]
    async with _curbside(homeserver, tmp_path) as house:
        ada = await clinician(homeserver, "ada")
        bot = house.user_id("curbside")
        rooms = [await direct_chat(ada, bot, encrypted=encrypted) for encrypted in (True, False, True)]
        going = asyncio.Event()

        async def talk(room_id: str) -> None:
            for number in range(14):
                await ada.send(room_id, f"!ping {number}", timeout=120)
                if number == 4:
                    going.set()

        talks = [asyncio.create_task(talk(room_id)) for room_id in rooms]
        await going.wait()
        if how == "kill":
            await asyncio.to_thread(homeserver_group.kill, "solo")
        await asyncio.to_thread(homeserver_group.restart, "solo")
        await asyncio.gather(*talks)
        for room_id in rooms:
            await ping(ada, room_id, "last")
            for number in range(14):
                await ada.wait_for_message(room_id=room_id, contains=f"pong {number}", timeout=_ANSWER)
        seen = Counter(
            (event["room_id"], event["content"].get("body")) for event in ada.events if event["sender"] == bot
        )
        doubled = {said: times for said, times in seen.items() if said[1] is not None and times > 1}
        assert doubled == {}


async def test_an_ended_session_stops_one_bot_and_says_so(
    homeserver: Homeserver, clinician: MakeClinician, tmp_path: Path
) -> None:
    async with (
        FaultProxy(homeserver.url) as proxy,
        _curbside(homeserver, tmp_path, homeserver_url=proxy.url) as house,
    ):
        ada = await clinician(homeserver, "ada")
        dead = await direct_chat(ada, house.user_id("curbside"), encrypted=True)
        other = await direct_chat(ada, house.user_id("support"), encrypted=True)
        await ping(ada, dead, "before")
        await ping(ada, other, "before")
        await _end_sessions(homeserver, house.user_id("curbside"))
        await ada.send(dead, "!ping afterwards")
        sentence = "give the bot a valid login (bots.curbside) and start it again."
        await _logged(house, sentence)
        status, text = await _readyz(house.port)
        assert status == 503
        assert f"The homeserver has ended the session of {house.user_id('curbside')}" in text
        assert sentence in text
        assert "bot support" not in text
        for number in range(3):
            await ping(ada, other, f"still{number}")
        refused = [entry for entry in proxy.requests() if entry.status == 401]
        assert len(refused) <= 4, [entry.path for entry in refused]
        assert house.log.read_text().count(sentence) == 1
        # Started again, it logs in anew by its password and owes nothing.
        assert await house.stop() == 0
        house.start()
        await wait_ready(house)
        await ping(ada, dead, "again")
        await ping(ada, other, "again")


async def _end_sessions(homeserver: Homeserver, user_id: str) -> None:
    """Log a user out everywhere, as an administrator."""
    admin = await register_user(homeserver, f"admin-{uuid4().hex[:8]}", uuid4().hex, admin=True)
    url = f"{homeserver.url}/_synapse/admin/v2/users/{user_id}/devices"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {admin.access_token}"}) as session:
        async with session.get(url) as answer:
            devices = (await answer.json())["devices"]
        for device in devices:
            async with session.delete(f"{url}/{device['device_id']}") as answer:
                assert answer.status == 200


async def test_a_lost_key_store_costs_a_new_device_and_nothing_else(
    homeserver: Homeserver, clinician: MakeClinician, tmp_path: Path
) -> None:
    async with _curbside(homeserver, tmp_path) as house:
        ada = await clinician(homeserver, "ada")
        bot = house.user_id("curbside")
        room_id = await direct_chat(ada, bot, encrypted=True)
        await ping(ada, room_id, "before")
        (before,) = await _devices(ada, bot)
        assert await house.stop() == 0
        lost = [path for path in (house.folder / "data" / "keys").iterdir() if path.name.startswith("olm-")]
        assert lost
        for path in lost:
            path.unlink()
        await ada.send(room_id, "!ping unreadable")
        mark = ada.bookmark()
        house.start()
        await wait_ready(house)
        await ping(ada, room_id, "after")
        ((device_id, signatures),) = (await _devices(ada, bot)).items()
        assert device_id != before
        assert len(signatures) == 2  # its own, and that of the account's self-signing key
        told = await ada.wait_for_message(room_id=room_id, kind="unreadable", after=mark, timeout=_ANSWER)
        assert told["encrypted"]
        assert not any("pong unreadable" in str(e["content"].get("body")) for e in ada.events)


async def _devices(person: Clinician, user_id: str) -> dict[str, dict[str, str]]:
    """A user's devices with keys, and who has signed each."""
    answer = await person.request(
        "POST", "/_matrix/client/v3/keys/query", {"device_keys": {user_id: []}}, retry=True
    )
    return {
        device_id: device["signatures"][user_id]
        for device_id, device in answer["device_keys"][user_id].items()
    }


async def test_a_second_process_waits_and_takes_over(
    homeserver: Homeserver, clinician: MakeClinician, tmp_path: Path
) -> None:
    async with _curbside(homeserver, tmp_path) as house:
        ada = await clinician(homeserver, "ada")
        room_id = await direct_chat(ada, house.user_id("curbside"), encrypted=True)
        await ping(ada, room_id, "one")
        first = house.process
        assert first is not None
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
        house.start(CURBSIDE_WEB__PORT=str(port))
        try:
            await _logged(house, "another process runs this bot", times=2)
            await ping(ada, room_id, "two")
            status, text = await _readyz(port)
            assert status == 503
            assert re.search(r"The bot curbside has not synchronised yet", text)
        finally:
            first.kill()
            first.wait()
        await ada.send(room_id, "!ping three")
        await ada.wait_for_message(room_id=room_id, contains="pong three", timeout=_ANSWER)
        bodies = Counter(event["content"].get("body") for event in ada.events)
        assert [bodies[f"pong {word}"] for word in ("one", "two", "three")] == [1, 1, 1]
