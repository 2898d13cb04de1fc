"""A homeserver that answers wrongly, late or not at all: nothing lost, nothing twice, and good manners."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from bot.dev.clinician import Clinician
from tests.bench.rig import direct_chat
from tests.support.consult import Consultation
from tests.support.faults import AT_START, ENDPOINTS, FOR_A_NEWCOMER, FOR_A_PAGE, HalfMaking, add, failing
from tests.support.house import Running, start_curbside, wait_ready
from tests.support.proxy import Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from _pytest.mark import ParameterSet

    from bot.dev.synapse import Homeserver

    MakeClinician = Callable[..., Awaitable[Clinician]]

_ANSWER = 90.0  # seconds: gates open half a minute after the last failure at most
_MOST_PER_SECOND = 2.0
_WINDOW = 5.0


@dataclass
class Behind:
    """A Curbside behind a proxy that can go wrong."""

    proxy: HalfMaking
    house: Running

    async def chat(self, person: Clinician, *, encrypted: bool = True) -> str:
        return await direct_chat(person, self.house.user_id("curbside"), encrypted=encrypted)

    async def once(self, person: Clinician, room_id: str, words: list[str]) -> None:
        """Wait until each `!ping word` has its answer and one more was asked; each must be there once."""
        words = [*words, uuid4().hex[:8]]
        await person.send(room_id, f"!ping {words[-1]}")
        for word in words:
            await person.wait_for_message(room_id=room_id, contains=f"pong {word}", timeout=_ANSWER)
        seen = Counter(
            event["content"].get("body")
            for event in person.events
            if event["room_id"] == room_id and event["sender"] == self.house.user_id("curbside")
        )
        assert {word: seen[f"pong {word}"] for word in words} == dict.fromkeys(words, 1)


@pytest.fixture(scope="module")
async def behind(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    folder = tmp_path_factory.mktemp("faults") / "house"
    async with (
        HalfMaking(homeserver.url) as proxy,
        start_curbside(
            homeserver, folder, prefix=f"faults{uuid4().hex[:6]}-", homeserver_url=proxy.url
        ) as house,
    ):
        yield Behind(proxy, house)


def _kinds(*short: Kind) -> list[ParameterSet]:
    """Every kind of fault; those not named are for `make soak`."""
    return [pytest.param(kind, marks=[] if kind in short else pytest.mark.soak) for kind in Kind]


def _some(names: tuple[str, ...], *extra: str) -> list[tuple[str, Kind]]:
    return [(endpoint, kind) for endpoint in (*names, *extra) for kind in Kind]


# --- one failure of every endpoint on a message's way ------------------------------------------------


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_newcomer_is_answered_once_when_every_endpoint_fails_once(
    homeserver: Homeserver, behind: Behind, clinician: MakeClinician, kind: Kind
) -> None:
    ada = await clinician(homeserver, "ada")
    async with failing(behind.proxy, FOR_A_NEWCOMER, kind) as faults:
        room_id = await behind.chat(ada)
        await ada.send(room_id, "!ping one")
        await ada.send(room_id, "!ping two")
        await behind.once(ada, room_id, ["one", "two"])
        assert {endpoint: fault.hits for endpoint, fault in faults.items()} == dict.fromkeys(faults, 1)


@pytest.mark.soak
@pytest.mark.parametrize(("endpoint", "kind"), _some(FOR_A_NEWCOMER))
async def test_a_newcomer_is_answered_once_when_one_endpoint_fails_for_a_while(
    homeserver: Homeserver, behind: Behind, clinician: MakeClinician, endpoint: str, kind: Kind
) -> None:
    ada = await clinician(homeserver, "ada")
    began = time.monotonic()
    fault = add(behind.proxy, endpoint, kind, times=None)
    asking = asyncio.create_task(_ask_as_newcomer(behind, ada))
    await behind.proxy.wait_for(lambda _log: fault.hits > 0, timeout=120)
    await asyncio.sleep(_WINDOW + 1)  # how long it fails
    if kind not in (Kind.SLOW, Kind.DUPLICATED):
        assert behind.proxy.rate_to(ENDPOINTS[endpoint][1], _WINDOW, since=began) <= _MOST_PER_SECOND
    behind.proxy.clear()
    await behind.once(ada, await asking, ["one"])


async def _ask_as_newcomer(behind: Behind, person: Clinician) -> str:
    room_id = await person.create_dm(behind.house.user_id("curbside"), encrypted=True)
    await person.send(room_id, "!ping one")
    return room_id


# --- everything fails -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", _kinds(Kind.BAD_GATEWAY))
async def test_a_failing_server_is_spared_and_all_is_answered_afterwards(
    homeserver: Homeserver, behind: Behind, clinician: MakeClinician, kind: Kind
) -> None:
    ada = await clinician(homeserver, "ada")
    rooms = [await behind.chat(ada, encrypted=encrypted) for encrypted in (True, True, False, False)]
    for room_id in rooms:
        await behind.once(ada, room_id, [])
    for number, room_id in enumerate(rooms):  # these are on their way when it begins
        await ada.send(room_id, f"!ping early{number}")
    began = time.monotonic()
    fault = behind.proxy.add(kind, ".*/_matrix/.*|/_matrix/.*")
    for number in range(12):
        await ada.send(rooms[number % 4], f"!ping late{number}")
    await asyncio.sleep(2 * _WINDOW)  # how long it fails
    failing_rate = behind.proxy.rate_to(".*", _WINDOW, since=began)
    behind.proxy.remove(fault)
    removed = time.monotonic()
    for index, room_id in enumerate(rooms):
        words = [f"early{index}", *(f"late{number}" for number in range(12) if number % 4 == index)]
        await behind.once(ada, room_id, words)
    assert time.monotonic() - removed < 60
    assert failing_rate <= _MOST_PER_SECOND, [
        (round(entry.time - began, 2), entry.method, entry.path.rpartition("/v3/")[2][:20])
        for entry in behind.proxy.requests(since=began)
        if entry.fault
    ]


# --- a gap to fill -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", _kinds(Kind.TRUNCATED))
async def test_a_gap_is_filled_though_history_fails(
    homeserver: Homeserver, behind: Behind, clinician: MakeClinician, kind: Kind
) -> None:
    ada = await clinician(homeserver, "ada")
    room_id = await behind.chat(ada)
    await behind.once(ada, room_id, [])
    away = add(behind.proxy, "sync", Kind.BAD_GATEWAY, times=None)
    await behind.proxy.wait_for(lambda _log: away.hits > 0, timeout=60)
    words = [f"gap{number}" for number in range(60)]  # a sync shows 50
    for word in words:
        await ada.send(room_id, f"!ping {word}")
    behind.proxy.remove(away)
    async with failing(behind.proxy, ("messages",), kind) as faults:
        await behind.once(ada, room_id, words)
        assert faults["messages"].hits == 1


# --- making rooms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", _kinds(Kind.DROP_AFTER, Kind.DUPLICATED))
async def test_pages_and_consult_rooms_are_made_once(behind: Behind, tmp_path: Path, kind: Kind) -> None:
    async with Consultation(behind.house, tmp_path) as consult:
        await consult.open_chat()
        async with failing(behind.proxy, FOR_A_PAGE, kind) as faults:
            await consult.ask()
            await consult.paged(consult.first)
            assert {endpoint: fault.hits for endpoint, fault in faults.items()} == dict.fromkeys(faults, 1)
        async with failing(behind.proxy, ("createRoom", "sendToDevice", "send"), kind) as faults:
            await consult.accept(consult.first)
            await consult.discussed(consult.first)
            assert faults["createRoom"].hits == 1
        await _made_once(consult)


@pytest.mark.parametrize("kind", _kinds(Kind.TRUNCATED))
async def test_a_room_made_without_an_answer_is_found_again(
    behind: Behind, tmp_path: Path, kind: Kind
) -> None:
    async with Consultation(behind.house, tmp_path) as consult:
        await consult.open_chat()
        await consult.ask()
        await consult.paged(consult.first)
        lost = add(behind.proxy, "createRoom", Kind.DROP_AFTER)
        async with failing(behind.proxy, ("directory", "members"), kind) as faults:
            await consult.accept(consult.first)
            await consult.discussed(consult.first)
            assert lost.hits == faults["directory"].hits == faults["members"].hits == 1
        await _made_once(consult)


@pytest.mark.parametrize("kind", _kinds(Kind.DROP_AFTER))
async def test_an_invitation_is_made_though_it_fails(behind: Behind, tmp_path: Path, kind: Kind) -> None:
    async with Consultation(behind.house, tmp_path) as consult:
        await consult.open_chat()
        await consult.ask()
        await consult.accept(consult.first)
        room_id = await consult.discussed(consult.first)
        async with failing(behind.proxy, ("invite",), kind) as faults:
            await consult.first.send(room_id, f"!handoff {consult.second.user_id}")
            await consult.accept(consult.second)
            await consult.second.wait_for(
                lambda event: event["room_id"] == room_id and event["type"] == "m.room.member",
                timeout=_ANSWER,
            )
            assert faults["invite"].hits == 1
        await consult.quiet(consult.second)
        assert consult.pages(consult.second) == 1
        assert consult.invitations(consult.second) == 2
        assert consult.doubled() == []


async def test_a_half_made_room_is_given_up_for_a_whole_one(behind: Behind, tmp_path: Path) -> None:
    async with Consultation(behind.house, tmp_path) as consult:
        await consult.open_chat()
        behind.proxy.half_made = 1
        add(behind.proxy, "createRoom", Kind.DROP_AFTER)
        await consult.ask()
        page = await consult.paged(consult.first)
        assert behind.proxy.half_made == 0
        assert page["encrypted"]
        assert any(
            event["type"] == "m.room.encryption" and event["room_id"] == page["room_id"]
            for event in consult.first.events
        )
        behind.proxy.half_made = 1
        add(behind.proxy, "createRoom", Kind.DROP_AFTER)
        await consult.accept(consult.first)
        room_id = await consult.discussed(consult.first)
        assert behind.proxy.half_made == 0
        assert any(
            event["type"] == "m.room.encryption" and event["room_id"] == room_id
            for event in consult.asker.events
        )
        await _made_once(consult)


async def _made_once(consult: Consultation) -> None:
    await consult.quiet(consult.first)
    assert consult.pages(consult.first) == 1
    assert consult.invitations(consult.first) == 2  # the direct chat and the consult's room
    assert consult.invitations(consult.asker) == 1
    assert consult.questions(consult.first) == consult.questions(consult.asker) == 1
    assert consult.doubled() == []


# --- the start --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", _kinds(Kind.LIMITED_BODY, Kind.DROP_AFTER))
async def test_a_first_start_and_a_later_one_survive(
    homeserver: Homeserver, clinician: MakeClinician, tmp_path: Path, kind: Kind
) -> None:
    async with HalfMaking(homeserver.url) as proxy:
        house = Running(homeserver, tmp_path / "house")
        await house.prepare(prefix=f"start{uuid4().hex[:6]}-", homeserver_url=proxy.url)
        try:
            async with failing(proxy, AT_START, kind) as faults:
                house.start()
                await wait_ready(house)
                assert {endpoint: fault.hits for endpoint, fault in faults.items()} == dict.fromkeys(
                    faults, 1
                )
            assert await house.stop() == 0
            async with failing(proxy, ("whoami", "sync"), kind) as faults:
                house.start()
                await wait_ready(house)
                assert faults["whoami"].hits == faults["sync"].hits == 1
            ada = await clinician(homeserver, "ada")
            one = Behind(proxy, house)
            await one.once(ada, await one.chat(ada), [])
        finally:
            house.kill()
