"""Talking with the bots through real clients: commands, buttons, conversations, languages."""

from collections.abc import AsyncIterator

import pytest

from bot.dev.clinician import MatrixError
from bot.dev.synapse import Homeserver
from tests.support.people import Stage, open_stage, ours, thread_of


@pytest.fixture(scope="module")
async def stage(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(homeserver, tmp_path_factory.mktemp("chat")) as stage:
        yield stage


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
async def test_ping_is_echoed_in_chats_rooms_and_threads(stage: Stage, encrypted: bool) -> None:
    ada, bela = await stage.people("ada", "bela")
    chat = await ada.chat(encrypted=encrypted)
    room = await ada.room(bela.user_id, stage.bot, encrypted=encrypted)
    for place in (chat, room):
        pong = await ada.asks(f"!ping in {place}", room=place)
        assert pong["content"]["body"] == f"pong in {place}"
        assert pong["encrypted"] == encrypted
        assert thread_of(pong) is None
        assert ours(pong).keys() == {"v", "kind", "out"} and ours(pong)["kind"] == "pong"
    root = await ada.says("a root", room)
    pong = await ada.asks("!ping threaded", "threaded", room=room, thread=root)
    assert thread_of(pong) == root
    seen = await bela.client.wait_for_message(contains="pong threaded", sender=stage.bot, timeout=120)
    assert seen["encrypted"] == encrypted


async def test_help_shows_what_this_person_may_do(stage: Stage) -> None:
    ada = await stage.person()
    overview = (await ada.asks("!help"))["content"]["body"]
    assert "!consult" in overview and "!language" in overview
    assert overview.count("\n") < 30
    one = (await ada.asks("!help consult"))["content"]["body"]
    assert one.startswith("!consult – ") and "!konsil" in one
    await ada.asks("!help consutl", "Did you mean consult?")
    assert (await ada.asks("good morning"))["content"]["body"].endswith("!help shows what I can do.")
    support = await stage.person("carl", bot="support")
    shorter = (await support.asks("!help"))["content"]["body"]
    assert "!consult" not in shorter and "!ping" in shorter
    # A word of the other bot is not unknown: it is said where it belongs.
    assert stage.bot in (await support.asks("!consult"))["content"]["body"]


async def test_a_slip_of_the_finger_is_put_right_with_a_tap(stage: Stage) -> None:
    ada = await stage.person()
    hint = await ada.asks("!pnig seven seas")
    assert "!ping" in hint["content"]["body"]
    await ada.sees_button(hint, "👍")
    await ada.taps(hint, "👍")
    await ada.reads("pong seven seas")
    await ada.taps(hint, "👍🏽")  # again, in another skin: it has run
    mistyped = await ada.says("!pign edited")
    await ada.reads("!ping")
    corrected = {"m.new_content": {"msgtype": "m.text", "body": "!ping edited"}}
    relates = {"m.relates_to": {"rel_type": "m.replace", "event_id": mistyped}}
    await ada.says("* !ping edited", content=corrected | relates)
    await ada.reads("pong edited")
    bodies = ada.bodies()
    assert [body for body in bodies if body.startswith("pong")] == ["pong seven seas", "pong edited"]


async def test_an_edit_does_not_run_a_command_twice(stage: Stage) -> None:
    ada = await stage.person()
    first = await ada.says("!ping one")
    await ada.reads("pong one")
    content = {
        "m.new_content": {"msgtype": "m.text", "body": "!ping two"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": first},
    }
    await ada.says("* !ping two", content=content)
    await ada.asks("!ping three", "pong three")
    assert ada.bodies() == ["pong one", "pong three"]


async def test_ten_commands_at_once_are_all_answered_in_order(stage: Stage) -> None:
    ada = await stage.person()
    chat = await ada.chat()
    for number in range(10):
        await ada.says(f"!ping {number}.")
    await ada.reads("pong 9.", after=0)
    assert ada.bodies(chat) == [f"pong {number}." for number in range(10)]


async def test_in_a_room_with_both_bots_one_answers(stage: Stage) -> None:
    ada = await stage.person()
    support = stage.running.user_id("support")
    room = await ada.room(stage.bot, support)
    await ada.asks("!ping once", "pong once", room=room)
    await ada.says("!support ping you", room)
    answer = await ada.client.wait_for_message(contains="pong you", room_id=room, timeout=120)
    assert answer["sender"] == support
    await ada.asks("!curbside ping last", "pong last", room=room)
    pongs = [
        event
        for event in ada.client.events
        if event["type"] == "m.room.message" and "pong" in str(event["content"].get("body"))
    ]
    assert len(pongs) == 3


async def test_a_button_works_once_and_not_when_its_message_is_gone(stage: Stage) -> None:
    ada, bela = await stage.people("ada", "bela")
    room = await ada.room(bela.user_id, stage.bot)
    hint = await ada.asks("!pnig tapped", room=room)
    await bela.client.react(room, hint["event_id"], "👍")  # not for bela
    await ada.taps(hint, "👍")
    await ada.reads("pong tapped", room=room)
    other = await ada.asks("!pnig withdrawn", "!ping", room=room)
    button = await ada.sees_button(other, "👍")
    tap = await ada.taps(other, "👍")
    await ada.reads("pong withdrawn", room=room)
    for event_id in (tap, hint["event_id"], button["event_id"]):
        path = f"/_matrix/client/v3/rooms/{room}/redact/{event_id}/{event_id[1:9]}"
        try:
            await ada.client.request("PUT", path, {})
        except MatrixError as error:
            assert error.errcode == "M_FORBIDDEN"
    await ada.asks("!ping still here", "pong still here", room=room)
    assert [body for body in ada.bodies(room) if body.startswith("pong")] == [
        "pong tapped",
        "pong withdrawn",
        "pong still here",
    ]


async def test_a_consult_asked_question_by_question_survives_power_cuts(stage: Stage) -> None:
    ada, bela, other = await stage.people("ada", "bela", "other")
    service = stage.service([bela], name=f"Neurology {bela.user_id[6:10]}")
    room = await other.room(stage.bot)
    asked = await ada.asks("!consult")
    assert ours(asked)["kind"] == "question"
    stage.running.kill()
    while_down = await ada.says(f"Neurology {bela.user_id[6:10]}")
    await stage.restart()
    urgency = await ada.reads("1️⃣ STAT\n2️⃣ URGENT\n3️⃣ Routine")
    assert while_down
    stage.running.kill()
    await stage.restart()
    await ada.taps(urgency, "2️⃣")
    await ada.reads("Name no patient.")
    await other.asks("!ping meanwhile", "pong meanwhile", room=room)
    draft = await ada.asks("Lacunar stroke, 4 hours: thrombolysis?", "Not sent yet")
    await ada.taps(draft, "✅")
    asking = await ada.reads("asking")
    assert service not in asking["content"]["body"]  # its name is shown, not its key
    page = await bela.reads("Lacunar stroke", kind="consult.page")
    assert "URGENT" in page["content"]["body"]
    assert len(ada.messages()) == 5  # the draft among them


async def test_a_question_may_be_left_or_answered_wrongly(stage: Stage) -> None:
    ada = await stage.person()
    stage.service([ada], name=f"Urology {ada.user_id[5:9]}")
    await ada.asks("!consult", "Which service")
    again = await ada.asks("moon", "Which service")
    assert "moon" in again["content"]["body"]
    left = await ada.asks("cancel")
    assert "!consult" in left["content"]["body"]
    await ada.asks("!language klingon", "1️⃣ English\n2️⃣ Deutsch")
    await ada.asks("2", "Deutsch")


async def test_time_zone_and_settings(stage: Stage) -> None:
    ada = await stage.person()
    await ada.asks("!timezone Tokio", "")
    told = await ada.asks("!timezone Tokyo", "Asia/Tokyo")
    settings = await ada.asks("!settings", "Asia/Tokyo")
    assert "English" in settings["content"]["body"]
    assert told["content"]["body"].count(":") >= 1
    await ada.asks("!language deutsch", "Deutsch")
    await ada.asks("!settings", "Zeitzone")
