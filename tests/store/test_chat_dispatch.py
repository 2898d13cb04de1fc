"""The dispatcher on a real database: what people send, and what lies in the outbox then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.chat import store
from bot.chat.capability import Capability
from bot.chat.command import Command
from bot.chat.dispatch import Dispatcher
from bot.chat.progress import Progress
from bot.chat.rich import verbatim
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.errors import CurbsideError
from tests.support.chat_stage import (
    ANNA,
    BEN,
    DIRECT,
    EVE,
    FEATURE,
    SUPPORT,
    WARD,
    Stage,
    accept,
    in_thread,
    make_stage,
    texts,
)


@pytest.fixture
def stage(db: Database, clock: ManualClock) -> Stage:
    return make_stage(db, clock)


async def test_ping_goes_the_whole_way(stage: Stage) -> None:
    (pong,) = await stage.say("!ping 7")
    assert (pong["body"], pong["msgtype"], pong["org.curbside"]["kind"]) == ("pong 7", "m.notice", "pong")
    assert texts(await stage.say("!ping")) == ["pong"]
    assert texts(await stage.say("!curbside ping  a  b\nc ")) == ["pong a  b\nc"]
    (pong,) = await stage.say("!ping 1", room=WARD, content=in_thread("$root"))
    assert pong["m.relates_to"]["event_id"] == "$root"
    assert await stage.audit() == []  # who only looks leaves no trace


async def test_help_shows_what_this_person_may_do(stage: Stage) -> None:
    (overview,) = texts(await stage.say("!help"))
    assert "!consult – Ask the colleague on call" in overview
    assert "!purge" not in overview
    assert "!checkin" not in overview
    (details,) = texts(await stage.say("!help konsil"))
    assert "!konsil" in details
    (unknown,) = texts(await stage.say("!help purge"))
    assert "I do not know “purge” here." in unknown
    assert "!language" in texts(await stage.say("Hilfe"))[0]


async def test_a_typo_gets_a_button_for_its_author_alone(stage: Stage) -> None:
    (answer,) = await stage.say("!consutl cardiology urgent chest pain\nsince noon", room=WARD)
    assert answer["body"] == "I do not know !consutl.\nDid you mean !consult? 👍 runs it."
    assert await stage.react(answer["event_id"], "👍", sender=BEN, room=WARD) == []
    assert texts(await stage.react(answer["event_id"], "👍🏽", room=WARD)) == [
        "cardiology/urgent/chest pain\nsince noon"
    ]
    assert await stage.react(answer["event_id"], "👍", room=WARD) == []


async def test_unknown_words_and_forbidden_ones(stage: Stage) -> None:
    assert texts(await stage.say("!weather")) == ["I do not know !weather.\n!help shows what I can do."]
    assert "not something you can use" in texts(await stage.say("!purge all"))[0]
    assert texts(await stage.say("!pruge")) == ["I do not know !pruge.\n!help shows what I can do."]
    assert SUPPORT in texts(await stage.say("!checkin"))[0]


async def test_an_edit_runs_only_what_was_mistyped(stage: Stage) -> None:
    await stage.say("!pong 1")
    typo = f"$said{stage.events}"
    edit: dict[str, Any] = {
        "m.new_content": {"msgtype": "m.text", "body": "!ping 1"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": typo},
    }
    assert await stage.say("* !ping 1", sender=BEN, content=edit) == []
    assert texts(await stage.say("* !ping 1", content=edit)) == ["pong 1"]
    assert await stage.say("* !ping 1", content=edit) == []
    await stage.say("!ping 2")
    edit["m.relates_to"] = {"rel_type": "m.replace", "event_id": f"$said{stage.events}"}
    assert await stage.say("* !ping 3", content=edit) == []


async def test_what_was_mended_by_an_edit_is_not_run_again_by_the_button(stage: Stage) -> None:
    (answer,) = await stage.say("!consutl cardiology urgent chest pain")
    edit = {
        "m.new_content": {"msgtype": "m.text", "body": "!ping 1"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": f"$said{stage.events}"},
    }
    assert texts(await stage.say("* !ping 1", content=edit)) == ["pong 1"]
    assert await stage.react(answer["event_id"], "👍") == []


async def test_the_limit_is_told_once_and_buttons_have_their_own(stage: Stage) -> None:
    (page,) = await stage.say("!consult cardiology stat x")
    answers = [texts(await stage.say(f"!ping {number}")) for number in range(7)]
    assert answers[:4] == [["pong 0"], ["pong 1"], ["pong 2"], ["pong 3"]]
    assert "I answer again in a minute" in answers[4][0]
    assert answers[5:] == [[], []]
    assert await stage.react(page["event_id"], "✅") != []
    assert texts(await stage.say("!ping", sender=BEN)) == ["pong"]
    stage.clock.advance(timedelta(minutes=2))
    assert texts(await stage.say("!ping 8")) == ["pong 8"]


async def test_the_limit_slides(stage: Stage) -> None:
    async with stage.database.begin() as tx:
        assert [await store.use(tx, "words", ANNA, 3) for _ in range(5)] == [True] * 3 + [False] * 2
    stage.clock.advance(timedelta(seconds=61))
    async with stage.database.begin() as tx:
        assert not await store.use(tx, "words", ANNA, 3)
    stage.clock.advance(timedelta(seconds=40))
    async with stage.database.begin() as tx:
        assert await store.use(tx, "words", ANNA, 3)


async def test_strangers_are_told_once_a_day(stage: Stage) -> None:
    (refusal,) = await stage.say("!help", sender=EVE)
    assert refusal["body"].startswith("I work for North Hospital")
    assert await stage.say("!help", sender=EVE) == []
    assert await stage.say("just talk", sender="@mallory:elsewhere.example", room=WARD) == []
    assert await stage.react(refusal["event_id"], "✅", sender=EVE) == []
    stage.clock.advance(timedelta(days=1))
    assert len(await stage.say("hello", sender=EVE)) == 1
    assert await stage.audit() == [(EVE, "refused", "stranger")] * 2


async def test_bots_are_not_answered(stage: Stage) -> None:
    assert await stage.say("!ping", sender=SUPPORT) == []
    assert await stage.say("!ping", content={"msgtype": "m.notice"}) == []
    assert await stage.say("!ping", content={"org.curbside": {"v": 1}}) == []


async def test_one_bot_of_several_answers(stage: Stage) -> None:
    assert texts(await stage.say("!ping", room=WARD)) == ["pong"]
    assert await stage.say("!ping", room=WARD, bot="support") == []
    assert texts(await stage.say("Peer Support: ping", room=WARD, bot="support")) == ["pong"]
    assert await stage.say("Peer Support: ping", room=WARD) == []
    assert await stage.say("!checkin", room=WARD) == []
    assert await stage.say("!nonsense", room=WARD, bot="support") == []


async def test_an_unreadable_message_is_explained_once_a_session(stage: Stage) -> None:
    event = {"type": "m.room.encrypted", "event_id": "$x", "sender": ANNA, "content": {"session_id": "one"}}
    assert "could not decrypt" in texts(await stage.event(event, decrypted=False))[0]
    assert await stage.event(event, decrypted=False) == []
    event["content"] = {"session_id": ["two"]}
    assert len(await stage.event(event, decrypted=False)) == 1


async def test_rules_hints_and_people_mentioned(stage: Stage) -> None:
    assert texts(await stage.say("rule me", room=WARD)) == ["ruled"]
    assert await stage.say("some talk", room=WARD) == []
    assert "I did not understand" in texts(await stage.say("what now"))[0]
    assert await stage.say("what now") == []
    pill = {"formatted_body": f'!vouch <a href="https://matrix.to/#/{BEN}">Ben Berg</a>'}
    assert texts(await stage.say("!vouch Ben Berg", content=pill)) == [BEN]
    (question,) = texts(await stage.say("!vouch bne", room=WARD))
    assert f"Did you mean {BEN}?" in question


async def test_a_failure_is_told_only_to_who_asked(stage: Stage) -> None:
    assert "Nothing was changed" in texts(await stage.fail(stage.message("!ping")))[0]
    assert await stage.fail(stage.message("some talk"), room=WARD) == []
    assert await stage.fail(stage.message("!ping", sender=EVE)) == []
    assert await stage.fail({"type": 5}) == []


async def test_progress_edits_one_message(stage: Stage) -> None:
    progress = Progress(stage.database, stage.house, "curbside", DIRECT)
    assert await progress.show(verbatim("0 %"))
    assert not await progress.show(verbatim("1 %"))
    (first,) = await stage.sent()
    stage.clock.advance(timedelta(seconds=3))
    again = Progress(stage.database, stage.house, "curbside", DIRECT, shown=progress.shown)
    assert await again.show(verbatim("50 %"))
    stage.clock.advance(timedelta(seconds=3))
    assert not await again.show(verbatim("60 %"))
    await again.finish(verbatim("done"))
    half, done = await stage.sent()
    assert (first["body"], half["body"], done["body"]) == ("0 %", "* 50 %", "* done")
    assert half["m.relates_to"]["event_id"] == done["m.relates_to"]["event_id"] == {"$out": progress.shown}
    assert done["org.curbside"]["state"] == "done"


def test_two_commands_cannot_share_a_word(stage: Stage) -> None:
    rival = Capability("rival", commands=(Command("ask", "Ask", accept, synonyms=("Konsil",)),))
    with pytest.raises(CurbsideError, match="consult and ask both claim the word"):
        Dispatcher(stage.house, [FEATURE, rival])


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(["!ping", "!consult", "m.text", "$e", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["m.room.message", "m.reaction", "m.room.encrypted", "m.room.member"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TYPES, st.fixed_dictionaries({}, optional={
    "body": ANYTHING, "msgtype": st.just("m.text"), "m.relates_to": ANYTHING, "m.new_content": ANYTHING,
    "formatted_body": ANYTHING, "session_id": ANYTHING,
}), st.booleans(), st.sampled_from([DIRECT, WARD, "!unknown:x"]))  # fmt: skip
async def test_malformed_events_harm_nothing(
    stage: Stage, kind: str, content: dict[str, Any], decrypted: bool, room: str
) -> None:
    event = {"type": kind, "event_id": "$e", "sender": ANNA, "content": content}
    await stage.event(event, room=room, decrypted=decrypted)
    await stage.fail(event, room=room)


@pytest.mark.parametrize(
    "text",
    ["x" * 65_000, "!ping " + "👩‍⚕️" * 5_000, "!consult " + "\u202e" * 9_000, "!\x00", "!ping \ud800\x00"],
)
async def test_extreme_texts(stage: Stage, text: str) -> None:
    await stage.say(text)
