"""What the moderators read about other hospitals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, code, joined, lines
from bot.directory.hospital.rules import Hospital

SHARES: Mapping[str, str] = {
    "talk": "write to me",
    "rooms": "be in rooms",
    "consults": "ask and answer consults",
    "invites": "invite me into chats and rooms",
}


def changed(t: Translator, hospital: Hospital, state: str, may: frozenset[str]) -> Message:
    """How a hospital stands from now on."""
    who = _who(t, hospital)
    match state:
        case "suspended":
            body = lines(
                [
                    t("**{who} is suspended.**", who=who),
                    t("Its people lose the rooms, cannot write to me, and are asked no consults."),
                ]
            )
        case "removed":
            body = t("**{who} takes part no longer.** Its people are removed from the rooms.", who=who)
        case "expired":
            body = lines(
                [
                    t("**The agreement with {who} has ended.**", who=who),
                    t("Its people take part again when your operator adds a new statement of theirs."),
                ]
            )
        case _ if may:
            shares = [t(SHARES[what]) for what in SHARES if what in may]
            body = t("**{who} takes part.** Its people may: {shares}.", who=who, shares=joined(shares, ", "))
        case _:
            body = t("**{who} is not suspended any more**, but nothing allows it to take part.", who=who)
    return Message("hospital.state", body, state=state, loud=state != "listed")


def expiring(t: Translator, hospital: Hospital, now: datetime) -> Message:
    """That a statement ends soon."""
    assert hospital.expires is not None
    body = lines(
        [
            t(
                "**The agreement with {who} ends in {span}.**",
                who=_who(t, hospital),
                span=t.span(hospital.expires - now),
            ),
            t("Please tell your operator: without a new statement of theirs, its people are shut out."),
        ]
    )
    return Message("hospital.expiring", body, loud=True)


def locked_out(t: Translator, rooms: Sequence[str]) -> Message:
    """That rooms keep the access list they have."""
    body = t(
        "**I have not changed the server access list of {rooms}:** it would shut out people who moderate. "
        "Please ask your operator to let their hospital into rooms, or take their power away.",
        rooms=", ".join(rooms[:10]) + (" …" if len(rooms) > 10 else ""),
    )
    return Message("hospital.acl", body, loud=True)


def _who(t: Translator, hospital: Hospital) -> Rich:
    server = code(hospital.server)
    if not hospital.name:
        return t("The hospital {server}", server=server)
    return t("{name} ({server})", name=hospital.name, server=server)
