"""What moderation allows, proposes, and takes for spam or a raid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rooms.moderation import rules
from bot.rooms.moderation.model import EVERYWHERE, SYSTEM, Action, Kind, Plan, Spoken
from bot.rooms.moderation.people import named

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
KEY = b"k" * 32
BOTS, MODERATORS = {"@bot:hs"}, {"@mira:hs", "@otto:hs"}
POEM = (
    "The ward is quiet and the monitors sing, the night is long and the coffee is thin, "
    "we count the drips and the telephones ring"
)


def action(kind: Kind = Kind.WARN, *, days: float = 0, **values: object) -> Action:
    fields = {"by": "@mira:hs", "who": "@eve:hs", "scope": "cardiology", **values}
    return Action("M-0001", kind, at=NOW - timedelta(days=days), **fields)  # type: ignore[arg-type]


def said(text: str, *, room: str = "!a:hs", ago: float = 0, mentions: int = 0) -> Spoken:
    return rules.spoken(text, mentions, room, NOW - timedelta(seconds=ago), KEY)


@pytest.mark.parametrize(
    ("word", "length"),
    [
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("1W", timedelta(weeks=1)),
        ("2std", timedelta(hours=2)),
        ("90s", timedelta(seconds=90)),
        ("0m", None),
        ("m", None),
        ("2", None),
        ("99999d", None),
        ("2h30", None),
    ],
)
def test_lengths_as_typed_on_a_phone(word: str, length: timedelta | None) -> None:
    assert rules.read_length(word) == length


@pytest.mark.parametrize(
    ("who", "moderators", "code"),
    [
        ("@eve:hs", MODERATORS, None),
        ("@mira:hs", MODERATORS, "self"),
        ("@bot:hs", MODERATORS, "bot"),
        ("@otto:hs", {*MODERATORS, "@ida:hs"}, "needs-two"),
        ("@otto:hs", MODERATORS, "too-few"),
    ],
)
def test_whom_nobody_may_act_on_alone(who: str, moderators: set[str], code: str | None) -> None:
    plan = Plan(Kind.BAN, who)
    assert rules.refusal(plan, "@mira:hs", bots=BOTS, moderators=moderators) == code
    assert rules.refusal(Plan(Kind.NOTE, who), "@mira:hs", bots=BOTS, moderators=moderators) is None
    assert rules.refusal(Plan(Kind.LOCK), "@mira:hs", bots=BOTS, moderators=moderators) is None


@pytest.mark.parametrize(
    ("plan", "said_where", "asks"),
    [
        (Plan(Kind.BAN, "@eve:hs", EVERYWHERE), True, True),
        (Plan(Kind.BAN, "@eve:hs", "cardiology"), True, False),
        (Plan(Kind.MUTE, "@eve:hs", EVERYWHERE), True, False),
        (Plan(Kind.MUTE, "@eve:hs", EVERYWHERE), False, True),
        (Plan(Kind.WARN, "@eve:hs", EVERYWHERE), False, False),
        (Plan(Kind.REDACT, "@eve:hs", count=5), True, False),
        (Plan(Kind.REDACT, "@eve:hs", count=6), True, True),
        (Plan(Kind.LOCK), False, True),
    ],
)
def test_what_is_shown_first(plan: Plan, said_where: bool, asks: bool) -> None:
    assert rules.asks_first(plan, said_where=said_where) is asks


def test_strikes_count_until_they_are_old_or_taken_back() -> None:
    kept = [
        action(),
        action(Kind.MUTE, days=89, ended=NOW, ended_by=SYSTEM),  # it ran its time
        action(Kind.BAN, days=1),
        action(days=91),
        action(Kind.KICK),
        action(ended=NOW, ended_by="@otto:hs"),
        action(Kind.MUTE, by=SYSTEM),  # the bot's own mutes are no verdict
    ]
    assert rules.strikes(kept, NOW, 90) == 3


def test_the_next_step_grows() -> None:
    assert rules.next_step(2, 3) is None
    assert rules.next_step(3, 3) == rules.NextStep(Kind.MUTE, timedelta(days=1))
    assert rules.next_step(4, 3) == rules.NextStep(Kind.BAN, timedelta(days=7))
    assert rules.next_step(9, 3) == rules.NextStep(Kind.BAN, None)
    assert rules.next_step(9, 0) is None
    mute, ban = rules.NextStep(Kind.MUTE, timedelta(days=1)), rules.NextStep(Kind.BAN, None)
    assert rules.goes_further(mute, action(Kind.WARN))
    assert not rules.goes_further(mute, action(Kind.MUTE, until=NOW))
    assert not rules.goes_further(ban, action(Kind.BAN))
    assert rules.goes_further(ban, action(Kind.BAN, until=NOW))


def test_who_cries_wolf_is_not_passed_on() -> None:
    assert rules.may_report(0, [], 6)
    assert not rules.may_report(6, [], 6)
    assert rules.may_report(1, ["fine", "fine"], 6)
    assert not rules.may_report(1, [None, "fine", "fine", "fine", "warn"], 6)
    assert rules.may_report(1, ["fine", "warn", "fine", "fine"], 6)


def test_an_appeal_goes_to_somebody_else_if_there_is_somebody() -> None:
    assert rules.may_decide("@otto:hs", "@mira:hs", MODERATORS)
    assert not rules.may_decide("@mira:hs", "@mira:hs", MODERATORS)
    assert rules.may_decide("@mira:hs", "@mira:hs", {"@mira:hs"})
    assert rules.may_decide("@mira:hs", SYSTEM, MODERATORS)


def test_a_rush_is_of_a_room_or_of_a_server() -> None:
    assert not rules.rushes(19, 0, room_limit=20, server_limit=60)
    assert rules.rushes(20, 0, room_limit=20, server_limit=60)
    assert rules.rushes(1, 60, room_limit=20, server_limit=60)
    assert not rules.rushes(500, 500, room_limit=0, server_limit=0)


def test_what_is_kept_of_a_message_holds_no_word() -> None:
    kept = said(POEM)
    assert kept.digest is not None
    assert len(kept.prints) == 8
    assert not any(word in "".join((kept.digest, *kept.prints)) for word in ("ward", "coffee"))
    assert rules.spoken(POEM, 0, "!a:hs", NOW, b"other").digest != kept.digest
    assert said("thanks a lot").digest is not None
    assert said("thanks").digest is None
    assert said(POEM.upper() + "!!!").digest == kept.digest


def test_near_same_texts_are_alike_and_others_are_not() -> None:
    assert rules.alike(said(POEM), said(POEM + " 7"))
    assert rules.alike(said(POEM), said("hi " + POEM))
    other = "Does anybody have experience with apixaban in severe renal failure on dialysis, and which dose"
    assert not rules.alike(said(POEM), said(other))
    assert not rules.alike(said("ok"), said("ok"))


def judge(message: Spoken, before: list[Spoken], *, newcomer: bool = False, chorus: int = 0) -> str | None:
    return rules.spam(message, before, newcomer=newcomer, chorus=chorus, limits=rules.SpamLimits())


def test_spam_is_told_by_copies_repeats_floods_mentions_links_and_choruses() -> None:
    text = "Buy the new stethoscope now at half the price"
    elsewhere = [said(text, room="!b:hs", ago=20), said(text + " !", room="!c:hs", ago=40)]
    assert judge(said(text), elsewhere) == "copies"
    assert judge(said(text), elsewhere[:1]) is None
    assert judge(said(text), [said(text, ago=60 * number) for number in range(1, 4)]) == "repeats"
    flood = [said(f"message number {number} of mine", ago=number) for number in range(1, 8)]
    assert judge(said("and one more for you all"), flood) == "flood"
    assert judge(said("and one more for you all"), flood[:3]) is None
    assert judge(said("and one more for you all"), flood[:3], newcomer=True) == "flood"
    assert judge(said("dear all, look here please", mentions=10), []) == "mentions"
    links = "https://a.example https://b.example www.c.example all of them good"
    assert judge(said(links), []) is None
    assert judge(said(links), [], newcomer=True) == "links"
    assert judge(said(text), [], newcomer=True, chorus=5) == "chorus"
    assert judge(said(text), [], newcomer=False, chorus=5) is None


def test_an_ordinary_conversation_is_no_spam() -> None:
    talk = ["Good morning everybody", "I have a question about AF", "Thank you, that helps a lot", "See you"]
    before: list[Spoken] = []
    for number, text in enumerate(talk):
        message = said(text, ago=100 - 15 * number)
        assert judge(message, before, newcomer=True) is None
        before.insert(0, message)


@given(st.text(max_size=500), st.integers(0, 50))
def test_any_text_can_be_kept(text: str, mentions: int) -> None:
    kept = rules.spoken(text, mentions, "!a:hs", NOW, KEY)
    assert kept.digest is None or len(kept.digest) == 16
    assert rules.alike(kept, kept) == (kept.digest is not None)


def test_slow_mode_counts_from_the_last_message() -> None:
    last = NOW - timedelta(seconds=10)
    assert rules.too_soon(last, NOW, 30) == timedelta(seconds=20)
    assert rules.too_soon(last, NOW, 10) is None
    assert rules.too_soon(None, NOW, 30) is None
    assert rules.too_soon(last, NOW, 0) is None


def test_people_are_found_by_a_name_that_only_they_have() -> None:
    people = {
        "@eve:hs": "Dr Eve Stone", "@eva:hs": "Dr Eva Stone", "@m.kurz:hs": "Dr Max Kürz", "@x:hs": "@x:hs",
    }  # fmt: skip
    assert named("eve", people) == ["@eve:hs"]
    assert named("Eve", people) == ["@eve:hs"]
    assert named("Stone", people) == ["@eva:hs", "@eve:hs"]
    assert named("kuerz", people) == ["@m.kurz:hs"]
    assert named("Dr Eva Stone", people) == ["@eva:hs"]
    assert named("nobody", people) == []
    assert named("!!", people) == []
