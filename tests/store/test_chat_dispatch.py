"""The dispatcher on a real database: what people send, and what lies in the outbox then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from bot.chat import CHAT, store
from bot.chat.capability import Capability
from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context, House, RoomFacts
from bot.chat.dispatch import Dispatcher
from bot.chat.i18n import Texts
from bot.chat.message import Message
from bot.chat.progress import Progress
from bot.chat.rich import verbatim
from bot.chat.types import Choice, Text, UserId
from bot.kernel import outbox
from bot.kernel.audit import GENESIS, audit_head, audit_lines
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx, metadata
from bot.kernel.errors import CurbsideError
from bot.kernel.inbox import InboxEntry
from bot.kernel.sealing import KeyRing
from bot.settings import BotSettings, LimitSettings, Settings

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
BOT, SUPPORT = "@curbside:north.example", "@support:north.example"
ANNA, BEN, EVE = "@anna:north.example", "@ben:north.example", "@eve:elsewhere.example"
DIRECT, WARD = "!direct:north.example", "!ward:north.example"


async def consult(ctx: Context, args: Args) -> None:
    if args["service"] == "neurology":
        raise Misunderstood("Please write a few words.")
    body = f"{args['service']}/{args['urgency']}/{args['question']}"
    buttons = {"✅": "accept C-7F3K", "❌": "decline C-7F3K"}
    await ctx.reply(Message("consult.page", verbatim(body), buttons=buttons))


async def accept(ctx: Context, args: Args) -> None:
    await ctx.reply(Message("consult.state", verbatim(f"{ctx.sender} accepts {args.get('id')}")))


async def nobody(_ctx: Context) -> bool:
    return False


async def vouch(ctx: Context, args: Args) -> None:
    await ctx.reply(Message("vouched", verbatim(args["who"])))


async def echo_rule(ctx: Context, event: Mapping[str, object]) -> bool:
    if ctx.said.text != "rule me":
        return False
    await ctx.reply(Message("rule", verbatim("ruled")))
    return True


SERVICE = Choice({"cardiology": ("kardiologie",), "neurology": ()})
URGENCY = Choice({"stat": ("notfall",), "urgent": ("dringend",), "routine": ()})
FEATURE = Capability(
    "feature",
    commands=(
        Command(
            "consult",
            "Ask the colleague on call",
            consult,
            args=(
                Arg("service", SERVICE, "Which service?"),
                Arg("urgency", URGENCY, "How urgent?"),
                Arg("question", Text(200), "What do you want to ask?", rest=True),
            ),
            synonyms=("konsil",),
        ),
        Command("accept", "Take it", accept, args=(Arg("id", Text(20), "Which?"),), synonyms=("annehmen",)),
        Command("decline", "Leave it", accept, args=(Arg("id", Text(20), "Which?"),), synonyms=("ablehnen",)),
        Command("vouch", "Vouch for somebody", vouch, args=(Arg("who", UserId(), "For whom?"),)),
        Command("purge", "Only for moderators", accept, may=nobody),
        Command("checkin", "How are you?", accept, bots=("support",)),
    ),
    events=(echo_rule,),
)


class Rooms:
    """The rooms of this test, by id."""

    async def facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        if room == DIRECT:
            return RoomFacts(room, True, (BOT, ANNA), True)
        return RoomFacts(room, True, (BOT, SUPPORT, ANNA, BEN), False) if room == WARD else None


@dataclass
class Stage:
    """A house, and people who say things to it."""

    database: Database
    clock: ManualClock
    house: House
    dispatcher: Dispatcher = field(init=False)
    events: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.dispatcher = Dispatcher(self.house, [CHAT, FEATURE])

    async def event(
        self, event: Any, *, room: str = DIRECT, bot: str = "curbside", decrypted: bool = True
    ) -> list[Any]:
        """Hand in an event; returns the contents of the messages it led to, as a reader would see them."""
        payload = {"room_id": room, "event": event, "encrypted": True, "decrypted": decrypted}
        entry = InboxEntry("1", bot, "matrix.event", "$s", f"{bot} {room}", payload, 0, self.clock.now())
        async with self.database.begin() as tx:
            await self.dispatcher.handle(tx, entry)
        return await self.sent()

    async def fail(self, event: Any, *, room: str = DIRECT) -> list[Any]:
        payload = {"room_id": room, "event": event, "encrypted": True, "decrypted": True}
        entry = InboxEntry(
            "1", "curbside", "matrix.event", "$s", f"curbside {room}", payload, 9, self.clock.now()
        )
        async with self.database.begin() as tx:
            await self.dispatcher.failed(tx, entry)
        return await self.sent()

    async def sent(self) -> list[Any]:
        """Deliver what waits in the outbox; returns its messages."""
        contents = []
        async with self.database.begin() as tx:
            rows = (
                await tx.conn.execute(
                    select(outbox.outbox_rows).where(outbox.outbox_rows.c.state == "pending")
                )
            ).all()
            for row in sorted(rows, key=lambda row: row.id):
                body = tx.open(outbox.outbox_rows.c.body, row.id, row.body)
                if body["type"] == "m.room.message":
                    contents.append({**body["content"], "event_id": f"${row.id}"})
                await outbox.mark_sent(tx, row.id, event_id=f"${row.id}", room_id=row.room)
        return contents

    async def say(
        self, text: Any, *, sender: str = ANNA, room: str = DIRECT, bot: str = "curbside", **content: Any
    ) -> list[Any]:
        """Somebody sends a text message."""
        return await self.event(self.message(text, sender=sender, **content), room=room, bot=bot)

    def message(self, text: Any, *, sender: str = ANNA, **content: Any) -> dict[str, Any]:
        self.events += 1
        return {
            "type": "m.room.message",
            "event_id": f"$said{self.events}",
            "sender": sender,
            "origin_server_ts": 1,
            "content": {"msgtype": "m.text", "body": text, **content},
        }

    async def react(self, event_id: str, emoji: str, *, sender: str = ANNA, room: str = DIRECT) -> list[Any]:
        """Somebody reacts to a message."""
        self.events += 1
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": emoji}
        event = {
            "type": "m.reaction",
            "event_id": f"$reaction{self.events}",
            "sender": sender,
            "content": {"m.relates_to": relation},
        }
        return await self.event(event, room=room)

    async def audit(self) -> list[tuple[str, str, str]]:
        async with self.database.read() as tx:
            rows = await tx.conn.execute(select(audit_lines).order_by(audit_lines.c.seq))
            return [(row.actor, row.action, row.subject) for row in rows]


def texts(contents: list[Any]) -> list[str]:
    return [content["body"] for content in contents]


def reply_to(event_id: str) -> dict[str, Any]:
    return {"m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}


def in_thread(event_id: str) -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": "m.thread", "event_id": event_id}}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    clock = ManualClock(START)
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'chat.db'}", clock, KeyRing([b"k" * 32]))
    async with database.engine.begin() as conn:
        await conn.run_sync(metadata.create_all)
        await conn.execute(insert(audit_head).values(id=1, seq=0, mac=GENESIS))
    secret = Path("unused")
    conf = Settings(
        hospital="North Hospital",
        homeserver="http://127.0.0.1:1",
        server_name="north.example",
        bots={
            "curbside": BotSettings(user_id=BOT, token_file=secret),
            "support": BotSettings(user_id=SUPPORT, token_file=secret, display_name="Peer Support"),
        },
        limits=LimitSettings(commands_per_minute=5),
    )
    assert CHAT.locale is not None
    house = House(conf, Texts([CHAT.locale]), Rooms(), {"curbside": BOT, "support": SUPPORT})
    yield Stage(database, clock, house)
    await database.close()


async def test_ping_goes_the_whole_way(stage: Stage) -> None:
    (pong,) = await stage.say("!ping 7")
    assert (pong["body"], pong["msgtype"], pong["org.curbside"]["kind"]) == ("pong 7", "m.notice", "pong")
    assert texts(await stage.say("!ping")) == ["pong"]
    assert texts(await stage.say("!curbside ping  a  b\nc ")) == ["pong a  b\nc"]
    (pong,) = await stage.say("!ping 1", room=WARD, **in_thread("$root"))
    assert pong["m.relates_to"]["event_id"] == "$root"
    assert await stage.audit() == [(ANNA, "command", "ping")] * 4


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
    edit = {
        "m.new_content": {"msgtype": "m.text", "body": "!ping 1"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": typo},
    }
    assert await stage.say("* !ping 1", sender=BEN, **edit) == []
    assert texts(await stage.say("* !ping 1", **edit)) == ["pong 1"]
    assert await stage.say("* !ping 1", **edit) == []
    await stage.say("!ping 2")
    edit["m.relates_to"] = {"rel_type": "m.replace", "event_id": f"$said{stage.events}"}
    assert await stage.say("* !ping 3", **edit) == []


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
    assert texts(left) == ["Left: nothing was done. !consult starts again."]
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
    assert await stage.say("cardiology", room=WARD, sender=BEN, **in_thread(root)) == []
    (question,) = await stage.say("cardiology", room=WARD, **in_thread(root))
    (question,) = await stage.say("urgent", room=WARD, **reply_to(question["event_id"]))
    assert question["m.relates_to"]["event_id"] == root
    (page,) = await stage.say("chest pain", room=WARD, **in_thread(root))
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
    assert texts(await stage.say(word, **reply_to(page["event_id"]))) == [f"{ANNA} accepts C-7F3K"]


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
    assert await stage.say("!ping", msgtype="m.notice") == []
    assert await stage.say("!ping", **{"org.curbside": {"v": 1}}) == []


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
    assert texts(await stage.say("!vouch Ben Berg", **pill)) == [BEN]
    (question,) = texts(await stage.say("!vouch bne", room=WARD))
    assert f"Did you mean {BEN}?" in question


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
    assert "09:04" in texts(await stage.say("!einstellungen"))[-1]


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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
