"""What evidence is worth, when it ends, and who may vouch for whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.directory.standing import HOLD, VOUCH, Evidence, Level

QUARTER = timedelta(days=91)


# Evidence ----------------------------------------------------------------------------------------


def with_sources(kept: list[Evidence], now: datetime, **sources: Level) -> list[Evidence]:
    """Evidence as kept, with what a source says at this moment in place of what it was last seen to say.

    What a source no longer says stays as withdrawn: it tells what somebody had.
    """
    evidence = [one for one in kept if one.method not in sources]
    seen = {one.method: one for one in kept if one.method in sources}
    for method, level in sources.items():
        last = seen.get(method)
        if last is not None and last.level != level:
            evidence.append(replace(last, withdrawn=last.withdrawn or now))
        if level > Level.L0:
            continues = last is not None and last.withdrawn is None
            evidence.append(Evidence(method, level, last.since if last is not None and continues else now))
    return evidence


def since(kept: Iterable[Evidence], method: str, level: Level, now: datetime) -> datetime:
    """From when new evidence counts: from the beginning of what it renews, if that has not ended."""
    for one in kept:
        if one.method == method and one.level >= level and one.counts(now):
            return one.since
    return now


def supporting(evidence: Iterable[Evidence], level: Level, now: datetime) -> tuple[str, ...]:
    """The methods on which a level rests."""
    return tuple(sorted({one.method for one in evidence if one.counts(now) and one.level == level}))


def next_moment(until: datetime | None, now: datetime, warning: timedelta) -> datetime | None:
    """When to look at a standing again: at the warning of its end while that lies ahead, else at its end."""
    if until is None:
        return None
    return until - warning if until - warning > now else until


def roster_changes(
    levels: Mapping[str, Level], seen: Mapping[str, Evidence], now: datetime
) -> dict[str, Evidence]:
    """What is to be noted when the roster says `levels`, and was last seen to say `seen`."""
    changes = {}
    for user_id, level in levels.items():
        last = seen.get(user_id)
        if last is None or last.withdrawn is not None:
            changes[user_id] = Evidence("roster", level, now)
        elif last.level != level:
            # A fall begins nothing anew: whoever was L4 has been L3 since then.
            changes[user_id] = Evidence("roster", level, last.since if level < last.level else now)
    for user_id, last in seen.items():
        if user_id not in levels and last.withdrawn is None:
            changes[user_id] = replace(last, withdrawn=now)
    return changes


# Vouching ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """Somebody without what others vouch for them: `since` and `until` bound their being at least L3.

    Vouches rest on this alone, so that no two people can hold each other up.
    """

    user_id: str
    hospital: str
    takes_part: bool
    since: datetime | None  # None: they are below L3 now
    until: datetime | None = None

    @property
    def stands(self) -> bool:
        """Whether they are at least L3 by themselves, of a hospital that takes part."""
        return self.takes_part and self.since is not None


def base(user_id: str, hospital: str, state: str, evidence: Iterable[Evidence], now: datetime) -> Base:
    """What somebody is without vouches."""
    known = list(evidence)
    takes_part = state in ("ours", "listed")
    strong = [one for one in known if one.method != VOUCH and one.level >= Level.L3 and one.counts(now)]
    if not strong or any(one.method == HOLD and one.counts(now) for one in known):
        return Base(user_id, hospital, takes_part, None)
    ends = [one.until for one in strong]
    until = None if None in ends else max(end for end in ends if end is not None)
    return Base(user_id, hospital, takes_part, min(one.since for one in strong), until)


@dataclass(frozen=True)
class Worth:
    """What vouches are worth: L4 until a moment (None: no end is set)."""

    until: datetime | None


def vouched_until(
    candidate: Base,
    vouchers: Sequence[Base],
    made: Mapping[str, datetime],
    needed: int,
    validity: timedelta,
    now: datetime,
) -> Worth | None:
    """Until when the vouches for somebody make them L4; None while they are too few.

    They need `needed` people at least L3, each of a hospital other than theirs and than each other's, and
    to be at least L3 themselves. It ends when the first of these no longer holds.
    """
    if not candidate.stands:
        return None
    best: dict[str, datetime] = {}
    for voucher in vouchers:
        end = made[voucher.user_id] + validity
        if voucher.until is not None:
            end = min(end, voucher.until)
        if voucher.stands and voucher.hospital != candidate.hospital and end > now:
            best[voucher.hospital] = max(end, best.get(voucher.hospital, end))
    if len(best) < needed:
        return None
    until = sorted(best.values(), reverse=True)[needed - 1]
    return Worth(until if candidate.until is None else min(until, candidate.until))


def may_vouch(
    voucher: Base,
    candidate: Base,
    live: Iterable[tuple[str, str]],
    this_quarter: int,
    limit: int,
    standing_for: timedelta,
    now: datetime,
) -> str | None:
    """Why somebody may not vouch for somebody, as a short code; None if they may.

    `live` are the vouches that count (voucher, candidate) of everybody concerned, `this_quarter` how many
    this voucher has made in the last quarter, `standing_for` how long they must have been L3.
    """
    edges = set(live)
    if voucher.user_id == candidate.user_id:
        return "self"
    if voucher.since is None or not voucher.takes_part:
        return "level"
    if now - voucher.since < standing_for:
        return "young"
    if voucher.hospital == candidate.hospital:
        return "hospital"
    if not candidate.stands:
        return "candidate"
    if (voucher.user_id, candidate.user_id) in edges:
        return "again"
    if closes_ring(voucher.user_id, candidate.user_id, edges):
        return "ring"
    if this_quarter >= limit:
        return "limit"
    return None


def closes_ring(voucher: str, candidate: str, live: Iterable[tuple[str, str]]) -> bool:
    """Whether a new vouch would close a ring of two or three people."""
    follows: dict[str, set[str]] = {}
    for one, other in live:
        follows.setdefault(one, set()).add(other)
    by_candidate = follows.get(candidate, set())
    return voucher in by_candidate or any(voucher in follows.get(one, ()) for one in by_candidate)
