"""Consults: one that nobody answers at first, and one across two hospitals."""

from __future__ import annotations

from typing import Any

from bot.dev.chapters.oncall import on_call
from bot.dev.story import Cast, heading, remark


async def nobody_is_left_waiting(cast: Cast) -> None:
    """Seen but not accepted: the next tier is asked; then the whole loop to its end."""
    heading("A consult: seen, silence, the attending")
    remark(
        "Whoever is on call taps 👀 and is called away. After a reminder and some silence the attending is "
        "asked, and accepts."
    )
    first = await on_call(cast, "cardiology")
    attending = await on_call(cast, "cardiology-second")
    jon = await cast.enter("Jon Berg", "north", specialty="internal medicine")

    await jon.types("!consult cardiology urgent New AF, rate 140, BP 95/60: cardiovert or rate control?")
    asked = await jon.reads("asking", kind="consult.state")
    consult = str(asked["content"]["org.curbside"]["id"])
    page = await first.reads(consult, kind="consult.page", ever=True)
    await first.taps(page, "👀")
    await jon.reads("has seen it", kind="consult.state")
    await first.reads("nobody has it yet", kind="consult.state")

    await jon.reads(f"asking {attending.name}", kind="consult.state")
    page = await attending.reads(consult, kind="consult.page", ever=True)
    await attending.taps(page, "✅")
    await jon.reads("has accepted", kind="consult.state")

    room = f"room of {consult}"
    opening = await attending.reads(f"consult {consult}", kind="consult.question", where=room)
    room_id = opening["room_id"]
    await attending.types("!interim On my way: pads on, please.", room_id, room)
    await jon.reads("pads on")
    await attending.types(
        "!answer Unstable: synchronised shock now. If the pressure recovers, metoprolol.", room_id, room
    )
    await jon.reads("in your own words", room_id=room_id, where=room)
    await jon.types("!close Shock now; metoprolol only once the pressure is back.", room_id, room)
    survey = await jon.reads(consult, kind="consult.survey")
    for emoji in ("👍", "❌", "4️⃣"):
        await jon.taps(survey, emoji)
    await jon.reads("thank you", kind="consult.survey")


async def across_hospitals(cast: Cast) -> None:
    """One rota across two homeservers: the first on call declines, the second accepts."""
    heading("A rota across two hospitals")
    remark(
        "On call for neurology at North Hospital: first Bo, whose account is on South Hospital's own "
        "homeserver, then Cleo. Jon at North asks."
    )
    on: dict[str, Any] = {"specialty": "neurology", "on_call": True}
    bo = await cast.enter("Bo Stern", "south", roster_of="north", **on)
    cleo = await cast.enter("Cleo Hart", "north", **on)
    jon = await cast.enter("Jon Berg", "north", specialty="internal medicine")

    await jon.types("!consult neurology routine First seizure, now well, normal CT: treat, or wait for EEG?")
    asked = await jon.reads("asking", kind="consult.state")
    consult = str(asked["content"]["org.curbside"]["id"])
    page = await bo.reads(consult, kind="consult.page", ever=True)
    await bo.taps(page, "❌")
    await jon.reads("declined", kind="consult.state")
    page = await cleo.reads(consult, kind="consult.page", ever=True)
    await cleo.taps(page, "✅")
    await jon.reads("has accepted", kind="consult.state")
