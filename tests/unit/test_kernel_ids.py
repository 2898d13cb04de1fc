"""Ids sort by the order in which they were made, whatever the clock does."""

import itertools
import re
import threading
from datetime import UTC, datetime, timedelta

from bot.kernel.ids import id_of_day, new_id, short_id

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def test_ids_rise_in_one_millisecond_and_over_many() -> None:
    ids = [new_id(NOW + timedelta(microseconds=number * 50)) for number in range(100_000)]
    assert all(before < after for before, after in itertools.pairwise(ids))
    assert {len(one) for one in ids} == {26}
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", ids[0])


def test_ids_rise_when_the_clock_is_set_back() -> None:
    first = new_id(NOW + timedelta(hours=1))
    assert new_id(NOW - timedelta(days=365)) > first
    assert new_id(NOW + timedelta(hours=2)) > first


def test_threads_get_ids_of_their_own_in_rising_order() -> None:
    made: list[list[str]] = [[] for _ in range(4)]
    start = threading.Barrier(4)

    def make(own: list[str]) -> None:
        start.wait(5)
        own.extend(new_id(NOW) for _ in range(5000))

    threads = [threading.Thread(target=make, args=(own,)) for own in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({one for own in made for one in own}) == 20_000
    assert all(own == sorted(own) for own in made)


def test_an_id_tells_its_millisecond_and_sorts_after_all_before() -> None:
    early, late = new_id(NOW + timedelta(days=1)), new_id(NOW + timedelta(days=1, milliseconds=1))
    assert early < late
    assert new_id(NOW + timedelta(days=400))[:10] != early[:10]


def test_short_ids_hold_no_letter_that_is_misread() -> None:
    made = {short_id("C") for _ in range(2000)}
    assert all(re.fullmatch(r"C-[0-9A-HJKMNP-TV-Z]{4}", one) for one in made)
    assert len(made) > 1900
    assert re.fullmatch(r"D-.{6}", short_id("D", 6))


def test_an_id_of_a_day_tells_the_day_alone() -> None:
    day = NOW.replace(hour=0, minute=0)
    least, most = new_id_at(day), new_id_at(day + timedelta(days=1))
    made = {id_of_day(NOW)[:10] for _ in range(200)}
    assert len(made) > 190 and all(least <= one < most for one in made)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", id_of_day(NOW))


def new_id_at(moment: datetime) -> str:
    """The part of an id that tells its moment."""
    value, found = int(moment.timestamp() * 1000), ""
    for _ in range(10):
        value, digit = divmod(value, 32)
        found = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[digit] + found
    return found
