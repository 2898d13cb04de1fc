"""Peers that are away, slow, half-closed or repeat themselves: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import aiohttp
import pytest

from bot.kernel.bridging import REPORT, STATE
from bot.settings import WebSettings
from bot.web.calls import bridge_calls
from bot.web.health import Health, bridges_probe
from bot.web.server import WebServer
from bridges.contract import Bridge, Delivered, Outbound, Outcome, Sink
from bridges.contract import Health as PeerHealth
from bridges.host import Bridging
from bridges.making import make
from tests.support.enclosure import until
from tests.support.lineproxy import LineProxy
from tests.support.proxy import FaultProxy, Kind

if TYPE_CHECKING:
    from tests.bridges.conftest import OpenHouse
    from tests.support.bridge_process import House
    from tests.support.kannel import Kannel
    from tests.support.snpp import Terminal

PHONE, PAGER = "+491700000003", "5125"


def word() -> str:
    return f"STAT {uuid4().hex[:10]}"


@asynccontextmanager
async def running(house: House, bridging: Bridging | None = None) -> AsyncIterator[None]:
    """The bridges of a house, run here, with the web server that their peers call."""
    made = bridging or make(house.bridges, ["curbside"], house.folder)
    calls = bridge_calls(made, house.database)
    web = WebServer(WebSettings(port=house.port), Health(), house.database, [calls])
    await web.start()
    task = asyncio.create_task(made.run(house.database, poll=0.1))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await web.stop()


@pytest.mark.parametrize(
    "kind", [Kind.DROP_BEFORE, Kind.DROP_AFTER, Kind.TRUNCATED, Kind.SLOW, Kind.STALLED, Kind.BAD_GATEWAY]
)
async def test_a_text_through_a_broken_connection_arrives_once(
    gateway: Kannel, open_house: OpenHouse, kind: Kind
) -> None:
    base, _, path = gateway.url.rpartition("/cgi-bin/")
    async with FaultProxy(base) as proxy:
        fault = proxy.add(kind, times=1, seconds=2.0)
        house = await open_house(
            {"sms": gateway.options(url=f"{proxy.url}/cgi-bin/{path}", timeout=1, settle=3)}
        )
        gateway.call_back_to(house.port)
        text = word()
        async with running(house):
            out = await house.put("sms", PHONE, text)
            await house.becomes(out, "sent")
            await gateway.got(text)
            later = word()
            await house.becomes(await house.put("sms", PHONE, later), "sent")
            await gateway.got(later)
        assert fault.hits == 1
        assert gateway.count(text) == 1


async def test_a_gateway_out_of_reach_is_left_alone_and_tried_again(
    gateway: Kannel, open_house: OpenHouse
) -> None:
    house = await open_house({"sms": gateway.options(settle=1)})
    gateway.call_back_to(house.port)
    probe = bridges_probe(house.database, ["sms"])
    async with running(house):
        assert await probe() in ([], ["The bridge sms does not run."])
        gateway.down()
        texts = [word() for _ in range(6)]
        outs = [await house.put("sms", PHONE, text) for text in texts]
        late = await house.put("sms", PHONE, word(), useful=timedelta(seconds=2))

        async def left_alone() -> bool:
            return (await house.circuit("sms")).open_since is not None

        await until(left_alone, "the circuit does not open")
        assert [said["open"] for said in await house.entries(STATE)] == [True]
        (reason,) = await probe()
        assert "has not reached its peer" in reason
        # What is of no use any more is not sent late.
        assert await house.becomes(late, "failed") == "expired"
        await gateway.up()
        await gateway.connect()
        for out, text in zip(outs, texts, strict=True):
            await house.becomes(out, "sent")
            await gateway.got(text)
        assert [said["open"] for said in await house.entries(STATE)] == [True, False]
        assert await probe() == []
    assert [gateway.count(text) for text in texts] == [1] * 6


async def test_reports_are_believed_once_and_only_from_the_gateway(
    gateway: Kannel, open_house: OpenHouse
) -> None:
    house = await open_house({"sms": gateway.options()})
    gateway.call_back_to(house.port)
    async with running(house), aiohttp.ClientSession() as session:
        text = word()
        out = await house.put("sms", PHONE, text)
        await house.becomes(out, "sent")

        async def reported() -> bool:
            return len(await house.entries(REPORT)) == 2

        await until(reported, "no reports")
        base = f"http://127.0.0.1:{house.port}/bridges/sms/report"
        for key in ("", "x" * 32, "only-a-secret"):
            async with session.get(base, params={"id": out, "type": "2", "key": key}) as answer:
                assert answer.status == 403
        from bridges.paging.kannel.codec import sign

        for kind in ("1", "1", "8"):  # the centre repeats itself
            query = {"id": out, "type": kind, "key": sign("only-a-secret", out)}
            async with session.get(base, params=query) as answer:
                assert answer.status == 200
        assert len(await house.entries(REPORT)) == 2
        async with session.get(f"http://127.0.0.1:{house.port}/bridges/pager/report") as answer:
            assert answer.status == 404


@pytest.mark.parametrize("mode", ["refuse", "half", "mute", "slow"])
async def test_a_page_through_a_broken_connection_is_taken_once(
    pagers: Terminal, open_house: OpenHouse, mode: str
) -> None:
    async with LineProxy(pagers.port) as proxy:
        # Slow: all answers together take longer than the bridge waits.
        proxy.mode, proxy.seconds = mode, 0.4
        house = await open_house({"pager": pagers.options(port=proxy.port, timeout=1, settle=2)})
        text = word()
        async with running(house):
            out = await house.put("pager", PAGER, text)

            async def failed_once() -> bool:
                return (await house.state(out))[1] is not None or (await house.state(out))[0] == "sent"

            await until(failed_once, "no attempt")
            proxy.mode = "pass"
            await house.becomes(out, "sent")
            later = word()
            await house.becomes(await house.put("pager", PAGER, later), "sent")
        await pagers.got(later)
        assert pagers.count(text) == 1


class Peculiar:
    """A bridge that raises at its first start and its first delivery, and repeats nothing by itself."""

    def __init__(self) -> None:
        self.starts = 0
        self.delivered: list[str] = []
        self.under_way = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def start(self, sink: Sink) -> None:
        self.starts += 1
        if self.starts == 1:
            raise RuntimeError("not yet")

    async def stop(self) -> None:
        pass

    async def deliver(self, out: Outbound) -> Outcome:
        self.delivered.append(out.id)
        if len(self.delivered) == 1:
            raise RuntimeError("once")
        self.under_way += 1
        await self.go_on.wait()
        return Delivered()

    async def health(self) -> PeerHealth:
        return PeerHealth(True)


async def test_a_bridge_that_raises_is_started_again_and_nothing_is_lost(open_house: OpenHouse) -> None:
    house = await open_house({})
    bridge = Peculiar()
    checked: Bridge = bridge
    async with running(house, Bridging({"odd": checked}, ["curbside"])):
        out = await house.put("odd", "x", word())
        await house.becomes(out, "sent")
    assert bridge.starts == 2
    assert bridge.delivered == [out, out]  # its peer recognises the id


async def test_what_waits_for_a_bridge_that_is_gone_is_given_up(open_house: OpenHouse) -> None:
    house = await open_house({})
    out = await house.put("gone", "x", word())
    async with running(house):
        assert await house.becomes(out, "failed") == "no-bridge"


async def test_of_two_processes_one_sends_and_the_other_takes_over(open_house: OpenHouse) -> None:
    house = await open_house({})
    one, other = Peculiar(), Peculiar()
    first = asyncio.create_task(Bridging({"odd": one}, ["curbside"]).run(house.database, poll=0.1))
    await house.becomes(await house.put("odd", "x", word()), "sent")
    second = asyncio.create_task(Bridging({"odd": other}, ["curbside"]).run(house.database, poll=0.1))
    one.go_on.clear()
    begun = one.under_way
    out = await house.put("odd", "x", word())
    await until(lambda: one.under_way > begun, "not begun")
    first.cancel()
    one.go_on.set()  # what is under way comes to its end before the other may begin
    await asyncio.gather(first, return_exceptions=True)
    assert (await house.state(out))[0] == "sent"
    await house.becomes(await house.put("odd", "x", word()), "sent")
    assert out not in other.delivered
    assert other.delivered
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
