"""`curbside rooms`: sixty declared rooms on a real, empty Synapse; drift, deaths, adoption, archive, upgrade.

The tests share one homeserver and its sixty rooms, and run in the order of the file.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.dev.synapse_config import CONFIG_FILE
from bot.kernel import migrate
from bot.matrix.http import MatrixError, open_session, quoted
from bot.matrix.store import SecretBox, named_room
from bot.matrix.survey import as_bot
from bot.rooms import store
from bot.rooms.model import DeclaredRoom
from tests.support.house import Running, wait_ready
from tests.support.rooms import CLIENT, Rooms

if TYPE_CHECKING:
    from bot.dev.synapse import Homeserver, Registered

MEDICINE = """cardiology electrophysiology angiology pulmonology gastroenterology hepatology nephrology
endocrinology rheumatology immunology hematology oncology infectious-diseases neurology stroke dermatology
geriatrics palliative-care pain-medicine tropical-medicine"""
SURGERY = """surgery-ward colorectal-surgery breast-surgery transplant-surgery trauma-orthopedics hand-surgery
spine-surgery neurosurgery cardiac-surgery thoracic-surgery vascular-surgery plastic-surgery burns urology HNO
maxillofacial-surgery dentistry ophthalmology anesthesiology radiology"""
CARE = """emergency-medicine prehospital-care intensive-care toxicology pediatrics neonatology
pediatric-intensive-care pediatric-cardiology pediatric-surgery obstetrics-gynecology maternal-fetal-medicine
psychiatry child-psychiatry pathology laboratory-medicine microbiology pharmacy nursing physiotherapy
ethics"""
NETWORK = f"""
name = "Lakeland"
[hospitals]
hill = "hill.example"

[templates.default]
join = "knock_restricted"
retention = "365d"
watch = "warn"
avatar = "room.png"
rules = "No patient names. Be kind."
mute = true
power = {{ redact = 40, events = {{ "m.room.pinned_events" = 25 }} }}

[templates.quiet]
extends = "default"
join = "knock"
history = "joined"
retention = "30d"
level = "L3"
servers = ["hill"]
version = "11"

[spaces.medicine]
name = "Medicine"
topic = "All of medicine"
listed = true
rooms = {json.dumps(MEDICINE.split())}

[spaces.surgery]
name = "Surgery"
level = "L3"
rooms = {json.dumps(SURGERY.split())}

[spaces.care]
name = "Care"
room_template = "quiet"
rooms = {json.dumps(CARE.split())}

[rooms.surgery-ward]
specialty = "surgery"
topic = "Whoever cuts"

[rooms.ethics]
template = "default"
encryption = false
acl = false
join = "invite"
retention = "forever"
alias = "what-is-right"
"""
SMALL = """
name = "{name}"
[spaces.{name}]
name = "Small"
[rooms.{name}-a]
name = "Room A"
space = "{name}"
avatar = "small.png"
[rooms.{name}-b]
name = "Room B"
space = "{name}"
join = "restricted"
"""


@pytest.fixture(scope="module")
async def empty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Homeserver]:
    """A Synapse of our own, on which nobody else takes aliases."""
    from bot.dev.synapse import HomeserverGroup

    group = HomeserverGroup.create(tmp_path_factory.mktemp("rooms-hs"), ["rooms"])
    config = group["rooms"].directory / CONFIG_FILE
    allowed = {"room_list_publication_rules": [{"action": "allow"}]}  # Synapse's default lists nothing
    config.write_text(json.dumps(json.loads(config.read_text()) | allowed))
    await asyncio.to_thread(group.start)
    try:
        yield group["rooms"]
    finally:
        await asyncio.to_thread(group.stop, timeout=0.5)  # nobody needs it afterwards


@pytest.fixture(scope="module")
async def running(empty: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A Curbside that runs until a test stops it."""
    house = Running(empty, tmp_path_factory.mktemp("rooms") / "house")
    moderator = f"@mo:{empty.server_name}"
    await house.prepare(moderators=[moderator])
    house.moderator = moderator
    house.start()
    try:
        await wait_ready(house)
        yield house
    finally:
        house.kill()


@pytest.fixture(scope="module")
async def rooms(running: Running) -> AsyncIterator[Rooms]:
    async with open_session() as session:
        made = Rooms(running, session)
        (made.folder / "room.png").write_bytes(b"\x89PNG\r\n\x1a\nroom")
        (made.folder / "small.png").write_bytes(b"\x89PNG\r\n\x1a\nsmall")
        async with made.database() as database:
            made.http = await as_bot(made.settings, database, session)
        yield made


@pytest.fixture
async def small(
    empty: Homeserver, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Rooms, str]]:
    """A Curbside of its own that has logged in once and runs no more, and the name of its network."""
    from bot.dev.synapse import login_user

    digest = zlib.crc32(request.node.name.encode()).to_bytes(4)
    name = "".join(chr(ord("a") + byte % 26) for byte in digest) + "net"
    house = Running(empty, tmp_path / "house")
    await house.prepare(prefix=f"{name}-")
    password = (house.folder / "secrets" / "curbside").read_text()
    account = await login_user(empty, f"{name}-curbside", password)
    async with open_session() as session:
        made = Rooms(house, session)
        (made.folder / "small.png").write_bytes(b"\x89PNG\r\n\x1a\nsmall")
        made.http.token = account.access_token
        login = {"user_id": made.bot, "device_id": account.device_id, "token": account.access_token}
        async with made.database() as database:
            await migrate.upgrade(database)
            await SecretBox(database, "curbside").save("login", login)
        yield made, name


# All sixty ---------------------------------------------------------------------------------------


async def test_sixty_rooms_on_an_empty_homeserver(rooms: Rooms, running: Running) -> None:
    network = rooms.declare(NETWORK)
    assert len(network.rooms) == 63
    code, said = await asyncio.to_thread(rooms.command, "plan")
    assert code == 3, said
    assert "+ room cardiology in space medicine" in said
    assert "63 changes in 63 rooms." in said
    assert await rooms.rooms_of_network("Lakeland") == {}
    code, said = await asyncio.to_thread(rooms.command, "apply", "--yes")
    assert code == 0, said
    assert "63/63 " in said
    code, said = await asyncio.to_thread(rooms.command, "plan", "--json")
    assert (code, json.loads(said)) == (0, {"rooms": [], "changes": 0}), said
    assert await running.stop() == 0  # from here on the command works beside nobody


async def test_every_declared_property_is_what_the_homeserver_says(rooms: Rooms) -> None:
    network = rooms.network
    async with rooms.database() as database, database.read() as tx:
        placed = {place.key: place.room_id for place in await store.placed(tx)}
        for key, room_id in placed.items():
            assert await named_room(tx, "curbside", f"room:network/{key}") == room_id
    assert set(placed) == set(network.rooms)
    for room in network.rooms.values():
        await _assert_as_declared(rooms, room, placed)
    made = await rooms.rooms_of_network("Lakeland")
    assert {key: len(ids) for key, ids in made.items()} == dict.fromkeys(network.rooms, 1)


async def _assert_as_declared(rooms: Rooms, room: DeclaredRoom, placed: Mapping[str, str]) -> None:
    """Each property by itself, in the words of the specification."""
    room_id, server = placed[room.key], rooms.settings.server_name
    state = await rooms.state(room_id)
    alias = f"#{room.alias}:{server}"

    def content(kind: str, state_key: str = "") -> dict[str, Any]:
        return state.get((kind, state_key), {}).get("content", {})

    create = content("m.room.create")
    assert create["org.curbside"] == {"network": "Lakeland", "key": room.key}
    assert create["room_version"] == (room.version or "12")
    assert create.get("type") == ("m.space" if room.space else None)
    assert content("m.room.name") == {"name": room.name}
    assert content("m.room.topic").get("topic", "") == room.topic
    assert content("m.room.canonical_alias") == {"alias": alias}
    assert (await rooms.get(f"directory/room/{quoted(alias)}"))["room_id"] == room_id
    listed = (await rooms.get(f"directory/list/room/{quoted(room_id)}"))["visibility"]
    assert listed == ("public" if room.listed else "private")
    assert content("m.room.history_visibility") == {"history_visibility": room.history}
    assert content("m.room.guest_access") == {"guest_access": "forbidden"}
    assert content("m.room.encryption").get("algorithm") == (
        "m.megolm.v1.aes-sha2" if room.encryption else None
    )
    rule = content("m.room.join_rules")
    assert rule["join_rule"] == room.join
    if "restricted" in room.join:
        assert rule["allow"] == [{"type": "m.room_membership", "room_id": placed[str(room.parent)]}]
    days = None if room.retention is None else room.retention.days * 86_400_000
    assert content("m.room.retention").get("max_lifetime") == days
    acl = content("m.room.server_acl")
    if room.acl:
        hosts = {server.partition(":")[0], server}
        assert set(acl["allow"]) == hosts  # no other hospital is allowed in the settings
        assert acl["allow_ip_literals"] is False
    else:
        assert acl == {}
    assert content("org.curbside.room") == {
        "network": "Lakeland",
        "key": room.key,
        "level": room.level.name,
        "watch": room.watch,
    }
    assert ("mxc://" in content("m.room.avatar").get("url", "")) == bool(room.avatar)
    if room.parent is not None:
        assert content("m.space.parent", placed[room.parent])["canonical"] is True
        space = await rooms.state(placed[room.parent])
        child = space["m.space.child", room_id]["content"]
        assert (child["via"], child["order"], child["suggested"]) == ([server], room.key, True)
    power = content("m.room.power_levels")
    bot = {rooms.bot: 100} if create["room_version"] == "11" else {}
    assert power["users"] == {rooms.moderator: 50, **bot}
    declared = room.power
    for name in ("events_default", "state_default", "users_default", "invite", "kick", "ban", "redact"):
        assert power[name] == getattr(declared, name), name
    assert {kind: power["events"].get(kind) for kind in declared.events} == dict(declared.events)
    assert power["events"]["m.room.power_levels"] == 100


# Drift -------------------------------------------------------------------------------------------


async def test_twenty_kinds_of_drift_are_found_and_mended(rooms: Rooms) -> None:
    server = rooms.settings.server_name
    ids = {key: await rooms.room_id(key) for key in rooms.network.rooms}
    base = await rooms.content("angiology", "m.room.power_levels")
    await rooms.set("cardiology", "m.room.name", {"name": "Hearts"})
    await rooms.set("surgery-ward", "m.room.topic", {"topic": "else"})
    await rooms.set("neurology", "m.room.avatar", {"url": "mxc://x/y"})
    await rooms.http.request("DELETE", f"{CLIENT}/directory/room/{quoted(f'#stroke:{server}')}")
    await rooms.set("oncology", "m.room.canonical_alias", {})
    await rooms.set("hepatology", "m.room.join_rules", {"join_rule": "public"})
    other = [{"type": "m.room_membership", "room_id": ids["care"]}]
    await rooms.set("nephrology", "m.room.join_rules", {"join_rule": "knock_restricted", "allow": other})
    await rooms.set("hematology", "m.room.history_visibility", {"history_visibility": "shared"})
    users = {**base["users"], f"@eve:{server}": 100, f"@mute:{server}": -1}
    await rooms.set("angiology", "m.room.power_levels", {**base, "users": users})
    await rooms.set("dermatology", "m.room.power_levels", {**base, "invite": 0})
    events = {**base["events"], "m.room.topic": 0}
    await rooms.set("geriatrics", "m.room.power_levels", {**base, "events": events})
    await rooms.set("immunology", "m.room.power_levels", {**base, "users": {}})
    await rooms.set("rheumatology", "m.room.server_acl", {"allow": ["*"], "deny": ["bad.example"]})
    await rooms.set("urology", "m.room.server_acl", {"allow": ["*"]})  # as near as Synapse lets us to none
    await rooms.set("burns", "m.room.encryption", {})
    await rooms.set("radiology", "m.room.guest_access", {"guest_access": "can_join"})
    await rooms.set("medicine", "m.space.child", {}, ids["pulmonology"])
    await rooms.set("medicine", "m.space.child", {"via": [server]}, ids["ethics"])
    await rooms.set("dentistry", "m.space.parent", {"via": [server]}, ids["medicine"])
    await rooms.put(f"directory/list/room/{quoted(ids['nursing'])}", {"visibility": "public"})
    await rooms.set("pathology", "org.curbside.room", {})
    await rooms.set("toxicology", "m.room.retention", {"max_lifetime": 1})
    found = await rooms.plan()
    assert found == {
        "medicine": ["shows ethics, not declared in it"],
        "cardiology": ["name: Hearts → Cardiology"],
        "surgery-ward": ["topic: else → Whoever cuts"],
        "neurology": ["avatar: is another picture"],
        "stroke": [f"alias: + #stroke:{server}", f"main alias: nothing → #stroke:{server}"],
        "oncology": [f"main alias: nothing → #oncology:{server}"],
        "hepatology": ["join rule: public → knock_restricted (who is in medicine)"],
        "nephrology": [
            "join rule: knock_restricted (who is in care) → knock_restricted (who is in medicine)"
        ],
        "hematology": ["history: shared → invited (who could read what was sent until now still can)"],
        "angiology": [f"@eve:{server} has power 100, not declared"],
        "dermatology": ["power invite: 0 → 50"],
        "geriatrics": ["power for m.room.topic: 0, not declared"],
        "immunology": [f"{rooms.moderator} has power 0 instead of 50"],
        "rheumatology": [f"server ACL: * without bad.example → localhost, {server}"],
        "urology": [f"server ACL: * → localhost, {server}"],
        "burns": ["encryption: nothing → m.megolm.v1.aes-sha2"],
        "radiology": ["guest access: can_join → forbidden"],
        "pulmonology": ["in space medicine: is missing"],
        "dentistry": [f"says it stands in {ids['medicine']}, not declared"],
        "nursing": ["in the room directory: yes → no"],
        "pathology": ["org.curbside.room: is missing"],
        "toxicology": ["retention: no time → 30 d"],
    }
    outcome = await rooms.apply()
    assert outcome.left == []
    assert outcome.changed == len(found)
    assert await rooms.plan() == {}
    assert (await rooms.content("angiology", "m.room.power_levels"))["users"][f"@mute:{server}"] == -1
    avatar = await rooms.content("cardiology", "m.room.avatar")
    assert await rooms.content("neurology", "m.room.avatar") == avatar  # uploaded once


async def test_what_cannot_be_mended_is_reported(rooms: Rooms) -> None:
    await rooms.set("ethics", "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
    outcome = await rooms.apply()
    assert outcome.left == [
        ("ethics", "encryption: on → off: encryption cannot be taken away; declare encryption = true")
    ]
    code, said = await asyncio.to_thread(rooms.command, "plan")
    assert (code, "! encryption: on → off" in said) == (3, True), said
    rooms.declare(NETWORK.replace("encryption = false", "encryption = true"))
    assert await rooms.plan() == {}


async def test_a_bot_that_lost_its_power_says_what_it_needs(small: tuple[Rooms, str]) -> None:
    rooms, name = small
    rooms.declare(SMALL.format(name=name) + 'version = "11"\n')  # no creator stands above the levels
    await rooms.apply()
    key, boss = f"{name}-b", await _register(rooms, "boss")
    room_id = await rooms.room_id(key)
    room, http = quoted(room_id), rooms.as_user(boss)
    await rooms.http.request("POST", f"{CLIENT}/rooms/{room}/invite", json={"user_id": boss.user_id})
    await http.request("POST", f"{CLIENT}/join/{room}", json={})
    power = await rooms.content(key, "m.room.power_levels")
    users = {**power["users"], boss.user_id: 100, rooms.bot: 50}
    await rooms.set(key, "m.room.power_levels", {**power, "users": users})
    needs = f"needs power 100, the bot has 50: give {rooms.bot} power 100 in {room_id}"
    assert (key, f"the bot has power 50 instead of 100: {needs}") in (await rooms.apply()).left
    again = {**power, "users": {**users, rooms.bot: 100}}
    await rooms.put(f"rooms/{room}/state/m.room.power_levels/", again, http)
    line = f"{boss.user_id} has power 100, not declared: the bot has 100: {boss.user_id} must give it up"
    assert (await rooms.apply()).left == [(key, line)]
    await rooms.put(f"rooms/{room}/state/m.room.power_levels/", power, http)
    assert await rooms.plan() == {}


async def _register(rooms: Rooms, name: str) -> Registered:
    from bot.dev.synapse import register_user

    return await register_user(rooms.homeserver, name, "only-for-this-test")


# Archive, adoption, upgrade ----------------------------------------------------------------------


async def test_rooms_are_archived_and_come_back(rooms: Rooms) -> None:
    kept = rooms.folder.joinpath("network.toml").read_text()
    gone = kept.replace('"burns", ', "").replace(
        "[rooms.surgery-ward]", "[rooms.urology]\narchived = true\n[rooms.surgery-ward]"
    )
    rooms.declare(gone)
    assert (await rooms.apply()).left == []
    assert await rooms.plan() == {}
    space = await rooms.state(await rooms.room_id("surgery"))
    for key in ("burns", "urology"):
        room_id = await rooms.room_id(key)
        state = await rooms.state(room_id)
        assert state["m.room.name", ""]["content"]["name"] == f"Archived: {key.capitalize()}"
        assert state["m.room.join_rules", ""]["content"] == {"join_rule": "invite"}
        assert state["m.room.power_levels", ""]["content"]["events_default"] == 50
        assert state["m.room.power_levels", ""]["content"]["users"][rooms.moderator] == 50
        assert not space["m.space.child", room_id]["content"]
        with pytest.raises(MatrixError):
            await rooms.get(f"directory/room/{quoted(f'#{key}:{rooms.settings.server_name}')}")
        async with rooms.database() as database, database.read() as tx:
            assert [place.archived for place in await store.placed(tx, [key])] == [True]
    rooms.declare(kept)
    assert (await rooms.apply()).left == []
    assert await rooms.plan() == {}
    placed = {key: await rooms.room_id(key) for key in rooms.network.rooms}
    for key in ("burns", "urology"):
        await _assert_as_declared(rooms, rooms.network.rooms[key], placed)


async def test_a_room_that_is_there_already_is_adopted(small: tuple[Rooms, str]) -> None:
    rooms, name = small
    eva = await _register(rooms, "eva")
    http = rooms.as_user(eva)
    body = {"preset": "private_chat", "room_alias_name": f"{name}-b", "name": "By hand", "room_version": "11"}
    room_id = str((await http.request("POST", f"{CLIENT}/createRoom", json=body))["room_id"])
    room, key = quoted(room_id), f"{name}-b"
    rooms.declare(SMALL.format(name=name))
    assert (await rooms.plan())[key] == [f"the bot enters {room_id}, where it is not"]
    ((left, why),) = (await rooms.apply()).left
    assert (left, f"invite {rooms.bot} there, and give it power 100" in why) == (key, True), why
    await http.request("POST", f"{CLIENT}/rooms/{room}/invite", json={"user_id": rooms.bot})
    needs = f"needs power 50, the bot has 0: give {rooms.bot} power 100 in {room_id}"
    assert (key, f"name: By hand → Room B: {needs}") in (await rooms.apply()).left
    power = await http.request("GET", f"{CLIENT}/rooms/{room}/state/m.room.power_levels/")
    given = {**power, "users": {rooms.bot: 100}}
    await rooms.put(f"rooms/{room}/state/m.room.power_levels/", given, http)
    assert (await rooms.apply()).left == []
    assert await rooms.plan() == {}
    assert await rooms.room_id(key) == room_id
    assert await rooms.content(key, "m.room.name") == {"name": "Room B"}


async def test_upgrades_are_followed_and_made(small: tuple[Rooms, str]) -> None:
    rooms, name = small
    old = SMALL.format(name=name) + 'version = "11"\n'
    rooms.declare(old)
    await rooms.apply()
    key, space = f"{name}-b", await rooms.room_id(name)
    first = await rooms.room_id(key)
    answer = await rooms.http.request(
        "POST", f"{CLIENT}/rooms/{quoted(first)}/upgrade", json={"new_version": "11"}
    )
    second = str(answer["replacement_room"])
    assert f"moves on from {first} to {second}" in (await rooms.plan())[key]
    assert (await rooms.apply()).left == []
    assert await rooms.plan() == {}
    assert await rooms.room_id(key) == second
    rooms.declare(old.replace('"11"', '"12"'))
    assert await rooms.plan() == {key: ["! version: 11 → 12"]}
    assert await rooms.plan(upgrade=True) == {key: ["version: 11 → 12"]}
    assert (await rooms.apply(upgrade=True)).left == []
    assert await rooms.plan() == {}
    third = await rooms.room_id(key)
    state = await rooms.state(third)
    assert state["m.room.create", ""]["content"]["room_version"] == "12"
    assert rooms.bot not in state["m.room.power_levels", ""]["content"]["users"]
    assert state["org.curbside.room", ""]["content"]["key"] == key
    shown = await rooms.state(space)
    links = [bool(shown["m.space.child", room_id]["content"]) for room_id in (first, second, third)]
    assert links == [False, False, True]


# Deaths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["created", "created:3", "uploaded", "note", "note:2", "state", "state:2"])
async def test_killed_while_making_rooms_it_goes_on_to_the_same_result(
    small: tuple[Rooms, str], place: str
) -> None:
    rooms, name = small
    rooms.declare(SMALL.format(name=name))
    await rooms.die_at(f"room.apply_{place}")
    await _rescue(rooms, name)


@pytest.mark.parametrize("place", ["hide", "unalias", "publish", "alias", "upgraded"])
async def test_killed_while_changing_rooms_it_goes_on_to_the_same_result(
    small: tuple[Rooms, str], place: str
) -> None:
    rooms, name = small
    plain = SMALL.format(name=name) + 'listed = true\nversion = "11"\n'
    archived = plain + "archived = true\n"
    rooms.declare(plain)
    await rooms.apply()
    if place == "upgraded":
        rooms.declare(plain.replace('"11"', '"12"'))
    elif place in ("hide", "unalias"):
        rooms.declare(archived)
    else:
        rooms.declare(archived)
        await rooms.apply()
        rooms.declare(plain)
    await rooms.die_at(f"room.apply_{place}")
    await _rescue(rooms, name, replaced=1 if place == "upgraded" else 0)


async def _rescue(rooms: Rooms, name: str, *, replaced: int = 0) -> None:
    """What is left to do is done, and nothing is there twice."""
    assert (await rooms.apply(upgrade=True)).left == []
    assert await rooms.plan() == {}
    made = await rooms.rooms_of_network(name)
    assert {key: len(ids) for key, ids in made.items()} == dict.fromkeys(rooms.network.rooms, 1)
    joined = (await rooms.get("joined_rooms"))["joined_rooms"]
    assert len(joined) == len(rooms.network.rooms) + replaced
