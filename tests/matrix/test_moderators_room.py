"""The moderators' room: who has power in it, and what happens when the bot loses it."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from bot.dev.clinician import Event
from bot.dev.synapse import Homeserver, Registered, login_user
from tests.support.people import PATIENCE_S, Person, Stage, open_stage

API = "/_matrix/client/v3"


@pytest.fixture
async def stage(homeserver: Homeserver, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(homeserver, tmp_path / "moderators") as stage:
        yield stage


def is_levels(event: Event, room: str, user_id: str, level: int) -> bool:
    return (
        event["type"] == "m.room.power_levels"
        and event["room_id"] == room
        and event["content"]["users"].get(user_id) == level
    )


async def invited(moderator: Person, *, after: int = 0) -> str:
    """The room that the bot has invited a moderator to."""
    event = await moderator.client.wait_for(
        lambda one: (
            one["type"] == "m.room.member"
            and one["state_key"] == moderator.user_id
            and one["content"]["membership"] == "invite"
            and one["sender"] == moderator.bot
        ),
        timeout=PATIENCE_S,
        after=after,
    )
    return str(event["room_id"])


async def has_level(moderator: Person, room: str, who: Person, level: int) -> None:
    await moderator.client.wait_for(
        lambda event: is_levels(event, room, who.user_id, level), timeout=PATIENCE_S
    )


async def request(stage: Stage, who: Registered, path: str) -> None:
    headers = {"Authorization": f"Bearer {who.access_token}"}
    url = URL(stage.homeserver.url + path, encoded=True)
    async with aiohttp.ClientSession() as session, session.post(url, json={}, headers=headers) as answer:
        assert answer.status == 200


async def test_moderators_have_power_and_those_added_later_get_it_at_the_start(stage: Stage) -> None:
    mira = stage.moderator
    room = await invited(mira)
    await has_level(mira, room, mira, 50)
    nora = await stage.person("nora")
    await stage.running.stop()
    path = f"{API}/rooms/{quote(room)}/state/m.room.power_levels"
    settings = stage.running.folder / "curbside.toml"
    settings.write_text(
        settings.read_text().replace(f'["{mira.user_id}"]', f'["{mira.user_id}", "{nora.user_id}"]')
    )
    await stage.restart()
    assert await invited(nora) == room
    await has_level(nora, room, nora, 50)
    levels = await nora.client.request("GET", path)
    assert levels["users"][mira.user_id] == levels["users"][nora.user_id] == 50


async def test_a_lost_room_is_made_anew_at_once_and_what_is_said_meanwhile_arrives(stage: Stage) -> None:
    mira = stage.moderator
    old = await invited(mira)
    await mira.sees_join(old, mira.user_id)
    await has_level(mira, old, mira, 50)
    ada, ben = await stage.people("ada", "ben")
    service = stage.service([ben], timer="1s", name="Nephrology M")
    mark = mira.client.bookmark()
    # Nobody there has the power to throw the bot out: somebody does it at the homeserver, in its name.
    password = (stage.running.folder / "secrets" / "curbside").read_text()
    bot = await login_user(stage.homeserver, stage.bot, password)
    await request(stage, bot, f"{API}/rooms/{quote(old)}/leave")
    new = await invited(mira, after=mark)
    assert new != old
    await has_level(mira, new, mira, 50)
    await ada.asks(f"!consult {service} stat potassium 7.1", "asking")
    await mira.reads("nobody has taken", room=new, after=mark)
