"""How a room differs from what is declared, and the steps that mend it. Pure; every change has its line.

The bot needs at least the power of what it changes (C-S API, m.room.power_levels): a step beyond it is
kept as blocked, with what a person has to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from bot.directory.acl import LockedOut
from bot.rooms.declared import wanted
from bot.rooms.declared.power import levels_step
from bot.rooms.declared.world import DIGEST, ROOM_EVENT, Found, Step, World, short
from bot.rooms.model import DeclaredRoom, Network

_OPENNESS = ("joined", "invited", "shared", "world_readable")
_ARCHIVED = {"en": "Archived: ", "de": "Archiv: "}


def room_steps(room: DeclaredRoom, world: World) -> list[Step]:
    """What has to happen so that a room is as declared; empty when it is."""
    found = world.found.get(room.key)
    if found is None:
        return [] if room.archived else [Step(room.key, "create", (_made(room, world),))]
    notes = [Step(room.key, "note", (note,), blocked=note) for note in found.notes]
    if not found.entered:
        return [*notes, _entering(room.key, found, world)]
    if room.archived:
        return [*notes, *archive_steps(room.key, found, world, room.name)]
    steps = [*notes, *_version(room, found, world), *_noted(room.key, found, world, archived=False)]
    if room.alias is not None:
        steps += _alias(room, room.alias, found, world)
    steps += _state(room, found, world)
    power = levels_step(room, found, world)
    steps += power
    if found.listed != room.listed:
        do, was, now = ("publish", "no", "yes") if room.listed else ("hide", "yes", "no")
        step = Step(room.key, do, (f"in the room directory: {was} → {now}",), found.room_id)
        steps.append(_permitted(step, found, world, kind="m.room.canonical_alias"))
    steps += _standing(room, found, world)
    return steps


def _made(room: DeclaredRoom, world: World) -> str:
    what = "space" if room.space else "room"
    where = "" if room.parent is None else f" in space {room.parent}"
    alias = "" if room.alias is None else f" ({world.address(room.alias)})"
    return f"+ {what} {room.key}{where}{alias}"


def _entering(key: str, found: Found, world: World) -> Step:
    return Step(key, "join", (f"the bot enters {found.room_id}, where it is not",), found.room_id)


def _permitted(step: Step, found: Found, world: World, *, kind: str = "") -> Step:
    """The step, blocked if the bot lacks the power for it."""
    needed, has = found.needed(kind or step.kind), found.power_of(world.bot)
    if has >= needed:
        return step
    return _blocked(
        step, f"needs power {needed}, the bot has {has}: give {world.bot} power 100 in {found.room_id}"
    )


def _blocked(step: Step, why: str) -> Step:
    return replace(step, blocked=why)


def _noted(key: str, found: Found, world: World, *, archived: bool) -> Iterator[Step]:
    """The database has to know which room it is."""
    if world.noted.get(key) == (found.room_id, archived):
        return
    before = world.noted.get(key)
    if before is not None and before[0] == found.room_id:
        line = "is noted as archived" if archived else "is noted as open again"
    elif before is not None:
        line = f"moves on from {before[0]} to {found.room_id}"
    elif found.of_network(world.network, key):
        line = f"is noted as {found.room_id}"
    else:
        line = f"adopts {found.room_id}"
    yield Step(key, "note", (line,), found.room_id)


def _version(room: DeclaredRoom, found: Found, world: World) -> Iterator[Step]:
    if room.version is None or room.version == found.version:
        return
    line = f"version: {found.version} → {room.version}"
    step = Step(
        room.key, "upgrade", (line,), found.room_id, "m.room.tombstone", content={"new_version": room.version}
    )
    if wanted.number(room.version) < wanted.number(found.version):
        yield _blocked(step, f"a room never goes back; declare version {found.version}")
    elif not world.upgrade:
        yield _blocked(step, "a room is replaced only with --upgrade: its members have to follow")
    else:
        yield _permitted(step, found, world)


def _alias(room: DeclaredRoom, alias: str, found: Found, world: World) -> Iterator[Step]:
    address, leads = world.address(alias), world.aliases.get(alias)
    if leads != found.room_id:
        if leads is not None:
            line = f"alias: {address} leads to {leads}"
            yield Step(room.key, "unalias", (line,), leads, state_key=alias)
        yield Step(room.key, "alias", (f"alias: + {address}",), found.room_id, state_key=alias)
    have = found.content("m.room.canonical_alias")
    if have.get("alias") != address:
        content = {**have, "alias": address}
        line = f"main alias: {short(have.get('alias'))} → {address}"
        step = Step(room.key, "state", (line,), found.room_id, "m.room.canonical_alias", content=content)
        yield _permitted(step, found, world)


# State -------------------------------------------------------------------------------------------


def _state(room: DeclaredRoom, found: Found, world: World) -> Iterator[Step]:
    try:
        state = wanted.state_of(room, world)
    except LockedOut as error:
        step = Step(room.key, "state", ("server ACL",), found.room_id, "m.room.server_acl")
        yield _blocked(step, str(error))
        state = wanted.state_of(replace(room, acl=False), world)
        state["m.room.server_acl", ""] = dict(found.content("m.room.server_acl"))
    if not room.encryption and found.content("m.room.encryption"):
        step = Step(room.key, "state", ("encryption: on → off",), found.room_id, "m.room.encryption")
        yield _blocked(step, "encryption cannot be taken away; declare encryption = true")
    for (kind, state_key), content in state.items():
        have = found.content(kind, state_key)
        if _SAME.get(kind, _equal)(content, have):
            continue
        step = Step(
            room.key, "state", (_line(kind, content, have, world),), found.room_id, kind, state_key,
            wanted.OPEN_TO_ALL if kind == "m.room.server_acl" and not content else content,
        )  # fmt: skip
        if kind == "m.room.join_rules" and wanted.number(found.version) < wanted.RULE_VERSIONS.get(
            room.join, 1
        ):
            needs = wanted.RULE_VERSIONS[room.join]
            yield _blocked(step, f"needs room version {needs}, this is {found.version}; declare `version`")
        else:
            yield _permitted(step, found, world)
    for other in found.keys("m.space.parent"):
        if ("m.space.parent", other) not in state and found.content("m.space.parent", other).get("via"):
            step = Step(
                room.key, "state", (f"says it stands in {other}, not declared",), found.room_id,
                "m.space.parent", other,
            )  # fmt: skip
            yield _permitted(step, found, world)


def _equal(content: Mapping[str, Any], have: Mapping[str, Any]) -> bool:
    return dict(content) == dict(have)


def _on(*names: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    """Sameness by what counts: homeservers and clients add things of their own."""

    def same(content: Mapping[str, Any], have: Mapping[str, Any]) -> bool:
        return all((content.get(name) or None) == (have.get(name) or None) for name in names)

    return same


def _same_rule(content: Mapping[str, Any], have: Mapping[str, Any]) -> bool:
    return content["join_rule"] == have.get("join_rule") and _rooms(content) == _rooms(have)


def _rooms(rule: Mapping[str, Any]) -> set[str]:
    """Whose members a restricted rule lets in; every other kind of condition counts by itself."""
    allow = rule.get("allow")
    if not str(rule.get("join_rule")).endswith("restricted") or not isinstance(allow, list):
        return set()
    return {str(one.get("room_id") if isinstance(one, Mapping) else one) for one in allow}


def _same_acl(content: Mapping[str, Any], have: Mapping[str, Any]) -> bool:
    if not content:
        return not have or _same_acl(wanted.OPEN_TO_ALL, have)
    return (
        _names(content, "allow") == _names(have, "allow")
        and _names(content, "deny") == _names(have, "deny")
        and content["allow_ip_literals"] == have.get("allow_ip_literals", True)
    )


def _names(content: Mapping[str, Any], name: str) -> set[str]:
    value = content.get(name)
    return {str(one) for one in value} if isinstance(value, list | tuple) else set()


def _same_avatar(content: Mapping[str, Any], have: Mapping[str, Any]) -> bool:
    if content.get(DIGEST):
        return bool(have.get("url")) and content[DIGEST] == have.get(DIGEST)
    return content.get("url") == have.get("url")


_SAME: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], bool]] = {
    "m.room.name": _on("name"),
    "m.room.topic": _on("topic"),
    "m.room.avatar": _same_avatar,
    "m.room.join_rules": _same_rule,
    "m.room.history_visibility": _on("history_visibility"),
    "m.room.guest_access": _on("guest_access"),
    "m.room.encryption": _on("algorithm"),
    "m.room.server_acl": _same_acl,
    "m.room.retention": _on("max_lifetime", "min_lifetime"),
    "m.space.parent": _on("via"),
}
_FIELDS = {
    "m.room.name": ("name", "name"),
    "m.room.topic": ("topic", "topic"),
    "m.room.history_visibility": ("history", "history_visibility"),
    "m.room.guest_access": ("guest access", "guest_access"),
    "m.room.encryption": ("encryption", "algorithm"),
}


def _line(kind: str, content: Mapping[str, Any], have: Mapping[str, Any], world: World) -> str:
    """The difference in words."""
    if kind in _FIELDS:
        label, name = _FIELDS[kind]
        line = f"{label}: {short(have.get(name))} → {short(content.get(name))}"
        if name == "history_visibility" and _openness(have) > _openness(content):
            line += " (who could read what was sent until now still can)"
        return line
    if kind == "m.room.join_rules":
        return f"join rule: {_rule(have, world)} → {_rule(content, world)}"
    if kind == "m.room.server_acl":
        return f"server ACL: {_acl(have)} → {_acl(content)}"
    if kind == "m.room.avatar":
        return "avatar: is another picture" if have and content else f"avatar: {'+' if content else '-'}"
    if kind == "m.room.retention":
        return f"retention: {_days(have)} → {_days(content)}"
    if kind == "m.space.parent":
        return "does not say in which space it stands"
    assert kind == ROOM_EVENT
    return (
        "what the bots hold to (org.curbside.room): is another" if have else "org.curbside.room: is missing"
    )


def _openness(content: Mapping[str, Any]) -> int:
    """How open a history visibility is; the default is shared (C-S API)."""
    value = content.get("history_visibility")
    return _OPENNESS.index(value if value in _OPENNESS else "shared")


def _rule(rule: Mapping[str, Any], world: World) -> str:
    ids = {found.room_id: key for key, found in world.found.items()}
    inside = ", ".join(sorted(ids.get(room, room) for room in _rooms(rule)))
    return short(rule.get("join_rule")) + (f" (who is in {inside})" if inside else "")


def _acl(content: Mapping[str, Any]) -> str:
    if not content:
        return "everybody"
    denied = _names(content, "deny")
    return short(", ".join(sorted(_names(content, "allow")))) + (
        f" without {short(', '.join(sorted(denied)))}" if denied else ""
    )


def _days(content: Mapping[str, Any]) -> str:
    length = content.get("max_lifetime")
    if not isinstance(length, int | float):
        return "for ever"
    days, hours = divmod(round(length / 3_600_000), 24)
    return " ".join([f"{days} d"] * bool(days) + [f"{hours} h"] * bool(hours)) or "no time"


# Spaces ------------------------------------------------------------------------------------------


def _standing(room: DeclaredRoom, found: Found, world: World) -> Iterator[Step]:
    """The link from its space."""
    space = None if room.parent is None else world.found.get(room.parent)
    if space is None or not space.entered:
        return
    have, content = space.content("m.space.child", found.room_id), wanted.child(room, world)
    if _on("via", "order", "suggested")(content, have):
        return
    line = f"in space {room.parent}: is missing" if not have.get("via") else f"in space {room.parent}: order"
    step = Step(room.key, "state", (line,), space.room_id, "m.space.child", found.room_id, content)
    yield _permitted(step, space, world)


def strangers(space: DeclaredRoom, network: Network, world: World) -> list[Step]:
    """The rooms that a space shows, though they are not declared in it."""
    found = world.found.get(space.key)
    if found is None or not found.entered or space.archived:
        return []
    inside = {world.room_id(room.key) for room in network.inside(space.key) if not room.archived}
    keys = {one.room_id: key for key, one in world.found.items()}
    return [
        _permitted(
            Step(
                space.key, "state", (f"shows {keys.get(child, child)}, not declared in it",), found.room_id,
                "m.space.child", child,
            ),
            found,
            world,
        )
        for child in found.keys("m.space.child")
        if child not in inside and found.content("m.space.child", child).get("via")
    ]  # fmt: skip


# Archiving ---------------------------------------------------------------------------------------


def archive_steps(key: str, found: Found, world: World, name: str | None = None) -> list[Step]:
    """How a room is closed without losing anything: shut, unlisted, named so, and nobody writes any more."""
    if not found.entered:
        return [_entering(key, found, world)] if world.noted.get(key) != (found.room_id, True) else []
    steps: list[Step] = []
    room_id = found.room_id
    if found.listed:
        steps.append(_permitted(
            Step(key, "hide", ("in the room directory: yes → no",), room_id), found, world,
            kind="m.room.canonical_alias",
        ))  # fmt: skip
    for alias in sorted(alias for alias, leads in world.aliases.items() if leads == room_id):
        steps.append(Step(key, "unalias", (f"alias: - {world.address(alias)}",), room_id, state_key=alias))
    state: list[tuple[str, str, Mapping[str, Any], str]] = []
    if found.content("m.room.canonical_alias").get("alias"):
        state.append(("m.room.canonical_alias", "", {}, "main alias: -"))
    if found.content("m.room.join_rules").get("join_rule") != "invite":
        line = f"join rule: {_rule(found.content('m.room.join_rules'), world)} → invite"
        state.append(("m.room.join_rules", "", {"join_rule": "invite"}, line))
    have = str(found.content("m.room.name").get("name", ""))
    title = archived_name(name or have, world.language)
    if have != title:
        state.append(("m.room.name", "", {"name": title}, f"name: {short(have)} → {title}"))
    for space in found.keys("m.space.parent"):
        state.append(("m.space.parent", space, {}, "says no more in which space it stood"))
    mark = {"network": world.network, "key": key, "archived": True}
    if dict(found.content(ROOM_EVENT)) != mark:
        state.append((ROOM_EVENT, "", mark, "archived: no → yes"))
    for kind, state_key, content, line in state:
        step = Step(key, "state", (line,), room_id, kind, state_key, content)
        steps.append(_permitted(step, found, world))
    steps += levels_step(None, found, world, key=key)
    steps += _noted(key, found, world, archived=True)
    return steps


def archived_name(name: str, language: str) -> str:
    """The name of a room once it is archived."""
    for prefix in _ARCHIVED.values():
        name = name.removeprefix(prefix)
    return _ARCHIVED.get(language, _ARCHIVED["en"]) + name


# All of them -------------------------------------------------------------------------------------


def everything(network: Network, world: World) -> dict[str, list[Step]]:
    """The steps of every room by its key, spaces first; rooms without any are left out."""
    plan: dict[str, list[Step]] = {}
    for room in network.rooms.values():
        plan[room.key] = room_steps(room, world)
        if room.space:
            plan[room.key] += strangers(room, network, world)
    for key in gone(network, world):
        plan[key] = archive_steps(key, world.found[key], world)
    return {key: steps for key, steps in plan.items() if steps}


def gone(network: Network, world: World) -> list[str]:
    """The rooms that were declared once and are no longer."""
    return sorted(key for key in world.noted if key not in network.rooms and key in world.found)
