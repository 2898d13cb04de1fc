"""A consult between two hospitals, each with its own Curbside: the asking one never sees the other's rota."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.dev.chapters.basics import curbside
from bot.dev.chapters.oncall import on_call
from bot.dev.story import Cast, heading, line, remark

_FINGERPRINT = "when they ask:"


async def between_hospitals(cast: Cast) -> None:
    """Two operators agree, a service is offered, and somebody of the other hospital asks it."""
    heading("A consult between two hospitals")
    remark(
        "The two operators exchange signed statements and read their fingerprints out on the telephone. "
        'North\'s roster offers its cardiology to South: offered_to = ["south…"]. Lea works at South. '
        "A STAT page goes out by SMS or pager as well where there is a gateway; this machine has none."
    )
    north, south = cast.hospital("north"), cast.hospital("south")
    moderator = await cast.moderator("south")
    await asyncio.gather(_adds(north, south), _adds(south, north))
    await moderator.reads("offers us", kind="between.offers", where="moderators' room")

    consultant = await on_call(cast, "cardiology")
    lea = await cast.enter("Lea Wood", "south", specialty="emergency medicine")
    await lea.types("!consult cardiology@north stat Chest pain, ST elevation V2 to V5: straight to your lab?")
    await lea.reads("asking", kind="consult.state")
    page = await consultant.reads("ST elevation", kind="consult.page", ever=True)
    await consultant.taps(page, "✅")
    await lea.reads("has accepted", kind="consult.state")
    opening = await consultant.reads("ST elevation", kind="consult.question", where="their room")
    room_id = opening["room_id"]
    await consultant.types(
        "!answer Yes, straight to the lab. Aspirin and heparin now.", room_id, "their room"
    )
    answer = await lea.reads("straight to the lab", kind="consult.answer")
    await lea.taps(answer, "✅")
    await lea.reads("closed")


async def _adds(own: dict[str, Any], other: dict[str, Any]) -> None:
    """One operator takes the other's statement in."""
    statement = await curbside(other, "hospital", "statement")
    told = statement.stderr.partition(_FINGERPRINT)[2].strip()
    command = ["hospital", "add", "-", "--fingerprint", told]
    done = await curbside(own, *command, stdin=statement.stdout)
    where = f"terminal of {own['name'].capitalize()} Hospital"
    line(f"curbside hospital add {other['name']}.statement", where, done.stdout.strip().splitlines()[-1])
