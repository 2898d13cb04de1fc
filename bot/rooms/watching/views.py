"""What people see of the watch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.chat.desk import Desk
from bot.chat.i18n import Translator, message_id
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, joined, lines, mention, verbatim
from bot.deid.model import Kind
from bot.directory.roster import RosterFile
from bot.rooms.model import DeclaredRoom
from bot.rooms.watching.store import Offer

_GAP = verbatim(" ")
_KINDS: Mapping[Kind, str] = {
    Kind.NAME: "a patient’s name",
    Kind.ROOM: "a room or bed",
    Kind.DATE: "a date",
    Kind.AGE: "an age over 89",
    Kind.PHONE: "a telephone number",
    Kind.FAX: "a fax number",
    Kind.EMAIL: "an e-mail address",
    Kind.NATIONAL: "a national number",
    Kind.RECORD: "a record number",
    Kind.PLAN: "an insurance number",
    Kind.ACCOUNT: "an account number",
    Kind.LICENCE: "a licence number",
    Kind.VEHICLE: "a vehicle’s number",
    Kind.DEVICE: "a device’s number",
    Kind.BIOMETRIC: "a biometric identifier",
}
_OTHER = "an identifier"
NOT_PRIVATE = message_id(
    "Write it again without that. This chat is not encrypted, so I cannot show you a version to post."
)
_POLICIES: Mapping[str, str] = {
    "off": "{room}: not watched",
    "warn": "{room}: I write to whoever wrote it",
    "redact": "{room}: I remove it, and offer a version without it",
}


def offered(t: Translator, offer: Offer, room: str, *, private: bool) -> Message:
    """To the author: what was found, and the version without it, if the chat is `private`."""
    what = _what(t, offer.kinds)
    if offer.removed:
        head = t("**I removed your message in {room}:** it seems to hold {what}.", room=room, what=what)
    else:
        head = t(
            "**Your message in {room} seems to hold {what}**, and the whole room reads it.",
            room=room,
            what=what,
        )
    if not offer.removed:
        way = t("✅ removes it for you. If I am wrong, you need do nothing.")
        buttons = {"✅": f"{offer.user_id} watch remove {offer.id}"}
        return Message("watch.offer", lines([head, way]), state="warned", loud=True, buttons=buttons)
    body = lines([head, *_version(t, offer, private=private)])
    buttons = _post(offer, private=private)
    return Message("watch.offer", body, state="removed", loud=True, buttons=buttons)


def taken_down(t: Translator, offer: Offer, room: str, *, private: bool) -> Message:
    """To the author: their message is removed, as they wished; it may be posted without identifiers."""
    head = t("I am removing your message in {room}.", room=room)
    body = lines([head, *_version(t, offer, private=private)])
    return Message("watch.offer", body, state="removed", buttons=_post(offer, private=private))


def _version(t: Translator, offer: Offer, *, private: bool) -> list[Rich]:
    if offer.text is None:
        return [t("Write it again without that, as a case that could be anybody’s.")]
    if not private:
        return [t("Send it again without that.") if offer.is_file else t(NOT_PRIVATE)]
    if offer.is_file:
        way = t("Send the file again with these words, if it shows nobody either.")
    else:
        way = t("✅ posts this in your name. Read it first: I may have missed something.")
    return [t("Without it, it reads:"), verbatim(offer.text), _GAP, way]


def _post(offer: Offer, *, private: bool) -> dict[str, str]:
    """Nobody posts in their name what they have not read."""
    able = private and offer.text is not None and not offer.is_file
    return {"✅": f"{offer.user_id} watch post {offer.id}"} if able else {}


def _what(t: Translator, kinds: Sequence[Kind]) -> Rich:
    named = dict.fromkeys(_KINDS.get(kind, _OTHER) for kind in kinds)
    return joined([t(text) for text in named], ", ")


def reposted(t: Translator, who: Rich, text: str) -> Message:
    """In the room: what somebody wrote, without identifiers."""
    body = lines([t("{who} writes (I took identifiers out):", who=who), verbatim(text)])
    return Message("watch.repost", body, loud=True)


def posted(t: Translator, room: str) -> Message:
    """To the author: it is posted."""
    return Message("watch.offer", t("It is in {room}.", room=room), state="posted")


def cannot_remove(t: Translator, room: str) -> Message:
    """To the moderators: the bot lacks the power that the room's policy needs."""
    body = t(
        "**Watch:** I may not remove messages in {room}, as its policy wants. Please give me the power to; "
        "until then I only write to whoever wrote them.",
        room=room,
    )
    return Message("watch.unable", body, loud=True)


def policies(t: Translator, rooms: Sequence[DeclaredRoom]) -> Message:
    """Which rooms are watched."""
    if not rooms:
        return Message("watch.policy", t("You are in none of our rooms."))
    head = t("**What I do about patients’ identifiers in your rooms**")
    told = bullets([t(_POLICIES[room.watch], room=room.title(t.language)) for room in rooms])
    return Message("watch.policy", lines([head, told]))


def name_of(desk: Desk, user_id: str) -> Rich:
    """Somebody by name, linked."""
    return mention(user_id, desk.house.part(RosterFile).current.name_of(user_id))
