"""What a bridge is: the whole of what a package outside must know to add one.

A bridge carries short messages to a peer (a gateway, a paging terminal, an archive) and brings back what
comes from there. It imports this module and nothing else of Curbside. A package names a `Maker` under the
entry point `curbside.bridges`; `bridges/conformance.py` tests what it made; docs/bridges.md builds one.

What the host does for every bridge: it starts it, keeps it started, hands it one message at a time for each
addressee, repeats what failed after growing pauses, stops asking a peer that fails again and again until a
single trial succeeds, drops what has become useless, and writes down each attempt before it is made. So a
bridge keeps no state of its own, and its methods may raise: whatever they raise counts as `Retry` with
`unsure`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

# ── what goes out ──


@dataclass(frozen=True)
class Outbound:
    """One message: `id` is the same in every attempt, and a peer that can should be given it.

    `address` is in the peer's own form (a telephone number, a pager's id). After `until`, an aware datetime,
    it is of no use any more.
    """

    id: str
    address: str
    text: str
    until: datetime | None = None


@dataclass(frozen=True)
class Delivered:
    """The peer has taken it. `final`: there will be no `Report`; this is all that can be known."""

    final: bool = True


@dataclass(frozen=True)
class Retry:
    """The peer cannot take it now; `after` seconds say when to try again (0: as the host sees fit).

    `reason` is a short code without content. `unsure`: the peer may have taken it all the same (the
    connection broke after the message had left); the host then asks `Inquirer.find` before it tries again.
    """

    after: float = 0.0
    reason: str = "unreachable"
    unsure: bool = False


@dataclass(frozen=True)
class Rejected:
    """The peer will never take this message; `reason` is a short code without content."""

    reason: str


@dataclass(frozen=True)
class Missing:
    """The peer surely does not have it: it may be delivered again."""


Outcome = Delivered | Retry | Rejected
IN_DOUBT = "in-doubt"


# ── what comes in ──


@dataclass(frozen=True)
class Inbound:
    """Something said by somebody at `address`; `id` is the peer's own, the same whenever it is repeated."""

    id: str
    address: str
    text: str


class Stage(StrEnum):
    """How far a message has come, by the peer's word."""

    TAKEN = "taken"  # by the peer, and more will not be known; the host says so itself
    UNDERWAY = "underway"  # taken by the network
    DELIVERED = "delivered"  # shown by the addressee's device
    FAILED = "failed"  # it will not arrive


@dataclass(frozen=True)
class Report:
    """What has become of the `Outbound` with this id; `reason` is a short code without content."""

    id: str
    stage: Stage
    reason: str = ""


class Sink(Protocol):
    """Where a bridge puts what comes in. When a call returns it is stored; False: it was known already."""

    async def received(self, inbound: Inbound) -> bool: ...

    async def report(self, report: Report) -> bool: ...


# ── the bridge ──


@dataclass(frozen=True)
class Health:
    """Whether the peer can be used, and in one sentence without content why not."""

    ok: bool
    text: str = ""


class Bridge(Protocol):
    """A bridge. Between `start` and `stop`, `deliver` and `health` may be called, several at a time."""

    async def start(self, sink: Sink) -> None:
        """Be ready. Raise if that cannot be: the host tries again after growing pauses."""
        ...

    async def stop(self) -> None:
        """Let go of everything; called once for each `start`, and after one that failed."""
        ...

    async def deliver(self, out: Outbound) -> Outcome:
        """Hand one message to the peer, and say what came of it. The host waits a minute at most."""
        ...

    async def health(self) -> Health:
        """Look whether the peer can be used, within some ten seconds."""
        ...


@runtime_checkable
class Inquirer(Protocol):
    """Optional: a bridge to a peer that does not recognise a repeated message by its id.

    A bridge without `find` promises that its peer does: then an attempt whose outcome nobody knows is simply
    repeated.
    """

    async def find(self, out: Outbound, seconds: float) -> Outcome | Missing:
        """Find out whether an attempt `seconds` ago reached the peer, without sending anything.

        `Delivered`: it did. `Missing`: it did not. `Retry`: that cannot be known yet, with the reason
        `IN_DOUBT` while the peer is well and it is only a matter of time. `Rejected`: it will never be known,
        and repeating it might deliver it twice; another way must be taken.
        """
        ...


@dataclass(frozen=True)
class Call:
    """One HTTP request of the peer to `/bridges/NAME/PATH` on Curbside's web server."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What the peer is answered, as plain text."""

    status: int
    text: str = ""


@runtime_checkable
class Listener(Protocol):
    """Optional: a bridge whose peer calls back by HTTP."""

    async def hear(self, call: Call, sink: Sink) -> Answer:
        """Take in a request; nobody has checked who sent it.

        Works without `start`, since the web server may run in a process of its own. An answer of 200 says
        that what the request told is stored.
        """
        ...


# ── how one is made ──


class BadOption(Exception):
    """An option of the settings is missing or wrong: its name, and what to write, as half a sentence."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(f"{option}: {message}")
        self.option = option
        self.message = message


@dataclass(frozen=True)
class Place:
    """What a bridge is made from: its `name`, its table of the settings, and the folder of that file."""

    name: str
    options: Mapping[str, Any]
    folder: Path = Path()

    def text(self, option: str, default: str | None = None) -> str:
        """A text of the settings; raises BadOption when it is missing without a default, or no text."""
        value = self.options.get(option, default)
        if not isinstance(value, str) or (default is None and not value):
            raise BadOption(option, "is required" if value in (None, "") else "must be text in quotes")
        return value

    def number(self, option: str, default: float, least: float, most: float) -> float:
        """A number of the settings within bounds; raises BadOption."""
        value = self.options.get(option, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise BadOption(option, f"must be a number from {least:g} to {most:g}")
        return float(value)

    def secret(self, option: str, *, required: bool = True) -> str:
        """What stands in the file that an option names, or nothing if none need be; raises BadOption."""
        if not required and option not in self.options:
            return ""
        path = self.folder / self.text(option)
        try:
            found = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise BadOption(option, f"cannot read {path}") from None
        if not found:
            raise BadOption(option, f"{path} is empty")
        return found

    def only(self, *options: str) -> None:
        """Raise BadOption if there is an option that is not among these."""
        for option in self.options:
            if option not in options:
                raise BadOption(option, f"is not an option of this bridge, which has {', '.join(options)}")


Maker = Callable[[Place], Bridge]
