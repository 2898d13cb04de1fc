"""Who may be in a declared room, and what follows from a membership event: the whole table."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.directory.standing import Level, Standing
from bot.rooms.admission.rules import (
    ADMITTED,
    Act,
    Decision,
    Presence,
    Reason,
    Step,
    decide,
    on_change,
    on_membership,
    spaces_of,
    sweep,
)
from bot.rooms.model import DeclaredRoom

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ROOM = DeclaredRoom("cardiology", "Cardiology", level=Level.L2)


def somebody(
    level: Level = Level.L2,
    *,
    until: datetime | None = None,
    had: Level | None = None,
    hospital: str = "listed",
    user: str = "@anna:north.example",
) -> Standing:
    return Standing(user, level, until, had if had is not None else level, hospital)


@pytest.mark.parametrize(
    ("room", "who", "barred", "reason", "step"),
    [
        (ROOM, somebody(), None, None, Step.NOTHING),
        (ROOM, somebody(Level.L4), None, None, Step.NOTHING),
        (ROOM, somebody(Level.L1), None, Reason.LEVEL, Step.VERIFY),
        (ROOM, somebody(Level.L0, had=Level.L1), None, Reason.LEVEL, Step.VERIFY),
        (ROOM, somebody(Level.L0, had=Level.L2), None, Reason.EXPIRED, Step.RENEW),
        (ROOM, somebody(until=NOW), None, Reason.EXPIRED, Step.RENEW),
        (ROOM, somebody(until=NOW + timedelta(seconds=1)), None, None, Step.NOTHING),
        (ROOM, somebody(hospital="suspended"), None, Reason.SUSPENDED, Step.ASK_HOSPITAL),
        (ROOM, somebody(Level.L4, hospital="unknown"), None, Reason.UNKNOWN, Step.ASK_HOSPITAL),
        (ROOM, somebody(hospital="ours"), None, None, Step.NOTHING),
        (ROOM, somebody(Level.L4), "banned", Reason.BARRED, Step.ASK_MODERATORS),
        # Who is barred learns nothing of levels or hospitals.
        (ROOM, somebody(Level.L0, hospital="unknown"), "policy-list", Reason.BARRED, Step.ASK_MODERATORS),
        # An open room asks for nobody's level, but for their hospital.
        (DeclaredRoom("lobby", "Lobby", level=Level.L0), somebody(Level.L0), None, None, Step.NOTHING),
        (
            DeclaredRoom("lobby", "Lobby", level=Level.L0),
            somebody(Level.L0, hospital="suspended"),
            None,
            Reason.SUSPENDED,
            Step.ASK_HOSPITAL,
        ),
        (
            DeclaredRoom("a", "A", servers=frozenset({"south.example"})),
            somebody(),
            None,
            Reason.ELSEWHERE,
            Step.NOTHING,
        ),
        (DeclaredRoom("a", "A", servers=frozenset({"north.example"})), somebody(), None, None, Step.NOTHING),
        (DeclaredRoom("a", "A", archived=True), somebody(), None, Reason.ARCHIVED, Step.NOTHING),
        (DeclaredRoom("a", "A", archived=True), somebody(Level.L0), None, Reason.LEVEL, Step.VERIFY),
    ],
)
def test_decide(
    room: DeclaredRoom, who: Standing, barred: str | None, reason: Reason | None, step: Step
) -> None:
    decided = decide(room, who, barred, NOW)
    assert (decided.reason, decided.step) == (reason, step)
    assert decided.admitted == (reason is None)
    assert decided.stays == (reason in (None, Reason.ARCHIVED))
    assert decided.passing == (reason in (Reason.LEVEL, Reason.EXPIRED, Reason.SUSPENDED))
    assert decided.missing == (room.level if reason in (Reason.LEVEL, Reason.EXPIRED) else None)


levels = st.sampled_from(list(Level))


@given(levels, levels, levels, st.sampled_from(["ours", "listed", "suspended", "unknown"]), st.booleans())
def test_nobody_is_admitted_below_the_level_or_from_elsewhere(
    asked: Level, has: Level, had: Level, hospital: str, barred: bool
) -> None:
    room = DeclaredRoom("r", "R", level=asked)
    who = somebody(has, had=max(has, had), hospital=hospital)
    decided = decide(room, who, "banned" if barred else None, NOW)
    assert decided.admitted == (has >= asked and hospital in ("ours", "listed") and not barred)


REFUSED = Decision(Reason.LEVEL, Level.L2)


@pytest.mark.parametrize(
    ("now_is", "decided", "exempt", "act"),
    [
        ("knock", ADMITTED, False, Act.INVITE),
        ("knock", REFUSED, False, Act.REJECT),
        ("knock", REFUSED, True, Act.INVITE),
        ("join", ADMITTED, False, Act.WELCOME),
        ("join", REFUSED, False, Act.REMOVE),
        ("join", REFUSED, True, Act.WELCOME),
        ("invite", ADMITTED, False, Act.NOTHING),
        ("invite", REFUSED, False, Act.RESCIND),
        ("invite", REFUSED, True, Act.NOTHING),
        ("leave", REFUSED, False, Act.FORGET),
        ("ban", ADMITTED, False, Act.FORGET),
        ("something", REFUSED, False, Act.NOTHING),
    ],
)
def test_on_membership(now_is: str, decided: Decision, exempt: bool, act: Act) -> None:
    assert on_membership(now_is, decided, exempt=exempt, by_us=False) is act


def test_our_own_invitation_is_not_taken_back_by_ourselves() -> None:
    assert on_membership("invite", REFUSED, exempt=False, by_us=True) is Act.NOTHING


@pytest.mark.parametrize(
    ("membership", "decided", "act"),
    [
        ("join", ADMITTED, Act.NOTHING),
        ("join", REFUSED, Act.REMOVE),
        ("join", Decision(Reason.BARRED), Act.REMOVE),
        ("join", Decision(Reason.ARCHIVED), Act.NOTHING),
        ("invite", REFUSED, Act.RESCIND),
        ("invite", Decision(Reason.SUSPENDED), Act.RESCIND),
        ("knock", ADMITTED, Act.INVITE),
        ("knock", REFUSED, Act.REJECT),
        ("knock", Decision(Reason.ARCHIVED), Act.REJECT),
    ],
)
def test_on_change(membership: str, decided: Decision, act: Act) -> None:
    assert on_change(membership, decided) is act


def test_sweep_finds_everybody_who_has_to_go_and_passes_over_who_has_no_standing() -> None:
    rooms = {
        "low": DeclaredRoom("low", "Low", level=Level.L1),
        "high": DeclaredRoom("high", "High", level=Level.L3),
    }
    people = {"@l2:h": somebody(Level.L2, user="@l2:h"), "@l3:h": somebody(Level.L3, user="@l3:h")}
    present = [
        Presence(key, user, membership)
        for key, user, membership in product(rooms, [*people, "@bot:h"], ["join", "invite", "knock"])
    ]
    present.append(Presence("gone", "@l2:h", "join"))
    due = {
        (one.presence.key, one.presence.user_id, one.presence.membership): one.act
        for one in sweep(rooms, present, people, {("@l3:h", "low"): "banned"}, NOW)
    }
    assert due == {
        ("low", "@l2:h", "knock"): Act.INVITE,
        ("high", "@l3:h", "knock"): Act.INVITE,
        ("high", "@l2:h", "join"): Act.REMOVE,
        ("high", "@l2:h", "invite"): Act.RESCIND,
        ("low", "@l3:h", "join"): Act.REMOVE,
        ("low", "@l3:h", "invite"): Act.RESCIND,
        ("high", "@l2:h", "knock"): Act.REJECT,
        ("low", "@l3:h", "knock"): Act.REJECT,
    }


def test_spaces_of_a_room_from_the_nearest_and_never_in_circles() -> None:
    rooms = {
        "icu": DeclaredRoom("icu", "ICU", parent="acute"),
        "acute": DeclaredRoom("acute", "Acute", space=True, parent="medicine"),
        "medicine": DeclaredRoom("medicine", "Medicine", space=True, parent="acute"),
        "lost": DeclaredRoom("lost", "Lost", parent="nowhere"),
    }
    assert [space.key for space in spaces_of(rooms, "icu")] == ["acute", "medicine"]
    assert spaces_of(rooms, "lost") == []
    assert spaces_of(rooms, "nothing") == []
