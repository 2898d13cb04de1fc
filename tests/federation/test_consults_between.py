"""Three hospitals, each with Synapse and Curbside: the link cut during a consult, a hostile one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app import capabilities, open_database
from bot.consults.between import letters
from bot.consults.between.letters import Letter
from bot.consults.between.protocol import Kind
from bot.dev.clinician import Clinician
from bot.directory.hospital import service as hospitals
from bot.directory.hospital import signing, statement
from bot.directory.hospital import store as hospital_store
from bot.directory.standing import Level
from bot.kernel.db import Database
from bot.matrix import store as matrix
from bot.settings import Settings, load
from tests.support.gates import GatedFederation
from tests.support.looking import until
from tests.support.people import Person, Stage, open_stage

ASKED = "[consults]\nstat = '8s'\nurgent = '8s'\nroutine = '8s'"


@dataclass
class House:
    """One hospital: its Curbside, its settings, and the database beside the running bots."""

    stage: Stage
    settings: Settings
    database: Database

    @property
    def server(self) -> str:
        return self.settings.server_name


@dataclass
class Region:
    """The three of them, and the gates between them."""

    north: House
    south: House
    east: House
    gated: GatedFederation

    def cut(self) -> None:
        self.gated.cut("north", "south")

    def mend(self) -> None:
        self.gated.mend()


async def _open(stack: AsyncExitStack, gated: GatedFederation, name: str, folder: Path) -> House:
    stage = await stack.enter_async_context(open_stage(gated.group[name], folder / name, tables=ASKED))
    settings = load(stage.running.folder / "curbside.toml")
    database = open_database(settings)
    stack.push_async_callback(database.close)
    return House(stage, settings, database)


async def _acquaint(one: House, other: House) -> None:
    """The operators of two hospitals add each other's statements."""
    for giver, taker in ((one, other), (other, one)):
        async with giver.database.begin() as tx:
            text = statement.write(await hospitals.issue(tx, giver.settings))
        async with taker.database.begin() as tx:
            offer = await hospitals.examine(tx, taker.settings, text)
            await hospitals.accept(tx, taker.settings, offer, permit=None, proves=Level.L2)


@pytest.fixture(scope="module")
async def region(
    gated_federation: GatedFederation, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Region]:
    """South knows the other two; they do not know each other."""
    capabilities()
    folder = tmp_path_factory.mktemp("between")
    async with AsyncExitStack() as stack:
        houses = await asyncio.gather(
            *(_open(stack, gated_federation, name, folder) for name in ("north", "south", "east"))
        )
        region = Region(*houses, gated_federation)
        await _acquaint(region.south, region.north)
        await _acquaint(region.south, region.east)
        yield region
        region.mend()


async def _offered(region: Region, consultant: Person) -> None:
    """South's cardiology, with this one colleague on call, is offered to the other two."""
    offered = json.dumps([region.north.server, region.east.server])
    region.south.stage.running.write_roster(
        f"""[services.cardiology]
name = "Cardiology"
on_call = ["{consultant.user_id}"]
timers = {{ stat = "30m", urgent = "30m", routine = "30m" }}
offered_to = {offered}
[services.surgery]
on_call = ["{consultant.user_id}"]
"""
    )
    for house in (region.north, region.east):
        await house.stage.moderator.reads("offers us", kind="between.offers", after=0)


async def test_two_bots_talk_in_the_one_chat_that_the_first_has_made(region: Region) -> None:
    """A homeserver that joins another's room says at first that we are alone there."""
    north, south = region.north, region.south
    await _offered(region, await south.stage.person("sue"))

    async def chat(house: House, other: House) -> str | None:
        async with house.database.read() as tx:
            return await matrix.named_room(tx, "curbside", f"dm:{other.stage.bot}")

    async def answered() -> bool:
        return await chat(north, south) is not None

    await until(answered)
    assert await chat(north, south) == await chat(south, north)


async def test_the_link_is_cut_before_during_and_after_the_page(region: Region) -> None:
    north, south = region.north, region.south
    sue, anna = await asyncio.gather(south.stage.person("sue"), north.stage.person("anna"))
    await asyncio.gather(sue.chat(), anna.chat())
    await _offered(region, sue)
    service = f"cardiology@{south.server}"

    # Before: people here are told in time; when the link is mended, she is paged once.
    region.cut()
    await anna.says(f"!consult {service} stat question one")
    await anna.reads("phone")
    await north.stage.moderator.reads("consult", kind="consult.unstaffed", after=0)
    assert sue.messages() == []
    region.mend()
    page = await sue.reads("question one", kind="consult.page", after=0)
    mark = anna.client.bookmark()
    await sue.taps(page, "✅")
    accepted = await anna.reads(sue.user_id, after=mark)
    assert accepted["content"]["org.curbside"]["id"] != page["content"]["org.curbside"]["id"]

    # After: the answer and the read-back wait for the link, and arrive once.
    mark = anna.client.bookmark()
    region.cut()
    await sue.says("!answer metoprolol, slowly")
    await sue.reads()  # it is kept
    assert not any("metoprolol" in text for text in anna.bodies(await anna.chat()))
    region.mend()
    answer = await anna.reads("metoprolol, slowly", kind="consult.answer", after=mark, room=await anna.chat())
    mark = sue.client.bookmark()
    await anna.says(f"!close {answer['content']['org.curbside']['id']} slowly, and call")
    await sue.reads("slowly, and call", after=mark)

    # During: she accepts behind the cut; people here are told, and then who has it.
    await anna.says(f"!consult {service} stat question two")
    page = await sue.reads("question two", kind="consult.page", after=0)
    region.cut()
    mark = anna.client.bookmark()
    await sue.taps(page, "✅")
    await anna.reads("phone", after=mark)
    mark = anna.client.bookmark()
    region.mend()
    await anna.reads(sue.user_id, after=mark)
    await anna.says("!cancel")
    await sue.reads("cancelled")

    # Cancelled here while accepted there: it ends cancelled, and she is told.
    await anna.says(f"!consult {service} stat question three")
    page = await sue.reads("question three", kind="consult.page", after=0)
    region.cut()
    await anna.says("!cancel")
    await anna.reads("cancel")
    mark = sue.client.bookmark()
    await sue.taps(page, "✅")
    await sue.sees_edit(page, after=mark)
    region.mend()
    await sue.reads("cancelled", after=mark)

    pages = [event for event in sue.messages() if event["content"]["org.curbside"]["kind"] == "consult.page"]
    assert len(pages) == 3


async def _hostile(region: Region, folder: Path) -> tuple[Clinician, str]:
    """Somebody who has east's bot account and its key, and a chat with south's bot."""
    running = region.east.stage.running
    bot = running.user_id("curbside")
    password = (running.folder / "secrets" / "curbside").read_text()
    client = await Clinician.start(
        running.homeserver.url, bot, folder / "hostile", password=password, cross_sign=False
    )
    person = Person(client, region.south.stage.bot)
    return client, await person.chat()


async def test_what_a_hostile_hospital_says_does_not_count(region: Region, tmp_path: Path) -> None:
    """Forged, played again, not offered, and after its suspension."""
    south, east = region.south, region.east
    sue = await south.stage.person("sue")
    await sue.chat()
    await _offered(region, sue)
    client, room = await _hostile(region, tmp_path)
    async with east.database.read() as tx:
        keys = [(key.key, key.seed) for key in await hospital_store.own_keys(tx)]

    def letter(consult: str, service: str = "cardiology", **more: Any) -> dict[str, Any]:
        body = {
            "service": service,
            "urgency": "stat",
            "expects": "action",
            "follow": False,
            "request": {"question": f"question of {consult}"},
            "requester": f"@eve:{east.server}",
        }
        one = Letter("01", east.server, south.server, east.server, consult, 1, 0, Kind.REQUEST, 1, body)
        signed = signing.signatures(statement.canonical_json(one.to_json()), keys)
        return {**letters.write(one, signed), **more}

    async def says(content: dict[str, Any]) -> None:
        await client.send_event(room, letters.EVENT, content)

    mods = south.stage.moderator
    forged = letter("C-AAAA")
    forged["letter"]["body"]["urgency"] = "routine"
    await says(forged)
    await mods.reads("its signature was wrong", kind="between.trouble", after=0)
    await says(letter("C-BBBB", "surgery"))
    await mods.reads("do not offer", kind="between.trouble", after=0)
    request = letter("C-CCCC")
    for _time in range(3):
        await says(request)
    await sue.reads("question of C-CCCC", kind="consult.page", after=0)
    async with south.database.begin() as tx:
        await hospitals.suspend(tx, south.settings, east.server, "incident")
    await says(letter("C-DDDD"))
    await mods.reads("it is suspended here", kind="between.trouble", after=0)
    await sue.asks("!ping 1", "pong 1")
    pages = [event for event in sue.messages() if event["content"]["org.curbside"]["kind"] == "consult.page"]
    assert len(pages) == 1
    await client.close()
