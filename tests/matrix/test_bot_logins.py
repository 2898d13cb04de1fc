"""Three ways to log in, and what an operator asks on the command line about a Curbside that has run."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from bot.dev.synapse import Homeserver, HomeserverGroup, login_user
from tests.support.house import Running, wait_ready
from tests.support.people import Person, Stage

AS_TOKEN = uuid4().hex


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    """A Synapse that knows an application service."""
    folder = tmp_path_factory.mktemp("appservice")
    registration = folder / "registration.yaml"
    registration.write_text(
        json.dumps(
            {
                "id": "curbside",
                "url": None,
                "as_token": AS_TOKEN,
                "hs_token": uuid4().hex,
                "sender_localpart": "curbside-service",
                "rate_limited": False,
                "namespaces": {
                    "users": [{"exclusive": True, "regex": "@relay:.*"}], "rooms": [], "aliases": []
                },
            }
        )
    )  # fmt: skip
    group = HomeserverGroup.create(folder / "hs", ["own"], appservices={"own": [registration]})
    try:
        group.start()
        yield group["own"]
    finally:
        group.stop(timeout=0.5)  # nobody needs it afterwards


@pytest.fixture(scope="module")
async def stage(house: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One bot that has an access token, one with a password, one of the application service."""
    running = Running(house, tmp_path_factory.mktemp("logins"))
    relay = f'[bots.relay]\nuser_id = "@relay:{house.server_name}"\nappservice_token_file = "secrets/as"'
    await running.prepare(tables=relay)
    secret, config = running.folder / "secrets", running.folder / "curbside.toml"
    session = await login_user(house, "curbside", (secret / "curbside").read_text())
    (secret / "token").write_text(session.access_token)
    (secret / "as").write_text(AS_TOKEN)
    text = config.read_text()
    config.write_text(text.replace('password_file = "secrets/curbside"', 'token_file = "secrets/token"'))
    stage = Stage(running)
    running.start()
    try:
        await wait_ready(running)
        yield stage
    finally:
        running.kill()
        await stage.close()


async def test_every_login_answers_encrypted_and_survives_a_restart(stage: Stage) -> None:
    people = [
        await stage.person("tess", bot="curbside"),
        await stage.person("pia", bot="support"),
        await stage.person("aron", bot="relay"),
    ]

    async def pings(person: Person, word: str) -> None:
        pong = await person.asks(f"!ping {word}", f"pong {word}")
        assert pong["encrypted"] and pong["sender"] == person.bot

    await asyncio.gather(*(pings(person, "one") for person in people))
    stage.running.kill()
    await asyncio.gather(*(person.says("!ping meanwhile") for person in people))
    await stage.restart()
    await asyncio.gather(*(person.reads("pong meanwhile") for person in people))
    await asyncio.gather(*(pings(person, "two") for person in people))
    assert all(person.bodies() == ["pong one", "pong meanwhile", "pong two"] for person in people)


async def test_what_the_operator_asks_afterwards(stage: Stage) -> None:
    code, said = await stage.command("keys", "status")
    assert code == 0, said
    for bot in ("curbside", "support", "relay"):
        assert f"@{bot}:" in said
    code, said = await stage.command("keys", "rotate")
    assert code == 1 and "Curbside is running" in said
    keys = stage.running.folder / "secrets" / "at-rest.keys"
    assert len(keys.read_text().split()) == 1
    assert await stage.running.stop() == 0
    code, said = await stage.command("keys", "rotate")
    assert code == 0, said
    assert len(keys.read_text().split()) == 2
    code, said = await stage.command("keys", "status")
    assert code == 0 and "At-rest keys: 2" in said
    code, said = await stage.command("audit", "verify")
    assert code == 0 and "unbroken" in said
    code, said = await stage.command("check")
    assert code == 0, said
    await stage.restart()
    person = await stage.person("nils")
    await person.asks("!ping after", "pong after")  # with logins sealed anew
    assert await stage.running.stop() == 0
    code, said = await stage.command("audit", "export")
    assert code == 0 and "keys.rotated" in said and "meanwhile" not in said
