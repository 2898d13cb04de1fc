"""In which order second channels are tried, when the next one is, and what an answer by SMS means. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Step(StrEnum):
    """What has become of one channel."""

    NEXT = "next"  # not tried yet
    WAITING = "waiting"  # on its way to the bridge's peer
    TAKEN = "taken"  # the peer has it; a report is to come
    DELIVERED = "delivered"
    SILENT = "silent"  # no word in time; it may still arrive
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


_UNDER_WAY = (Step.WAITING, Step.TAKEN)


@dataclass(frozen=True)
class Try:
    """One channel: how far it is, a content-free reason where it failed, and its message's outbox id."""

    channel: str
    step: Step = Step.NEXT
    reason: str = ""
    out: str = ""


@dataclass(frozen=True)
class Alert:
    """A page of a consult to somebody, by second channels."""

    consult: str
    number: int
    user: str
    tries: tuple[Try, ...]
    stopped: bool = False  # the page has been answered, or is not wanted any more

    @property
    def current(self) -> int:
        """Which channel was tried last; -1: none yet."""
        return max((index for index, one in enumerate(self.tries) if one.step is not Step.NEXT), default=-1)

    @property
    def is_delivered(self) -> bool:
        return any(one.step is Step.DELIVERED for one in self.tries)


# ── what follows ──


@dataclass(frozen=True)
class Send:
    """Send it by this channel, and watch for its report."""

    index: int


@dataclass(frozen=True)
class Withdraw:
    """Take back what has not left yet."""

    index: int


@dataclass(frozen=True)
class Reached:
    """It has arrived, by the word of a channel's peer."""


@dataclass(frozen=True)
class Exhausted:
    """No channel is left."""

    reason: str


Effect = Send | Withdraw | Reached | Exhausted


def begin(alert: Alert) -> tuple[Alert, tuple[Effect, ...]]:
    """Try the first channel that can be tried; those without an address have failed before."""
    return _go_on(alert, "no-address")


def _go_on(alert: Alert, reason: str) -> tuple[Alert, tuple[Effect, ...]]:
    if alert.stopped or alert.is_delivered:
        return alert, ()
    for index, one in enumerate(alert.tries):
        if one.step is Step.NEXT:
            return _put(alert, index, step=Step.WAITING), (Send(index),)
    return alert, (Exhausted(reason),)


def taken(alert: Alert, index: int) -> tuple[Alert, tuple[Effect, ...]]:
    """The peer has it."""
    if alert.tries[index].step is not Step.WAITING:
        return alert, ()
    return _put(alert, index, step=Step.TAKEN), ()


def delivered(alert: Alert, index: int) -> tuple[Alert, tuple[Effect, ...]]:
    """It has arrived; what another channel has not sent yet need not be sent."""
    if alert.tries[index].step is Step.DELIVERED:
        return alert, ()
    first = not alert.is_delivered
    changed = _put(alert, index, step=Step.DELIVERED, reason="")
    effects: list[Effect] = [Reached()] if first else []
    for other, one in enumerate(changed.tries):
        if other != index and one.step is Step.WAITING:
            effects.append(Withdraw(other))
    return changed, tuple(effects)


def failed(alert: Alert, index: int, reason: str) -> tuple[Alert, tuple[Effect, ...]]:
    """It will not arrive by this channel: the next one is tried, unless it is under way by that already."""
    before = alert.tries[index].step
    if before not in (*_UNDER_WAY, Step.SILENT):
        return alert, ()
    changed = _put(alert, index, step=Step.FAILED, reason=reason)
    return _go_on(changed, reason) if before in _UNDER_WAY and index == alert.current else (changed, ())


def overdue(alert: Alert, index: int) -> tuple[Alert, tuple[Effect, ...]]:
    """There is no word of it in time: the next channel is tried.

    What the last channel has not handed over yet stays: it is all there is.
    """
    before = alert.tries[index].step
    if before not in _UNDER_WAY or index != alert.current:
        return alert, ()
    changed, effects = _go_on(_put(alert, index, step=Step.SILENT, reason="no-report"), "no-report")
    is_last = any(isinstance(effect, Exhausted) for effect in effects)
    if before is Step.WAITING and not is_last:
        return changed, (Withdraw(index), *effects)
    return changed, effects


def stop(alert: Alert) -> tuple[Alert, tuple[Effect, ...]]:
    """The page needs no answer any more."""
    if alert.stopped:
        return alert, ()
    open_ = [index for index, one in enumerate(alert.tries) if one.step in (Step.WAITING, Step.SILENT)]
    return replace(alert, stopped=True), tuple(Withdraw(index) for index in open_)


def withdrawn(alert: Alert, index: int) -> Alert:
    """It was taken back before it had left."""
    return _put(alert, index, step=Step.WITHDRAWN)


def _put(alert: Alert, index: int, **changes: object) -> Alert:
    one = replace(alert.tries[index], **changes)  # type: ignore[arg-type]
    return replace(alert, tries=(*alert.tries[:index], one, *alert.tries[index + 1 :]))


# ── answers by SMS ──

_YES = frozenset({"1", "accept", "yes", "y", "ja", "j", "annehmen"})
_NO = frozenset({"2", "decline", "no", "n", "nein", "ablehnen"})
_ID = re.compile(r"(?:c[-\s]?)?([0-9a-z]{4,6})")
_MISREAD = str.maketrans("oil", "011")  # letters that ids do not have, and what people mean by them
_LONGEST_REPLY = 40


@dataclass(frozen=True)
class Reply:
    """An answer to a page: yes or no, and to which consult, if it names one."""

    accepts: bool
    consult: str | None = None


def read_reply(text: str) -> Reply | None:
    """What an answer means; None unless it is one word for yes or no, with at most one id beside it.

    `1`, `Ja.`, `1 7F3K`, `c-7f3k 2`. Anything else changes nothing: `1, but in ten minutes` is not a yes.
    """
    if len(text) > _LONGEST_REPLY:
        return None
    words = [word.strip(".,;:!?\"'()") for word in text.casefold().split()]
    said = [word for word in words if word in _YES or word in _NO]
    rest = " ".join(word for word in words if word and word not in _YES and word not in _NO)
    if len(said) != 1:
        return None
    named = _ID.fullmatch(rest) if rest else None
    if rest and named is None:
        return None
    consult = None if named is None else f"C-{named[1].translate(_MISREAD).upper()}"
    return Reply(said[0] in _YES, consult)


def same_number(one: str, other: str) -> bool:
    """Whether two telephone numbers are the same, however they are written: +49, 0049."""
    return bool(one) and _bare(one) == _bare(other)


def _bare(number: str) -> str:
    return re.sub(r"^(\+|00)", "+", re.sub(r"[\s\-/().]", "", number))


def owner(address: str, addresses: Sequence[tuple[str, str]]) -> str | None:
    """Whose an address is, among pairs of person and address; None if nobody's, or that of several."""
    found = {user for user, known in addresses if same_number(known, address)}
    return found.pop() if len(found) == 1 else None
