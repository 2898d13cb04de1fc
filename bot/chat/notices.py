"""What sending has to tell people: a message withheld, an identity replaced, a file refused. Never silent.

The texts hold no content of any message, so they may go out unencrypted to a person none of whose
sessions is trusted; every other way of telling them would be withheld as well.
"""

from __future__ import annotations

from bot.chat.desk import MODERATORS_ROOM, Desk
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, lines, mention
from bot.kernel.inbox import InboxEntry

NO_DEVICE = "*"  # nobody can be told: no device of this person is known


async def withheld(desk: Desk, entry: InboxEntry) -> None:
    """Tell a person, and the moderators, that one of their sessions was not given a message."""
    user_id, device_id = str(entry.payload["user_id"]), str(entry.payload["device_id"])
    code, room_id = str(entry.payload["code"]), str(entry.payload["room_id"])
    if device_id != NO_DEVICE:
        t = await desk.translator(user_id)
        facts = await desk.house.rooms.facts(desk.tx, desk.bot, room_id)
        room = room_id if facts is not None and facts.direct else f"dm:{user_id}"
        message = Message("withheld", _to_person(t, device_id, code), loud=True)
        await desk.send(room, message, clear=bool(entry.payload["alone"]))
    desk.tx.audit("system", "message.withheld", user_id, device=device_id, code=code)
    if desk.house.settings.moderators:
        house = desk.house_translator()
        values = {"who": mention(user_id), "device": device_id, "why": _why(house, code)}
        if device_id == NO_DEVICE:
            text = house("A message could not be read by {who}: {why}.", **values)
        else:
            text = house("A message to {who} was withheld from session {device}: {why}.", **values)
        await desk.send(MODERATORS_ROOM, Message("withheld", text))


async def identity_changed(desk: Desk, entry: InboxEntry) -> None:
    """Tell the moderators that somebody's encryption identity is a new one."""
    user_id = str(entry.payload["user_id"])
    desk.tx.audit("system", "identity.changed", user_id)
    if desk.house.settings.moderators:
        t = desk.house_translator()
        text = t(
            "{who} has a new encryption identity: a reset, or somebody else with the account. "
            "If you did not expect it, ask them by another way.",
            who=mention(user_id),
        )
        await desk.send(MODERATORS_ROOM, Message("identity", text))


async def new_device(desk: Desk, entry: InboxEntry) -> None:
    """Announce to the moderators that a bot speaks from a new device: its old keys are gone."""
    device_id = str(entry.payload["device_id"])
    desk.tx.audit("system", "device.new", desk.house.bot_users[desk.bot], device=device_id)
    if desk.house.settings.moderators:
        t = desk.house_translator()
        text = t(
            "{who} speaks from a new session, **{device}**, signed by the same identity. "
            "Its old keys are gone: what was sent to it while it was away may have to be sent again.",
            who=mention(desk.house.bot_users[desk.bot]),
            device=device_id,
        )
        await desk.send(MODERATORS_ROOM, Message("device", text))


async def file_refused(desk: Desk, entry: InboxEntry) -> None:
    """Tell those who wait for a file that it could not be put into their chat."""
    room = str(entry.payload["room"])
    facts = await desk.house.rooms.facts(desk.tx, desk.bot, room)
    if facts is None:
        return  # there is no chat to say it in
    others = [user_id for user_id in facts.members if user_id not in desk.house.bot_users.values()]
    t = await desk.translator(others[0]) if facts.direct and others else desk.house_translator()
    if entry.payload["reason"] == "FILE_TOO_LARGE":
        text = t("I could not send a file here: it is larger than the homeserver takes.")
    else:
        text = t("I could not send a file here: the homeserver refused it.")
    await desk.send(room, Message("error", text))


def _why(t: Translator, code: str) -> Rich:
    if code == "m.unverified":
        return t("its owner has not verified it")
    if code == "m.unavailable":
        return t("no session of this person is known; their homeserver may be away")
    return t("no secure channel to it could be set up")


def _to_person(t: Translator, device_id: str, code: str) -> Rich:
    if code == "m.unverified":
        return lines(
            [
                t(
                    "I could not show you a message on your session **{device}**: it is not verified.",
                    device=device_id,
                ),
                t(
                    "Open your client's settings, choose Sessions (or Devices), verify this one, "
                    "then ask me again."
                ),
            ]
        )
    return lines(
        [
            t(
                "I could not show you a message on your session **{device}**: its keys ran out.",
                device=device_id,
            ),
            t("Open your client there for a moment, then ask me again."),
        ]
    )
