"""Kept state: what syncs bring, in which order, twice, and taken back."""

from __future__ import annotations

from typing import Any

from bot.kernel.db import Database
from bot.matrix.roomindex.store import RoomIndex
from bot.matrix.roomstate import StateChanges, store

LIST, OTHER, MOD = "!list:north.example", "!other:north.example", "@mod:north.example"
USER = "m.policy.rule.user"


def event(number: int, key: str, content: Any, kind: str = USER, **more: Any) -> dict[str, Any]:
    return {
        "type": kind, "state_key": key, "content": content, "sender": MOD, "event_id": f"$e{number}", **more,
    }  # fmt: skip


async def keep(db: Database, *events: dict[str, Any], fresh: bool = False, room: str = LIST) -> list[str]:
    changes = StateChanges()
    if fresh:
        changes.fresh.add(room)
    for one in events:
        if one["type"] == "m.room.redaction":
            changes.take_redaction(room, one)
        else:
            changes.take(room, one)
    async with db.begin() as tx:
        return await store.keep(tx, "curbside", changes)


async def kept(db: Database, prefix: str = "m.policy.rule.", room: str = LIST) -> dict[str, Any]:
    async with db.read() as tx:
        found = await RoomIndex({}).state(tx, "curbside", room, prefix)
        return {one.state_key: dict(one.content) for one in found}


async def test_the_last_event_of_each_key_counts(db: Database) -> None:
    assert await keep(db, event(1, "a", {"n": 1}), event(2, "b", {"n": 2}), event(3, "a", {"n": 3})) == [LIST]
    assert await kept(db) == {"a": {"n": 3}, "b": {"n": 2}}
    assert await keep(db, event(3, "a", {"n": 3})) == [], "the same again is no change"
    assert await keep(db, event(4, "a", {})) == [LIST]
    assert await kept(db) == {"a": {}, "b": {"n": 2}}


async def test_a_redacted_rule_is_empty(db: Database) -> None:
    await keep(db, event(1, "a", {"n": 1}), event(2, "b", {"n": 2}))
    old = {"type": "m.room.redaction", "redacts": "$e1", "content": {}}
    new = {"type": "m.room.redaction", "content": {"redacts": "$e2"}}
    assert await keep(db, old) == [LIST]
    assert await keep(db, new, {"type": "m.room.redaction", "content": []}) == [LIST]
    assert await keep(db, {**old, "redacts": "$elsewhere"}) == []
    assert await kept(db) == {"a": {}, "b": {}}


async def test_a_room_entered_anew_is_read_anew_and_a_left_one_forgotten(db: Database) -> None:
    await keep(db, event(1, "a", {"n": 1}))
    await keep(db, event(9, "x", {"n": 9}), room=OTHER)
    assert await keep(db, event(2, "b", {"n": 2}), fresh=True) == [LIST]
    assert await kept(db) == {"b": {"n": 2}}
    async with db.begin() as tx:
        await store.forget(tx, "curbside", LIST)
    assert await kept(db) == {}
    assert await kept(db, room=OTHER) == {"x": {"n": 9}}


async def test_only_rules_are_kept_and_garbage_is_passed_over(db: Database) -> None:
    garbage = [
        event(1, "", {"name": "List"}, "m.room.name"),
        event(2, "k" * 256, {}),
        event(3, "nul\0", {}),
        event(4, "half\ud83d", {}),
        event(5, "list", [1]),
        event(6, "sender", {}, sender=7),
        event(7, 5, {}),  # type: ignore[arg-type]
        event(8, "", {}, "m.policy.rule." + "x" * 300),
    ]
    kinds = ["m.room.rule.user", "org.matrix.mjolnir.rule.server", "m.policy.rule.room"]
    good = [event(20 + number, f"k{number}", {"n": number}, kind) for number, kind in enumerate(kinds)]
    await keep(db, *garbage, *good)
    assert await kept(db, "") == {f"k{number}": {"n": number} for number in range(3)}
    assert await kept(db) == {"k2": {"n": 2}}


async def test_ten_thousand_rules(db: Database) -> None:
    rules = [event(number, f"rule {number}", {"entity": f"@x{number}:y"}) for number in range(10_000)]
    assert await keep(db, *rules, fresh=True) == [LIST]
    assert len(await kept(db)) == 10_000
