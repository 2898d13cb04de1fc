"""Admission as people live it: asking, knocking, accepting rules, losing one's place and getting it back."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.chat.desk import Desk
from bot.directory.standing import Level
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.rooms.admission import service, store
from bot.rooms.file import NetworkFile
from bot.rooms.moderation import raids
from bot.rooms.moderation import service as moderation
from bot.rooms.moderation.model import Kind, Plan
from bot.rooms.store import key_of
from tests.support.network import ANNA, BEN, BOT, CARA, FILE, MOD, MODERATORS, STRANGER, NetworkStage


@pytest.fixture
async def stage(db: Database, clock: ManualClock, tmp_path: Path) -> NetworkStage:
    return await NetworkStage(db, clock, tmp_path).open()


ROOM = NetworkStage.room_id


# Asking ------------------------------------------------------------------------------------------


async def test_join_shows_the_rules_and_invites_to_room_and_space_once_they_are_accepted(
    stage: NetworkStage,
) -> None:
    await stage.verifies(ANNA)
    stage.chats.clear()
    (rules,) = await stage.says(ANNA, "!join cards")
    assert "Cardiology" in rules
    assert "No patient names." in rules
    assert stage.acts() == []
    (invited,) = await stage.taps(ANNA, "✅")
    assert stage.acts() == [(ROOM("cardiology"), "invite", ANNA), (ROOM("medicine"), "invite", ANNA)]
    assert f"https://matrix.to/#/{ROOM('cardiology')}?via=north.example" in invited
    # The door was the accepted one: neither rules nor a mute follow.
    await stage.arrives(ANNA, "cardiology")
    assert stage.acts() == []
    assert stage.told(ANNA)[-1] == "Welcome to Cardiology.\nSay which hospital you are from."


async def test_a_room_without_rules_opens_at_once_and_in_german_too(stage: NetworkStage) -> None:
    await stage.verifies(BEN)
    await stage.says(BEN, "!language deutsch")
    assert (await stage.says(BEN, "!beitreten Neurologie"))[-1].startswith("Sie sind eingeladen")
    assert stage.acts() == [(ROOM("neurology"), "invite", BEN), (ROOM("medicine"), "invite", BEN)]
    assert "Kardiologie" in "\n".join(await stage.says(BEN, "!räume"))


async def test_typed_acceptance_needs_no_button(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    await stage.says(ANNA, "!join cardiology yes")
    assert (ROOM("cardiology"), "invite", ANNA) in stage.acts()


async def test_who_lacks_a_level_reads_what_is_missing_and_is_let_in_as_soon_as_it_is_there(
    stage: NetworkStage,
) -> None:
    (refused,) = await stage.says(ANNA, "!join neurology")
    assert "L2" in refused
    assert "!verify" in refused
    assert stage.acts() == []
    await stage.verifies(ANNA, Level.L1, method="number")
    assert stage.acts() == []
    await stage.verifies(ANNA)
    assert set(stage.acts()) == {(ROOM("neurology"), "invite", ANNA), (ROOM("medicine"), "invite", ANNA)}
    assert stage.kinds(ANNA).count("rooms.invited") == 1


async def test_a_wish_for_a_room_with_rules_brings_them_first(stage: NetworkStage) -> None:
    await stage.says(ANNA, "!join cardiology")
    await stage.verifies(ANNA)
    assert stage.acts() == []
    assert "rooms.rules" in stage.kinds(ANNA)
    await stage.taps(ANNA, "✅")
    assert (ROOM("cardiology"), "invite", ANNA) in stage.acts()
    async with stage.db.read() as tx:
        assert await store.wishes_of(tx, ANNA) == []


async def test_leave_takes_back_a_wish_and_an_invitation_and_explains_the_rest(stage: NetworkStage) -> None:
    await stage.says(ANNA, "!join icu")
    assert "no longer keep" in (await stage.says(ANNA, "!leave icu"))[0]
    await stage.verifies(ANNA, Level.L3)
    assert stage.acts() == []
    await stage.says(ANNA, "!join icu")
    stage.acts()
    assert "taken back" in (await stage.says(ANNA, "!leave intensive"))[0]
    assert stage.acts() == [(ROOM("icu"), "kick", ANNA)]
    await stage.arrives(ANNA, "lobby")
    assert "leave it in your app" in (await stage.says(ANNA, "!leave lobby"))[0]
    assert "not in" in (await stage.says(ANNA, "!leave stroke unit"))[0]


async def test_the_list_is_short_and_its_numbers_mean_what_was_shown(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    await stage.arrives(ANNA, "lobby")
    await stage.says(ANNA, "!join stroke unit")
    (shown,) = await stage.says(ANNA, "!rooms")
    assert shown.splitlines() == [
        "You are in: Lobby",
        "You wait for: Stroke unit",
        "Medicine",
        "1. Cardiology",
        "2. Neurology",
        "To join: the number below, !join 2, or !join cardiology",
        "Need L3 (your hospital’s sign-in, or a check of the register): Intensive care",
        "!verify takes you there.",
    ]
    await stage.arrives(ANNA, "cardiology")  # the list on the screen is an old one now
    stage.acts()
    await stage.says(ANNA, "!join 2")
    assert (ROOM("neurology"), "invite", ANNA) in stage.acts()
    assert "no list" in (await stage.says(ANNA, "!join 7"))[0]
    assert "no list" in (await stage.says(BEN, "!join 1"))[0]


async def test_a_number_button_joins(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    await stage.says(ANNA, "!rooms medicine")
    await stage.taps(ANNA, "2️⃣")
    assert (ROOM("neurology"), "invite", ANNA) in stage.acts()


async def test_a_misspelling_gets_a_suggestion_and_a_thumb_takes_it(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    (suggested,) = await stage.says(ANNA, "!join neurolgy")
    assert "Did you mean Neurology?" in suggested
    await stage.taps(ANNA, "👍")
    assert (ROOM("neurology"), "invite", ANNA) in stage.acts()
    assert "I know no room" in (await stage.says(ANNA, "!join xylophone"))[0]


async def test_what_somebody_is_verified_as_is_not_told_in_a_room(stage: NetworkStage) -> None:
    await stage.arrives(ANNA, "lobby")
    told = len(stage.told(ANNA))
    await stage.says(ANNA, "!join icu", room=ROOM("lobby"))
    assert stage.in_room(ROOM("lobby")) == ["I have answered in our direct chat."]
    assert "L3" in stage.told(ANNA)[told]


async def test_a_moderator_needs_no_level(stage: NetworkStage) -> None:
    await stage.says(MOD, "!join icu")
    assert (ROOM("icu"), "invite", MOD) in stage.acts()
    await stage.arrives(MOD, "icu")
    await stage.arrives(BOT, "icu", "invite", by=MOD)
    assert stage.acts() == []


# Arriving ----------------------------------------------------------------------------------------


async def test_a_knock_is_answered_by_an_invitation_or_turned_down(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    await stage.arrives(ANNA, "neurology", "knock")
    assert set(stage.acts()) == {(ROOM("neurology"), "invite", ANNA), (ROOM("medicine"), "invite", ANNA)}
    await stage.arrives(BEN, "neurology", "knock")
    assert stage.acts() == [(ROOM("neurology"), "kick", BEN)]
    assert "L2" in stage.told(BEN)[-1]
    # The wish is remembered: the verification brings the invitation.
    await stage.verifies(BEN)
    assert (ROOM("neurology"), "invite", BEN) in stage.acts()


async def test_strangers_are_turned_down_without_a_word(stage: NetworkStage) -> None:
    await stage.arrives(STRANGER, "lobby", "knock")
    await stage.arrives(STRANGER, "lobby", "join")
    assert stage.acts() == [(ROOM("lobby"), "kick", STRANGER)] * 2
    assert stage.told(STRANGER) == []


async def test_repeated_knocks_are_turned_down_each_but_told_once(stage: NetworkStage) -> None:
    for _ in range(3):
        await stage.arrives(BEN, "neurology", "knock")
    assert len(stage.acts()) == 3
    assert stage.kinds(BEN) == ["rooms.refused"]


async def test_whoever_joins_by_another_way_without_being_eligible_is_out_at_once(
    stage: NetworkStage,
) -> None:
    await stage.arrives(BEN, "icu")
    assert stage.acts() == [(ROOM("icu"), "kick", BEN)]
    assert await stage.membership(BEN, "icu") == "leave"


async def test_an_invitation_of_somebody_ineligible_is_rescinded_and_the_inviter_told(
    stage: NetworkStage,
) -> None:
    await stage.verifies(ANNA)
    await stage.arrives(BEN, "neurology", "invite", by=ANNA)
    assert stage.acts() == [(ROOM("neurology"), "kick", BEN)]
    assert BEN in stage.told(ANNA)[-1]
    assert stage.told(BEN) == []
    await stage.verifies(CARA)
    await stage.arrives(CARA, "neurology", "invite", by=ANNA)
    assert stage.acts() == []


async def test_whoever_comes_in_by_another_way_is_mute_until_they_accept(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    await stage.arrives(ANNA, "cardiology")
    assert stage.acts() == [(ROOM("cardiology"), "levels", {ANNA: -1})]
    assert "No patient names." in stage.told(ANNA)[-1]
    assert "read, not write" in stage.told(ANNA)[-1]
    await stage.taps(ANNA, "✅")
    assert stage.acts() == [(ROOM("cardiology"), "levels", {ANNA: None})]
    assert stage.told(ANNA)[-1] == "Thank you. Welcome to Cardiology."
    await stage.passes(days=2)
    assert "rooms.reminder" not in stage.kinds(ANNA)
    # Accepted once is accepted: leaving and coming again asks nothing.
    await stage.arrives(ANNA, "cardiology", "leave")
    await stage.arrives(ANNA, "cardiology")
    assert stage.acts() == []


async def test_who_does_not_accept_is_reminded_once(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    await stage.arrives(ANNA, "cardiology")
    shown = stage.kinds(ANNA).count("rooms.welcome")
    await stage.passes(hours=25)
    await stage.passes(days=3)
    assert stage.kinds(ANNA).count("rooms.welcome") == shown + 1
    assert "not accepted the rules yet" in stage.told(ANNA)[-1]


async def test_whoever_leaves_mute_is_no_longer_named_in_the_power_levels(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    await stage.arrives(ANNA, "cardiology")
    stage.acts()
    await stage.arrives(ANNA, "cardiology", "leave")
    assert stage.acts() == [(ROOM("cardiology"), "levels", {ANNA: None})]


async def test_rules_that_change_are_accepted_anew(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    await stage.says(ANNA, "!join cardiology yes")
    (stage.folder / "network.toml").write_text(FILE.replace("No patient names.", "No names at all."), "utf-8")
    await stage.arrives(ANNA, "cardiology")
    assert "No names at all." in stage.told(ANNA)[-1]


async def test_the_same_rules_are_accepted_once(db: Database, clock: ManualClock, tmp_path: Path) -> None:
    everywhere = 'level = "L2"\nrules = "No patient names."\nmute = true\n'
    text = FILE.replace('level = "L2"\n', everywhere, 1).replace(
        'rules_de = "Keine Namen von Patienten."\n', ""
    )
    stage = await NetworkStage(db, clock, tmp_path, text).open()
    await stage.verifies(ANNA)
    for key in ("neurology", "cardiology"):
        await stage.arrives(ANNA, key)
    assert {act[2][ANNA] for act in stage.acts()} == {-1}
    await stage.arrives(ANNA, "medicine")
    assert stage.acts() == []  # nobody writes in a space
    await stage.taps(ANNA, "✅")
    assert sorted(stage.acts()) == [
        (ROOM(key), "levels", {ANNA: None}) for key in ("cardiology", "neurology")
    ]
    await stage.arrives(ANNA, "lobby")
    assert stage.acts() == []


async def test_a_rush_is_left_to_the_moderators(stage: NetworkStage) -> None:
    crowd = [f"@raider{number}:south.example" for number in range(60)]
    for user in crowd:
        await stage.journal(user, "lobby", "knock")
    await stage.settle()
    invited = [user for room, op, user in stage.acts() if (room, op) == (ROOM("lobby"), "invite")]
    assert len(invited) < len(crowd) / 2
    assert stage.in_room(MODERATORS) != []
    await stage.tells("rooms.see", {"key": "lobby"})  # nor does a look at everybody answer them
    assert stage.acts() == []
    async with stage.db.begin() as tx:
        await raids.decide(Desk(stage.house, tx, "curbside"), "lobby", MOD, "in")
    await stage.settle()
    answered = [user for room, op, user in stage.acts() if (room, op) == (ROOM("lobby"), "invite")]
    assert sorted(invited + answered) == sorted(crowd)


async def test_whoever_moderators_let_in_after_a_rush_is_mute_until_they_accept(stage: NetworkStage) -> None:
    crowd = [f"@newcomer{number}:south.example" for number in range(30)]
    for user in crowd:
        await stage.verifies(user)
    for user in crowd:
        await stage.journal(user, "cardiology", "join")
    await stage.settle()
    stage.acts()
    last = crowd[-1]
    assert "rooms.welcome" not in stage.kinds(last)
    async with stage.db.begin() as tx:
        await raids.decide(Desk(stage.house, tx, "curbside"), "cardiology", MOD, "in")
    await stage.settle()
    levels = [users[last] for _room, op, users in stage.acts() if op == "levels" and last in users]
    assert levels == [None, -1]
    assert "rooms.welcome" in stage.kinds(last)
    await stage.taps(last, "✅")
    assert stage.acts() == [(ROOM("cardiology"), "levels", {last: None})]


async def test_whom_moderators_have_banned_is_out_by_every_way_and_told_how_to_appeal(
    stage: NetworkStage,
) -> None:
    await stage.verifies(ANNA)
    async with stage.db.begin() as tx:
        desk = Desk(stage.house, tx, "curbside")
        await moderation.carry_out(desk, Plan(Kind.BAN, who=ANNA), MOD, quiet=True)
    await stage.settle()
    stage.acts()
    for membership in ("knock", "join"):
        await stage.arrives(ANNA, "neurology", membership)
        assert stage.acts() == [(ROOM("neurology"), "kick", ANNA)]
    assert "!appeal" in (await stage.says(ANNA, "!join cardiology"))[-1]
    await stage.arrives(ANNA, "neurology", "invite", by=MOD)
    assert stage.acts() == [(ROOM("neurology"), "kick", ANNA)]
    await stage.verifies(ANNA, Level.L3, method="register")
    assert stage.acts() == []


# Losing one's place ------------------------------------------------------------------------------


async def test_expiry_takes_out_of_every_room_and_the_next_proof_brings_back(stage: NetworkStage) -> None:
    await stage.verifies(ANNA, Level.L3, until=stage.clock.now() + timedelta(hours=1))
    for key in ("medicine", "neurology", "icu", "lobby"):
        await stage.arrives(ANNA, key)
    await stage.arrives(ANNA, "stroke", "invite", by=MOD)
    stage.acts()
    await stage.passes(hours=2)
    out = {(ROOM(key), "kick", ANNA) for key in ("medicine", "neurology", "icu", "stroke")}
    assert set(stage.acts()) == out
    assert stage.kinds(ANNA).count("rooms.withdrawn") == 1
    assert "!verify" in stage.told(ANNA)[-1]
    await stage.passes(minutes=2)
    assert stage.in_room(MODERATORS) == []  # time took it: no line for the moderators
    await stage.verifies(ANNA, Level.L3)
    assert {act[0] for act in stage.acts()} == {room for room, _op, _user in out}


async def test_a_withdrawal_by_somebody_is_one_line_for_the_moderators(stage: NetworkStage) -> None:
    for user in (ANNA, BEN):
        await stage.verifies(user)
        for key in ("medicine", "neurology"):
            await stage.arrives(user, key)
    await stage.withdraws(ANNA)
    await stage.withdraws(BEN)
    await stage.passes(minutes=1)
    assert stage.in_room(MODERATORS) == [f"Taken out of rooms (how many): {ANNA} (2), {BEN} (2)."]


async def test_the_same_news_twice_does_nothing_the_second_time(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    await stage.arrives(ANNA, "neurology")
    await stage.withdraws(ANNA)
    stage.acts()
    said = len(stage.told(ANNA))
    await stage.tells("directory.standing", {"user_id": ANNA})
    assert stage.acts() == []
    assert len(stage.told(ANNA)) == said


async def test_a_hospital_that_is_no_longer_listed_loses_all_of_its_people(stage: NetworkStage) -> None:
    crowd = [f"@clinician{number}:south.example" for number in range(30)]
    for user in [*crowd, ANNA]:
        await stage.verifies(user)
        await stage.arrives(user, "neurology")
        stage.clock.advance(timedelta(minutes=5))  # no rush
    stage.acts()
    settings = stage.house.settings.model_copy(update={"allowed_servers": ("east.example",)})
    object.__setattr__(stage.house, "hospitals", type(stage.house.hospitals)(settings))
    await stage.tells("directory.hospital", {"server": "south.example"})
    await stage.passes(seconds=1)
    assert {act for act in stage.acts() if act[:2] == (ROOM("neurology"), "kick")} == {
        (ROOM("neurology"), "kick", user) for user in crowd
    }


async def test_a_listing_finds_who_came_in_unseen(stage: NetworkStage) -> None:
    from bot.matrix import store as matrix

    async with stage.db.begin() as tx:
        unseen = {BEN: "join", CARA: "invite", STRANGER: "join"}
        await matrix.keep_members(tx, "curbside", ROOM("neurology"), unseen)
        await service.look_at_everybody(Desk(stage.house, tx, "curbside"))
    await stage.settle()
    assert {act for act in stage.acts() if act[1] == "kick"} == {
        (ROOM("neurology"), "kick", user) for user in (BEN, CARA, STRANGER)
    }


async def test_a_changed_file_looks_at_everybody_once(stage: NetworkStage) -> None:
    await stage.verifies(ANNA)
    await stage.arrives(ANNA, "neurology")

    async def look() -> None:
        async with stage.db.begin() as tx:
            await service.network_changed(Desk(stage.house, tx, "curbside"))
        await stage.settle()

    await look()
    everywhere = sorted(stage.house.part(NetworkFile).current.rooms)
    assert stage.acts() == [(ROOM(key), "members", None) for key in everywhere]
    await look()
    assert stage.acts() == []
    fresh = FILE.replace('specialty = "neurology"\n', 'specialty = "neurology"\nlevel = "L3"\n', 1)
    (stage.folder / "network.toml").write_text(fresh, "utf-8")
    await look()
    assert (ROOM("neurology"), "kick", ANNA) in stage.acts()


async def test_an_upgraded_room_takes_the_place_of_the_old_one(stage: NetworkStage) -> None:
    new = "!successor:north.example"
    await stage.arrives(BEN, new)
    assert stage.acts() == []  # nobody has said yet that this is one of ours
    await stage.tells("matrix.moved", {"old": ROOM("neurology"), "new": new})
    assert (new, "kick", BEN) in stage.acts()
    async with stage.db.read() as tx:
        assert await key_of(tx, new) == "neurology"
        assert await key_of(tx, ROOM("neurology")) is None
    await stage.arrives(CARA, new)
    assert stage.acts() == [(new, "kick", CARA)]


# Suggestions -------------------------------------------------------------------------------------


async def test_the_rooms_of_ones_specialty_are_offered_once(stage: NetworkStage) -> None:
    roster = f'[clinicians."{ANNA}"]\nname = "Dr Anna Berg"\nspecialty = "Neurologie"\n'
    (stage.folder / "roster.toml").write_text(roster, "utf-8")
    await stage.verifies(ANNA)
    assert stage.kinds(ANNA).count("rooms.suggestion") == 1
    assert "Neurology" in stage.told(ANNA)[-1]
    await stage.taps(ANNA, "✅")
    assert (ROOM("neurology"), "invite", ANNA) in stage.acts()
    await stage.verifies(ANNA, Level.L3, method="register")
    assert stage.kinds(ANNA).count("rooms.suggestion") == 2  # the stroke unit is open to them now
    await stage.tells("directory.standing", {"user_id": ANNA})
    assert stage.kinds(ANNA).count("rooms.suggestion") == 2
