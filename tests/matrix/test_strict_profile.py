"""The profile `strict` on a homeserver with TI-Messenger rules, which refuses what others allow."""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.dev.synapse import Homeserver, HomeserverGroup
from bot.dev.synapse_config import CONFIG_FILE
from bot.kernel import outbox
from bot.kernel.outbox import Outgoing
from tests.support.account import API, Account, open_account
from tests.support.consult import Consultation
from tests.support.house import start_curbside


@pytest.fixture(scope="module")
def tim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    """A Synapse with those rules."""
    group = HomeserverGroup.create(tmp_path_factory.mktemp("tim"), ["tim"])
    folder = group["tim"].directory
    shutil.copy(Path(__file__).parents[1] / "support" / "tim_rules.py", folder)
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["default_room_version"] = "10"
    config["modules"] = [{"module": "tim_rules.TimRules", "config": {"default_room_version": "10"}}]
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    atexit.register(group.stop, timeout=2.0)
    try:
        group.start()
        yield group["tim"]
    finally:
        group.stop()
        atexit.unregister(group.stop)


@pytest.fixture(scope="module")
async def strict(tim: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Account]:
    folder = tmp_path_factory.mktemp("strict") / "bot"
    async with open_account(tim, folder, settings='profile = "strict"') as account:
        yield account


async def test_a_whole_consult(tim: Homeserver, tmp_path: Path) -> None:
    async with (
        start_curbside(
            tim, tmp_path / "curbside", prefix="strict-", settings='profile = "strict"'
        ) as running,
        Consultation(running, tmp_path) as consult,
    ):
        await consult.open_chat()
        await consult.ask()
        await consult.accept(consult.first)
        room = await consult.discussed(consult.first)
        assert consult.questions(consult.asker) == consult.questions(consult.first) == 1
        path = f"{API}/rooms/{room}/state/m.room.create"
        assert (await consult.asker.request("GET", path))["room_version"] == "10"
        await consult.quiet(consult.first)
        assert consult.doubled() == []


async def test_the_standard_profile_is_refused(tim: Homeserver, tmp_path: Path) -> None:
    async with open_account(tim, tmp_path / "standard") as bot:
        people = [(await bot.person(name)).user_id for name in ("ada", "bela")]
        for body in ({"invite": people}, {"version": "12"}):
            done = await bot.does("room:trial", "create", **body)
            assert (done.state, done.error) == ("failed", "M_FORBIDDEN")


async def test_many_are_invited_one_after_the_other(strict: Account) -> None:
    people = [await strict.person(f"p{number}") for number in range(4)]
    ids = [one.user_id for one in people]
    done = await strict.does("room:many", "create", invite=ids, version="12")
    assert done.state == "sent" and done.room_id is not None
    assert [await strict.membership(done.room_id, one) for one in people] == ["invite"] * 4
    assert (await strict.state(done.room_id, "m.room.create"))["room_version"] == "10"


async def test_nobody_is_invited_into_a_direct_chat(strict: Account) -> None:
    ada, bela = await asyncio.gather(strict.person(), strict.person("bela"))
    content = {"type": "m.room.message", "content": {"msgtype": "m.notice", "body": "hello"}}
    done = await strict.does(f"dm:{ada.user_id}", "send", **content)
    assert done.state == "sent" and done.room_id is not None
    asked = await strict.does(done.room_id, "invite", user_id=bela.user_id)
    assert (asked.state, asked.error) == ("failed", "STRICT_DIRECT_CHAT")


async def test_a_direct_chat_broken_off_before_its_invitation_is_made_anew(strict: Account) -> None:
    ada = await strict.person()
    content = {"type": "m.room.message", "content": {"msgtype": "m.notice", "body": "hello"}}
    encryption = {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    async with strict.database.begin() as tx:
        row = await outbox.put(tx, Outgoing("curbside", f"dm:{ada.user_id}", "send", content))
        body = {
            "room_alias_name": f"curbside_{row.lower()}",
            "is_direct": True,
            "initial_state": [encryption],
        }
        half = await strict.ask(None, "POST", f"{API}/createRoom", {**body, "preset": "private_chat"})
    done = await strict.done(row)
    assert done.state == "sent" and done.room_id not in (None, half["room_id"])
    assert await strict.membership(str(done.room_id), ada) == "invite"


async def test_reactions_are_single_graphemes(strict: Account) -> None:
    done = await strict.does("room:reactions", "create")
    assert done.room_id is not None
    content = {"type": "m.room.message", "content": {"msgtype": "m.notice", "body": "press"}}
    (message,) = await strict.queue((done.room_id, "send", content))
    states = []
    for key in ("✅", "1️⃣", "👩‍⚕️", "ok"):
        relation = {"rel_type": "m.annotation", "event_id": {"$out": message}, "key": key}
        reaction = {"type": "m.reaction", "content": {"m.relates_to": relation}}
        one = await strict.does(done.room_id, "send", **reaction)
        states.append((one.state, one.error))
    assert states == [("sent", None)] * 3 + [("failed", "STRICT_REACTION")]
