"""What each hospital is allowed at a moment: settings, statements and decisions put together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.directory.hospital.rules import (
    EVERYTHING,
    LISTED,
    REMOVED,
    SHARED,
    SUSPENDED,
    Hospital,
    Policy,
    next_notice,
    policy,
    standing_of,
)
from bot.directory.standing import Level

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
OWN = "north.example"
SOUTH = Hospital(
    "south.example",
    key="k",
    offered=frozenset(SHARED),
    permitted=frozenset({"rooms", "consults"}),
    proves=Level.L2,
    expires=NOW + timedelta(days=30),
)


def at(now: datetime, *hospitals: Hospital, named: frozenset[str] = frozenset({OWN})) -> Policy:
    return policy(OWN, Level.L1, named, hospitals, now)


def test_the_settings_alone() -> None:
    found = at(NOW, named=frozenset({OWN, "west.example"}))
    assert found.servers("invites") == {OWN, "west.example"}
    assert [found.state(one) for one in (OWN, "west.example", "x.example")] == ["ours", "listed", "unknown"]
    assert found.proofs == {OWN: Level.L1}
    assert found.changes is None


def test_a_statement_allows_what_both_sides_allow() -> None:
    found = at(NOW, SOUTH)
    assert found.allowed["south.example"] == {"talk", "rooms", "consults"}
    assert found.servers("invites") == {OWN}
    assert found.proofs["south.example"] is Level.L2
    assert found.changes == SOUTH.expires
    narrow = at(NOW, replace(SOUTH, offered=frozenset({"invites"})))
    assert narrow.allowed["south.example"] == {"talk"}
    assert narrow.state("south.example") == "listed"


def test_a_statement_counts_more_than_the_settings() -> None:
    found = at(NOW, SOUTH, named=frozenset({OWN, "south.example"}))
    assert found.allowed["south.example"] == {"talk", "rooms", "consults"}


def test_who_is_suspended_removed_or_expired_may_do_nothing() -> None:
    named = frozenset({OWN, "south.example"})
    for gone in (
        replace(SOUTH, state=SUSPENDED),
        replace(SOUTH, state=REMOVED),
        replace(SOUTH, expires=NOW),
        Hospital("south.example", state=SUSPENDED),
        Hospital("south.example", state=REMOVED),
    ):
        found = at(NOW, gone, named=named)
        assert found.allowed["south.example"] == frozenset()
        assert found.state("south.example") == "suspended"
        assert "south.example" not in found.proofs
        assert found.changes is None


def test_a_suspension_taken_back_leaves_what_was_before() -> None:
    back = Hospital("south.example")
    assert at(NOW, back, named=frozenset({OWN, "south.example"})).state("south.example") == "listed"
    assert at(NOW, back).state("south.example") == "unknown"


def test_nobody_takes_our_place() -> None:
    ours = at(NOW, replace(SOUTH, server=OWN, state=SUSPENDED))
    assert ours.allowed[OWN] == EVERYTHING
    assert ours.state(OWN) == "ours"


def test_what_is_said_of_an_end_and_when() -> None:
    assert SOUTH.expires is not None
    said, now = [], NOW
    while (notice := next_notice(SOUTH, now)) is not None:
        now, step = notice
        said.append((SOUTH.expires - now, step))
    assert said == [(timedelta(days=14), "14d"), (timedelta(days=1), "1d"), (timedelta(0), "end")]
    assert next_notice(replace(SOUTH, state=SUSPENDED), NOW) is None
    assert next_notice(Hospital("west.example"), NOW) is None
    assert standing_of(SOUTH, SOUTH.expires) == "expired"
    assert standing_of(replace(SOUTH, state=SUSPENDED), SOUTH.expires) == "suspended"


some = st.frozensets(st.sampled_from(SHARED))
hospitals = st.builds(
    Hospital,
    server=st.sampled_from([OWN, "south.example", "west.example"]),
    state=st.sampled_from([LISTED, SUSPENDED, REMOVED]),
    offered=some,
    permitted=some,
    proves=st.sampled_from([Level.L0, Level.L1, Level.L2]),
    expires=st.none() | st.integers(-3, 3).map(lambda days: NOW + timedelta(days=days)),
)


@given(
    st.lists(hospitals, max_size=3, unique_by=lambda one: one.server),
    st.frozensets(st.sampled_from(["south.example", "west.example", "east.example"])),
    st.integers(-72, 72),
)
def test_any_policy_is_sound(known: list[Hospital], named: frozenset[str], hours: int) -> None:
    now = NOW + timedelta(hours=hours)
    found = at(now, *known, named=named | {OWN})
    assert found.changes is None or found.changes > now
    for what in sorted(EVERYTHING):
        assert OWN in found.servers(what)
        assert found.servers(what) <= found.servers("talk")
    for hospital in known:
        if hospital.server != OWN and (hospital.state != LISTED or hospital.expired(now)):
            assert all(hospital.server not in found.servers(what) for what in EVERYTHING)
            assert hospital.server not in found.proofs
    if found.changes is not None:  # nothing changes before
        before = at(found.changes - timedelta(milliseconds=1), *known, named=named | {OWN})
        assert before == found
