"""`curbside dev clinician`: an account on one of the homeservers, and a place on the roster."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

from bot.dev.roster_edit import add_clinician
from bot.dev.synapse import HomeserverGroup, UserExistsError, register_user
from bot.dev.up import hospital_of, read_state
from bot.kernel.errors import CurbsideError

DEFAULT_SERVICE = "cardiology"


async def make_clinician(
    directory: Path,
    name: str,
    *,
    hospital: str | None = None,
    specialty: str = "",
    on_call: bool = False,
    level: str = "L2",
    roster_of: str | None = None,
) -> dict[str, str]:
    """Register `name` at a hospital (the first by default) and put them on its roster.

    With `on_call`, they are asked last in the service of their specialty, else in cardiology.
    `roster_of` names another hospital on whose roster they stand as well. Returns the account:
    user_id, password, access_token, device_id, homeserver. Raises CurbsideError if the name is taken.
    """
    state = read_state(directory)
    entry = hospital_of(state, hospital)
    rosters = {each["name"]: each for each in (entry, hospital_of(state, roster_of or entry["name"]))}
    homeserver = HomeserverGroup.load(directory)[entry["name"]]
    localpart = re.sub(r"[^a-z0-9._=-]+", ".", name.lower()).strip(".")
    if not localpart:
        raise CurbsideError(f"NAME: {name!r} holds no letter a to z and no digit to make an account name of.")
    password = secrets.token_urlsafe(12)
    try:
        account = await register_user(homeserver, localpart, password, displayname=name)
    except UserExistsError:
        raise CurbsideError(f"NAME: {localpart} exists already at {entry['name']}; choose another.") from None
    for each in rosters.values():
        add_clinician(
            _roster(each),
            account.user_id,
            name,
            specialty=specialty,
            level=level,
            on_call_for=(specialty or DEFAULT_SERVICE) if on_call else None,
        )
    return {
        "user_id": account.user_id,
        "password": password,
        "access_token": account.access_token,
        "device_id": account.device_id,
        "homeserver": entry["homeserver"],
    }


def _roster(entry: dict[str, Any]) -> Path:
    return Path(entry["config"]).with_name("roster.toml")
