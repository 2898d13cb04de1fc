"""What is allowed, what follows from it, and what looks like spam or a raid. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from bot.rooms.moderation.model import EVERYWHERE, STRIKES, SYSTEM, Action, Kind, Plan, Spoken

LONGEST = timedelta(days=3650)
MOST_REDACTED = 200
MOST_SECONDS = 3600  # of slow mode
UNASKED_REDACTIONS = 5  # more messages than this are removed only after a ✅

_LENGTH = re.compile(r"(\d{1,5})(s|sec|sek|m|min|h|std|d|t|w)")
_UNITS = {
    "s": 1, "sec": 1, "sek": 1, "m": 60, "min": 60, "h": 3600, "std": 3600, "d": 86400, "t": 86400,
    "w": 604800,
}  # fmt: skip


# What moderators ask for -------------------------------------------------------------------------


def read_length(word: str) -> timedelta | None:
    """A length of time as people write it on a phone (`30m`, `2h`, `7d`, `1w`); None if it is none."""
    match = _LENGTH.fullmatch(word.strip().lower())
    if match is None:
        return None
    length = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    return length if timedelta(0) < length <= LONGEST else None


def refusal(plan: Plan, by: str, *, bots: Collection[str], moderators: Collection[str]) -> str | None:
    """Why a moderator may not do this alone, as a code; None if they may.

    `self`: nobody acts on themselves. `bot`: nor on a bot. `needs-two`: on another moderator only two
    together, and `too-few` when there is no second one to ask.
    """
    if plan.who is None or plan.kind is Kind.NOTE:
        return None
    if plan.who == by:
        return "self"
    if plan.who in bots:
        return "bot"
    if plan.who in moderators:
        others = set(moderators) - {by, plan.who}
        return "needs-two" if others else "too-few"
    return None


def asks_first(plan: Plan, *, said_where: bool) -> bool:
    """Whether to show what will happen and wait for a ✅: what is far-reaching, or was not said in words."""
    if plan.kind is Kind.REDACT:
        return plan.count > UNASKED_REDACTIONS or not said_where
    if plan.kind in (Kind.WARN, Kind.NOTE):
        return False
    if plan.kind is Kind.BAN and plan.scope == EVERYWHERE:
        return True
    return not said_where


def strikes(actions: Iterable[Action], now: datetime, days: int) -> int:
    """How many strikes count against somebody: not undone, and not older than `days`."""
    since = now - timedelta(days=days)
    return sum(
        1
        for one in actions
        if one.kind in STRIKES and one.by != SYSTEM and one.at > since and one.ended_by in (None, SYSTEM)
    )


@dataclass(frozen=True)
class NextStep:
    """What may be proposed when somebody has many strikes."""

    kind: Kind
    length: timedelta | None


def next_step(count: int, limit: int) -> NextStep | None:
    """The next step after `count` strikes: a day's silence, a week's ban, a ban; never taken by itself."""
    if limit <= 0 or count < limit:
        return None
    if count == limit:
        return NextStep(Kind.MUTE, timedelta(days=1))
    return NextStep(Kind.BAN, timedelta(days=7) if count == limit + 1 else None)


_WEIGHT = {Kind.WARN: 0, Kind.MUTE: 1, Kind.KICK: 1, Kind.BAN: 2}


def goes_further(step: NextStep, action: Action) -> bool:
    """Whether a next step is more than what was just done."""
    before, after = _WEIGHT[action.kind], _WEIGHT[step.kind]
    return after > before or (after == before and step.length is None and action.until is not None)


def may_report(in_the_last_hour: int, verdicts: Sequence[str | None], limit: int) -> bool:
    """Whether a report is shown: not when somebody reports without end, or three times running for nothing.

    `verdicts` are those on the reporter's reports, newest first; None for one that nobody has looked at.
    """
    settled = [verdict for verdict in verdicts if verdict is not None][:3]
    return in_the_last_hour < limit and not (len(settled) == 3 and set(settled) == {"fine"})


def may_decide(moderator: str, by: str, moderators: Collection[str]) -> bool:
    """Whether a moderator may decide an appeal: not against their own action, if there is another."""
    return moderator != by or not set(moderators) - {by}


# Rushes ------------------------------------------------------------------------------------------


def rushes(here: int, theirs: int, *, room_limit: int, server_limit: int) -> bool:
    """Whether so many arrivals within the window are a rush; a limit of 0 is none."""
    return bool((room_limit and here >= room_limit) or (server_limit and theirs >= server_limit))


# Spam --------------------------------------------------------------------------------------------

_WORDS = re.compile(r"\w+")
_LINK = re.compile(r"(?:https?://|www\.)\S", re.IGNORECASE)
_PRINTS = 8
_NEAR = 5  # of 8 prints alike: about two thirds of two texts' three-word runs are the same
_SHORT = 12  # letters: "thanks" in three rooms is no spam
WINDOW = timedelta(minutes=10)
CHORUS_WINDOW = timedelta(minutes=2)


@dataclass(frozen=True)
class SpamLimits:
    """From what on something is spam: `rooms` with the same text, `flood` messages in ten seconds,
    `mentions` in a message, `links` of a newcomer in a message, `chorus` newcomers with one text."""

    rooms: int = 3
    flood: int = 8
    mentions: int = 10
    links: int = 3
    chorus: int = 5


def spoken(text: str | None, mentions: int, room_id: str, at: datetime, key: bytes) -> Spoken:
    """What is kept of a message: keyed hashes and numbers, never a word.

    Near-same texts are found by the smallest of eight keyed hashes over their runs of three words
    (Broder 1997, "On the resemblance and containment of documents").
    """
    if not text:
        return Spoken(room_id, at, mentions=mentions)
    plain = unicodedata.normalize("NFKC", text[:4000]).casefold()
    words = _WORDS.findall(plain)[:400]
    links = len(_LINK.findall(text[:4000]))
    bare = " ".join(words)
    if len(bare) < _SHORT:
        return Spoken(room_id, at, mentions=mentions, links=links)
    runs = {" ".join(words[start : start + 3]) for start in range(max(1, len(words) - 2))}
    hashed = [blake2b(run.encode("utf-8", "replace"), key=key[:64], digest_size=32).digest() for run in runs]
    prints = tuple(min(one[4 * part : 4 * part + 4] for one in hashed).hex() for part in range(_PRINTS))
    digest = blake2b(bare.encode("utf-8", "replace"), key=key[:64], digest_size=8).hexdigest()
    return Spoken(room_id, at, digest, prints, links, mentions)


def alike(one: Spoken, other: Spoken) -> bool:
    """Whether two messages have the same, or nearly the same, text."""
    if one.digest is None or other.digest is None:
        return False
    if one.digest == other.digest:
        return True
    return sum(a == b for a, b in zip(one.prints, other.prints, strict=False)) >= _NEAR


def spam(
    message: Spoken, before: Sequence[Spoken], *, newcomer: bool, chorus: int, limits: SpamLimits
) -> str | None:
    """Why a message is spam, as a code; None if it is none.

    `before` are the sender's messages of the last ten minutes, without this one; `chorus` is how many
    newcomers sent its very text within two minutes. Newcomers are granted half as much.
    """
    grant = 2 if newcomer else 1
    if message.mentions >= max(3, limits.mentions // grant):
        return "mentions"
    if newcomer and message.links >= limits.links:
        return "links"
    if newcomer and chorus >= limits.chorus:
        return "chorus"
    same = [one for one in before if alike(message, one)]
    if len({message.room_id, *(one.room_id for one in same)}) >= limits.rooms:
        return "copies"
    if len(same) + 1 >= max(3, limits.rooms + 2 - grant):
        return "repeats"
    recent = [one for one in before if abs(message.at - one.at) <= timedelta(seconds=10)]
    if len(recent) + 1 >= max(4, limits.flood // grant):
        return "flood"
    return None


# Slow mode ---------------------------------------------------------------------------------------


def too_soon(last: datetime | None, now: datetime, seconds: int) -> timedelta | None:
    """How long somebody must still wait before their next message; None if they need not."""
    if last is None or seconds <= 0:
        return None
    left = last + timedelta(seconds=seconds) - now
    return left if left > timedelta(0) else None
