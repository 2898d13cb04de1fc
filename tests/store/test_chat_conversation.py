"""Conversations, buttons and preferences on a real database, across restarts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.chat import store
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.settings import LimitSettings
from tests.support.chat_stage import ANNA, BEN, WARD, Stage, in_thread, make_stage, reply_to, texts


@pytest.fixture
def stage(db: Database, clock: ManualClock) -> Stage:
    return make_stage(db, clock)


async def test_a_conversation_survives_a_restart(stage: Stage) -> None:
    (question,) = await stage.say("!consult")
    assert question["body"] == "Which service?\n1️⃣ cardiology\n2️⃣ neurology\n❌ or cancel leaves this."
    stage.restart()
    (question,) = await stage.say("kardiologie")
    assert question["body"].startswith("How urgent?\n1️⃣ stat")
    stage.restart()
    (question,) = await stage.react(question["event_id"], "2️⃣")
    assert question["body"].startswith("What do you want to ask?")
    assert texts(await stage.say("chest pain\nsince noon")) == ["cardiology/urgent/chest pain\nsince noon"]
    assert [line[2] for line in await stage.audit()] == ["consult"]


async def test_words_given_already_are_kept(stage: Stage) -> None:
    (question,) = await stage.say("!consult cardiology chest pain since noon")
    assert question["body"].startswith("How urgent?")
    assert texts(await stage.say("2")) == ["cardiology/urgent/chest pain since noon"]
    (question,) = await stage.say("!consult cardiology urgnt chest pain")
    assert question["body"].startswith("I do not know “urgnt” here.\nDid you mean urgent?\nHow urgent?")
    stage.clock.advance(timedelta(minutes=2))
    assert texts(await stage.say("dringend")) == ["cardiology/urgent/chest pain"]
    assert texts(await stage.say("!consult neurology stat x")) == ["Please write a few words."]


@pytest.mark.parametrize("word", ["cancel", "Abbrechen", "!cancel", "❌", "react"])
async def test_a_conversation_can_be_left(stage: Stage, word: str) -> None:
    (question,) = await stage.say("!consult")
    left = await (stage.react(question["event_id"], "❌") if word == "react" else stage.say(word))
    assert texts(left) == ["Stopped: nothing was done. !consult starts again."]
    assert texts(await stage.say("!cancel")) == ["There is nothing to leave."]
    assert await stage.react(question["event_id"], "1️⃣") == []


async def test_wrong_answers_are_asked_again_three_times(stage: Stage) -> None:
    unlimited = stage.house.settings.model_copy(update={"limits": LimitSettings(commands_per_minute=0)})
    stage.house = replace(stage.house, settings=unlimited)
    stage.restart()
    await stage.say("!consult cardiology")
    for _ in range(2):
        (again,) = texts(await stage.say("soon"))
        assert again.startswith("I do not know “soon” here.\nHow urgent?")
    (stop,) = texts(await stage.say("soon"))
    assert "Let us stop here. Start again with !consult" in stop
    assert "shows what I can do" in texts(await stage.say("soon"))[0]


async def test_an_expired_question_is_not_answered(stage: Stage) -> None:
    (question,) = await stage.say("!consult")
    stage.clock.advance(timedelta(minutes=15))
    assert texts(await stage.say("cardiology")) == ["That question has expired. Start again with !consult."]
    (question,) = await stage.say("!consult")
    stage.clock.advance(timedelta(hours=2))
    assert "has expired" in texts(await stage.react(question["event_id"], "1️⃣"))[0]
    await stage.say("!consult")
    stage.clock.advance(timedelta(days=2))
    async with stage.database.begin() as tx:
        assert await store.forget_expired(tx) == 1


async def test_another_command_ends_the_conversation(stage: Stage) -> None:
    await stage.say("!consult")
    assert texts(await stage.say("!ping")) == ["I have dropped the unfinished !consult.", "pong"]
    assert texts(await stage.say("cardiology")) == ["I did not understand that. !help shows what I can do."]


async def test_among_others_only_the_thread_answers(stage: Stage) -> None:
    (question,) = await stage.say("!consult", room=WARD)
    root = f"$said{stage.events}"
    assert question["m.relates_to"]["event_id"] == root
    assert await stage.say("cardiology", room=WARD) == []
    assert await stage.say("cardiology", room=WARD, sender=BEN, content=in_thread(root)) == []
    (question,) = await stage.say("cardiology", room=WARD, content=in_thread(root))
    (question,) = await stage.say("urgent", room=WARD, content=reply_to(question["event_id"]))
    assert question["m.relates_to"]["event_id"] == root
    (page,) = await stage.say("chest pain", room=WARD, content=in_thread(root))
    assert page["body"] == "cardiology/urgent/chest pain"
    (state,) = await stage.react(page["event_id"], "✅", sender=BEN, room=WARD)
    assert (state["body"], state["m.relates_to"]["event_id"]) == (f"{BEN} accepts C-7F3K", root)


async def test_a_button_runs_once_a_person(stage: Stage) -> None:
    (page,) = await stage.say("!consult cardiology stat x")
    assert texts(await stage.react(page["event_id"], "✅\ufe0f")) == [f"{ANNA} accepts C-7F3K"]
    assert await stage.react(page["event_id"], "✅") == []
    assert await stage.react(page["event_id"], "🎉") == []
    assert await stage.react("$unknown", "✅") == []
    assert await stage.react(page["event_id"], "thread") == []
    redacted = {"type": "m.reaction", "event_id": "$r", "sender": ANNA, "content": {}}
    assert await stage.event(redacted) == []


@pytest.mark.parametrize("word", ["accept", "annehmen", "Ja", "ok", "1", "✅"])
async def test_a_reply_names_a_button(stage: Stage, word: str) -> None:
    (page,) = await stage.say("!consult cardiology stat x")
    assert texts(await stage.say(word, content=reply_to(page["event_id"]))) == [f"{ANNA} accepts C-7F3K"]


async def test_people_choose_language_and_time_zone(stage: Stage) -> None:
    assert texts(await stage.say("!sprache")) == [
        "Which language shall I speak with you?\n1️⃣ English\n2️⃣ Deutsch\n❌ or cancel leaves this."
    ]
    assert texts(await stage.say("Deutsch")) == ["Ab jetzt spreche ich Deutsch mit Ihnen."]
    assert "Europe/Vienna" in texts(await stage.say("!zeitzone Wien"))[0]
    stage.clock.advance(timedelta(minutes=2))
    (problem,) = texts(await stage.say("!timezone Berlni"))
    assert "Europe/Berlin" in problem
    stage.clock.advance(timedelta(minutes=2))
    assert "10:34" in texts(await stage.say("!einstellungen"))[-1]
