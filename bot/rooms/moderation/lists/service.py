"""What other features ask of the policy lists: who stands on one that counts, which servers are denied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.chat.desk import Desk, House
from bot.directory.moderators import moderators
from bot.rooms.file import NetworkFile
from bot.rooms.model import PolicyList
from bot.rooms.moderation.lists import store
from bot.rooms.moderation.lists.rules import PREFIXES, Guard, Rule, RuleBook, read
from bot.rooms.moderation.lists.store import Known


@dataclass(frozen=True)
class Subscription:
    """A declared list and its rules as they are now; none before its room has been entered."""

    declared: PolicyList
    book: RuleBook


class PolicyBooks:
    """A part of the house: the lists as they were read last, for as long as nothing has changed."""

    def __init__(self) -> None:
        self._key: object = None
        self._read: tuple[Subscription, ...] = ()

    async def of(self, desk: Desk, known: Mapping[str, Known], guard: Guard) -> tuple[Subscription, ...]:
        """The declared lists, read anew if one of them is another than last time."""
        revisions = tuple((one.room, one.room_id, one.revision) for one in known.values())
        key = (declared_lists(desk.house), revisions, guard)
        if key != self._key:
            self._read = await _read(desk, known, guard)
            self._key = key
        return self._read


def declared_lists(house: House) -> tuple[PolicyList, ...] | None:
    """The lists of the network file; None while it has been broken since the start."""
    file = house.parts.get(NetworkFile)
    if not isinstance(file, NetworkFile):
        return ()
    declared = file.current
    return None if file.error is not None and not declared.rooms else declared.policy_lists


async def subscriptions(desk: Desk) -> tuple[Subscription, ...]:
    """Every declared list with its rules, read once in a transaction."""
    if not declared_lists(desk.house):
        return ()
    memo = (PolicyBooks, "subscriptions")
    if memo not in desk.tx.memo:
        house = desk.house
        people = {*house.bot_users.values(), *house.settings.moderators, *await moderators(desk)}
        books = house.parts.get(PolicyBooks)
        books = books if isinstance(books, PolicyBooks) else PolicyBooks()
        guard = Guard(house.settings.server_name, frozenset(people))
        desk.tx.memo[memo] = await books.of(desk, await store.known(desk.tx), guard)
    found: tuple[Subscription, ...] = desk.tx.memo[memo]
    return found


async def listed(desk: Desk, user_id: str) -> bool:
    """Whether somebody, or their homeserver, stands on a list that is applied."""
    return any(one.book.about(user_id) is not None for one in await subscriptions(desk) if one.declared.apply)


async def denied_servers(desk: Desk) -> frozenset[str]:
    """The homeservers that applied lists deny, as globs for a room's server access list.

    None of them is about our own server, nor one on which somebody moderates.
    """
    return await store.denied(desk.tx)


async def _read(desk: Desk, known: Mapping[str, Known], guard: Guard) -> tuple[Subscription, ...]:
    found = []
    for declared in declared_lists(desk.house) or ():
        place = known.get(declared.room)
        rules = [] if place is None or place.room_id is None else await _rules(desk, place.room_id)
        found.append(Subscription(declared, RuleBook(rules, declared.dont_apply, guard)))
    return tuple(found)


async def _rules(desk: Desk, room_id: str) -> list[Rule]:
    bot = next(iter(desk.house.bot_users))
    events = [
        event for prefix in PREFIXES for event in await desk.house.rooms.state(desk.tx, bot, room_id, prefix)
    ]
    return [rule for event in events if (rule := read(event.type, event.content)) is not None]
