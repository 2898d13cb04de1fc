"""The use cases of profiles: say who one is, agree to be found, find a colleague."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.chat.desk import Context, Desk
from bot.directory import taxonomy
from bot.directory.policy import may_talk
from bot.directory.profiles import languages, rules, store
from bot.directory.profiles.rules import Profile, Wanted
from bot.directory.roster import RosterFile
from bot.directory.service import announce, standings_of
from bot.directory.standing import Level, Standing

MOST_CANDIDATES = 500
LEAST_LEVEL = Level.L2


async def profile_of(desk: Desk, user_id: str) -> Profile:
    """Somebody's profile; until they make one, what the roster says."""
    kept = await store.load(desk.tx, user_id)
    if kept is not None:
        return kept
    known = desk.house.part(RosterFile).current.clinicians.get(user_id)
    if known is None:
        return Profile()
    specialty = taxonomy.find(known.specialty)
    return Profile(name=known.name, specialty=specialty.key if specialty is not None else "")


async def change(ctx: Context, **fields: Any) -> Profile:
    """Change fields of one's own profile; returns it."""
    earlier = await profile_of(ctx, ctx.sender)
    profile = replace(earlier, **fields)
    if not profile.specialty:
        profile = replace(profile, listed=False)
    await store.keep(ctx.tx, ctx.sender, profile, earlier)
    ctx.tx.audit(ctx.sender, "profile.changed", ctx.sender, listed=profile.listed)
    if profile.specialty != earlier.specialty:
        await announce(ctx, ctx.sender)  # rooms of the new specialty are offered
    return profile


async def undo(ctx: Context) -> Profile | None:
    """Take the last change back; None if there is none."""
    earlier = await store.before(ctx.tx, ctx.sender)
    if earlier is not None:
        await store.keep(ctx.tx, ctx.sender, earlier, await profile_of(ctx, ctx.sender))
        ctx.tx.audit(ctx.sender, "profile.changed", ctx.sender, listed=earlier.listed)
    return earlier


async def erase(ctx: Context) -> bool:
    """Erase one's profile; False if there was none."""
    erased = await store.erase(ctx.tx, ctx.sender)
    if erased:
        ctx.tx.audit(ctx.sender, "profile.erased", ctx.sender)
    return erased


def read_wanted(text: str) -> Wanted:
    """What somebody who looks for a colleague asks for."""

    def specialty(phrase: str) -> str | None:
        found = taxonomy.find(phrase)
        return found.key if found is not None else None

    return rules.read(text.split(), specialty, languages.find)


@dataclass(frozen=True)
class Found:
    """Colleagues who fit, the best first: `more` says that there may be others beyond those looked at."""

    people: Sequence[tuple[str, Profile, Standing]]
    more: bool = False


async def search(desk: Desk, wanted: Wanted) -> Found:
    """Everybody who is listed, fits, is verified at least to L2, and whose hospital takes part."""
    groups = rules.asked(wanted)
    if not groups:
        return Found(())
    candidates = await store.search(desk.tx, groups, MOST_CANDIDATES)
    servers = desk.house.hospitals.servers()
    standings = await standings_of(desk, [user for user, _profile in candidates])
    fitting = [
        (user, profile)
        for user, profile in candidates
        if may_talk(user, servers) and standings[user].welcome and standings[user].level >= LEAST_LEVEL
    ]
    ordered = rules.ranked(fitting, wanted, lambda user: int(standings[user].level))
    people = [(user, profile, standings[user]) for user, profile in ordered]
    return Found(people, more=len(candidates) == MOST_CANDIDATES)


async def droppable(desk: Desk, wanted: Wanted) -> list[tuple[str, int]]:
    """Which criterion to drop so that somebody fits, with how many then do, the most first."""
    if len(wanted.criteria) < 2:
        return []
    counts = [(kind, len((await search(desk, wanted.without(kind))).people)) for kind in wanted.criteria]
    return sorted(((kind, count) for kind, count in counts if count), key=lambda one: -one[1])
