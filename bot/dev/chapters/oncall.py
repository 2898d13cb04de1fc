"""Who is on call: the worked example's rotas, as people ask about them and change them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.dev.story import Cast, Person, heading, remark
from bot.directory.model import Roster
from bot.directory.roster import load_roster
from bot.kernel.errors import CurbsideError
from bot.oncall.rules import on_duty, turn_ends

HOSPITAL = "north"
_ROTA = "cardiology"
_SETTLED = timedelta(minutes=3)  # a chapter is played within it


async def on_call(cast: Cast, rota: str) -> Person:
    """Whoever is on in a rota of the example now; a shift that is about to end is waited for."""
    roster = _roster(cast)
    now = datetime.now(UTC)
    people = on_duty(roster.rotas[rota], now)
    if not people:
        raise CurbsideError(f"Nobody is on in the rota {rota}.")
    ends = turn_ends(roster.rotas[rota], people[0], now)
    if ends is not None and ends - now < _SETTLED:
        remark(f"The shift changes at {ends.astimezone(roster.rotas[rota].zone):%H:%M}: we wait for it.")
        await asyncio.sleep((ends - now).total_seconds() + 1)
        return await on_call(cast, rota)
    return await _enter(cast, roster, people[0])


async def who_is_on_call(cast: Cast) -> None:
    """Asking who is on, the week at a glance, and a colleague who takes over two hours."""
    heading("Who is on call")
    remark(
        "North Hospital's cardiology is the worked example of docs/department.md: nights, weekends, days, "
        "holidays, an attending behind them. In this demo a minute of its policies lasts a second."
    )
    roster = _roster(cast)
    rota = roster.rotas[_ROTA]
    evening = datetime.now(rota.zone).replace(hour=20, minute=30) + timedelta(days=1)
    (on,) = on_duty(rota, evening)
    covered = await _enter(cast, roster, on)
    now = on_duty(rota, datetime.now(UTC))
    stand_in = await _enter(cast, roster, next(user for user in (*now, *rota.people) if user != on))
    await covered.chat()

    await stand_in.types("!who cardiology")
    await stand_in.reads("on call now", kind="oncall.who")
    await stand_in.types("!oncall week cardiology")
    await stand_in.reads("Cardiology", kind="oncall.week")
    await stand_in.reads("", kind="oncall.picture")
    await stand_in.types("!cover cardiology tomorrow 20:00-22:00")
    await stand_in.reads("is on for", kind="oncall.cover")
    await covered.reads("covers for you", kind="oncall.cover")


def _roster(cast: Cast) -> Roster:
    return load_roster(Path(cast.hospital(HOSPITAL)["config"]).with_name("roster.toml"), "UTC")


async def _enter(cast: Cast, roster: Roster, user: str) -> Person:
    return await cast.enter(roster.name_of(user), HOSPITAL, specialty="cardiology")
