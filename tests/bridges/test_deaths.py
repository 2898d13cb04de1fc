"""The process is killed at every failpoint of sending and of hearing, with the real peers: nothing is lost
and nothing comes twice. The deaths of one test happen side by side, each in a house of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

from bot.kernel.bridging import RECEIVED, REPORT
from tests.support.enclosure import until

if TYPE_CHECKING:
    from tests.bridges.conftest import OpenHouse
    from tests.support.bridge_process import House
    from tests.support.kannel import Kannel
    from tests.support.postgres import Postgres
    from tests.support.snpp import Terminal

SENDING = ("bridge.before_attempt", "bridge.before_deliver", "bridge.after_deliver", "bridge.after_mark")
HEARING = ("bridge.before_receive", "bridge.after_receive")
PHONE, PAGER = "+491700000001", "5123"


def word() -> str:
    return f"STAT {uuid4().hex[:10]}"


async def _reported(house: House, out: str) -> list[str]:
    return sorted(said["stage"] for said in await house.entries(REPORT) if said["out"] == out)


async def _die_sending(house: House, place: str, bridge: str, address: str) -> tuple[str, str]:
    """Queue a message so that the process dies at this place; start it again, and wait until it is sent."""
    text = word()
    await house.start(place)
    out = await house.put(bridge, address, text)
    await house.died()
    await house.start()
    await house.becomes(out, "sent")
    return out, text


async def test_a_text_arrives_once(gateway: Kannel, open_house: OpenHouse) -> None:
    async def one(way: int, place: str) -> None:
        house = await open_house({"sms": gateway.options(way)})
        gateway.call_back_to(house.port, way)
        out, text = await _die_sending(house, place, "sms", PHONE)

        async def delivered() -> bool:
            return await _reported(house, out) == ["delivered", "underway"]

        await until(delivered, f"{place}: no report")
        # Whatever came after it has been handed over when a later one has arrived.
        later = word()
        await house.becomes(await house.put("sms", PHONE, later), "sent")
        await gateway.got(later)
        assert gateway.count(text) == 1, place

    await asyncio.gather(*(one(way, place) for way, place in enumerate([*SENDING, *HEARING])))


async def test_a_text_that_waits_in_the_gateway_is_found_there(
    gateway: Kannel, open_house: OpenHouse
) -> None:
    """With the line to the centre cut there is no report to go by."""
    gateway.disconnect()
    texts = []

    async def one(way: int, place: str) -> None:
        house = await open_house({"sms": gateway.options(way)})
        gateway.call_back_to(house.port, way)
        _out, text = await _die_sending(house, place, "sms", PHONE)
        later = word()
        await house.becomes(await house.put("sms", PHONE, later), "sent")
        texts.append((text, later))

    try:
        await asyncio.gather(
            *(one(way, place) for way, place in enumerate(["bridge.before_deliver", "bridge.after_deliver"]))
        )
    finally:
        await gateway.connect()
    for text, later in texts:
        await gateway.got(later)
        assert gateway.count(text) == 1


async def test_an_answer_is_heard_once(gateway: Kannel, open_house: OpenHouse) -> None:
    house = await open_house({"sms": gateway.options()})
    gateway.call_back_to(house.port)
    for number, place in enumerate(HEARING):
        await house.start(place)
        await gateway.connect(f"{PHONE} {number}")
        await house.died()
    await house.start()
    await gateway.connect(f"{PHONE} end")

    async def heard() -> bool:
        return "end" in [said["text"] for said in await house.entries(RECEIVED)]

    await until(heard, "not heard")

    async def all_heard() -> bool:
        return len(await house.entries(RECEIVED)) == 3

    await until(all_heard, "not all heard")
    assert sorted(said["text"] for said in await house.entries(RECEIVED)) == ["0", "1", "end"]


async def test_a_page_is_taken_once(pagers: Terminal, open_house: OpenHouse, postgres: Postgres) -> None:
    async def one(place: str) -> None:
        house = await open_house({"pager": pagers.options()}, url=await postgres.create_database())
        out, text = await _die_sending(house, place, "pager", PAGER)
        later = word()
        await house.becomes(await house.put("pager", PAGER, later), "sent")
        assert pagers.count(text) == 1, place
        # Where the row was marked before the death, or the page was found, the same is known of it.
        assert await _reported(house, out) == ["taken"], place

    await asyncio.gather(*(one(place) for place in SENDING))


async def test_where_nobody_can_be_asked_a_page_in_doubt_goes_another_way(
    pagers: Terminal, open_house: OpenHouse
) -> None:
    house = await open_house({"pager": pagers.options(queue_port=0)})
    text = word()
    await house.start("bridge.after_deliver")
    out = await house.put("pager", PAGER, text)
    await house.died()
    await house.start()
    assert await house.becomes(out, "failed") == "in-doubt"
    assert pagers.count(text) <= 1
