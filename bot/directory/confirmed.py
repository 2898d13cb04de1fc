"""What the hospital says of somebody beside that they are a clinician: their number, name and specialty."""

from __future__ import annotations

from bot.chat.desk import Desk
from bot.directory import numbers, store, taxonomy
from bot.directory.numbers import BadNumber
from bot.directory.profiles import store as profiles
from bot.directory.profiles.rules import Profile

_LONGEST_NAME = 80


async def note_number(desk: Desk, user_id: str, npi: str) -> str:
    """Keep that an NPI is this person's; returns the note for their evidence.

    Empty where the hospital gave none, or none of valid form, or somebody else holds it already.
    """
    try:
        number = numbers.read("npi", npi)
    except BadNumber:
        return ""
    mac = store.mac(desk.tx, "claim", "number", number.register.casefold(), number.value)
    claim = await store.claim(desk.tx, user_id, "number", mac, number.register, number.value, "confirmed")
    if claim.user_id != user_id:
        desk.tx.audit("system", "claim.conflict", user_id, kind="number")
        return ""
    if claim.state == "open":
        await store.decide_claim(desk.tx, claim.id, "confirmed")
    return f"{number.register} {number.value}"


async def note_profile(desk: Desk, user_id: str, name: str, specialty: str) -> None:
    """Begin somebody's profile, unless they have one; it is not listed until they say so."""
    known = taxonomy.find(specialty) if specialty else None
    if (name or known) and await profiles.load(desk.tx, user_id) is None:
        profile = Profile(name=" ".join(name.split())[:_LONGEST_NAME], specialty=known.key if known else "")
        await profiles.keep(desk.tx, user_id, profile, Profile())
