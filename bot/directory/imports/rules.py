"""What an import changes: decided from who was found and who is verified by this source already. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.directory.policy import server_of
from bot.directory.standing import Evidence

MOST_GONE = 0.2  # the share of those verified; more looks like a wrong filter or half an answer
_PLACE = re.compile(r"\{([^{}|]+)(\|local)?\}")
_LOCALPART = re.compile(r"[a-z0-9._=/+-]+")


@dataclass(frozen=True)
class Found:
    """Somebody in the hospital's directory: whose Matrix account, and whether they still work there."""

    user_id: str
    active: bool = True
    name: str = ""
    specialty: str = ""
    npi: str = ""


@dataclass(frozen=True)
class Reading:
    """All that a source holds: `skipped` entries gave no Matrix id."""

    people: tuple[Found, ...]
    skipped: int = 0


def placeholders(template: str) -> tuple[str, ...]:
    """The attributes that a template of Matrix ids is made from."""
    return tuple(match[1] for match in _PLACE.finditer(template))


def user_id_of(template: str, value: Callable[[str], str]) -> str | None:
    """The Matrix id that a template makes of an entry: `{uid}`, or `{mail|local}` for what is before the @.

    None when an attribute is missing or the result is no Matrix id. Local parts become lower case, as
    Matrix has them (appendices, "User identifiers"), unless the attribute holds the whole id.
    """
    missing = False

    def fill(match: re.Match[str]) -> str:
        nonlocal missing
        text = value(match[1]).strip()
        text = text.partition("@")[0] if match[2] else text
        missing = missing or not text
        return text

    made = _PLACE.sub(fill, template)
    local, _, server = made.removeprefix("@").partition(":")
    whole = _PLACE.fullmatch(template) is not None
    if not whole:
        local = local.lower()
    user_id = f"@{local}:{server}"
    sound = made.startswith("@") and server_of(user_id) is not None and (whole or _LOCALPART.fullmatch(local))
    return user_id if sound and not missing else None


@dataclass(frozen=True)
class Plan:
    """Whom an import adds, renews and withdraws; `held` were verified by the source before it."""

    add: tuple[str, ...]
    renew: tuple[str, ...]
    withdraw: tuple[str, ...]
    held: int

    @property
    def too_many(self) -> bool:
        """Whether more would be withdrawn than an import may do by itself."""
        return len(self.withdraw) > MOST_GONE * self.held


def plan(people: Collection[Found], known: Mapping[str, Evidence], now: datetime, valid: timedelta) -> Plan:
    """Compare who was found with what the source says of people until now; each proof counts for `valid`."""
    active = {one.user_id for one in people if one.active}
    held = {user: evidence for user, evidence in known.items() if evidence.counts(now)}
    soon = now + valid * 2 / 3  # long before anybody is told that their verification ends
    return Plan(
        add=tuple(sorted(active - held.keys())),
        renew=tuple(
            sorted(user for user in active & held.keys() if (until := held[user].until) and until < soon)
        ),
        withdraw=tuple(sorted(held.keys() - active)),
        held=len(held),
    )
