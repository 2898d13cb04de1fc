"""What comes in: room keys in to-device messages, and room events to decrypt.

Nothing that others send can raise here. Sources: client-server API, "m.olm.v1.curve25519-aes-sha2",
"m.megolm.v1.aes-sha2", `m.room_key`, `m.room_key.withheld`.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from nio.crypto import InboundGroupSession
from vodozemac import AnyOlmMessage, MegolmMessage, PreKeyMessage, SessionCreationException

from bot.matrix.crypto.devices import DeviceBook
from bot.matrix.crypto.olm import FOREIGN_ERRORS, Own
from bot.matrix.crypto.ports import Decrypted, ReceivedKeys, Undecryptable
from bot.matrix.crypto.trust import MEGOLM, OLM

_CARRIED = ("event_id", "sender", "origin_server_ts", "state_key", "unsigned")
_WITHHELD_KEPT = 10_000


class Inbox:
    """Takes to-device messages and decrypts room events."""

    def __init__(self, own: Own, book: DeviceBook) -> None:
        self._own = own
        self._book = book
        self._withheld: dict[tuple[str, str], str] = {}

    # --- to-device -------------------------------------------------------------------------------------

    def receive(self, sync: Mapping[str, Any]) -> ReceivedKeys:
        """Take the to-device messages and changed devices of a sync; the caller holds the transaction."""
        sessions: set[tuple[str, str]] = set()
        used = False
        for event in _list(_dict(sync.get("to_device")).get("events")):
            kind, content = _dict(event).get("type"), _dict(_dict(event).get("content"))
            if (sender := _text(_dict(event).get("sender"))) is None:
                continue
            if kind == "m.room.encrypted":
                used = True
                if (session := self._receive_olm(sender, content)) is not None:
                    sessions.add(session)
            elif kind == "m.room_key.withheld":
                self._receive_withheld(content)
        if used:
            # nio saves the account before the first decryption takes the one-time key out of it.
            self._own.machine.save_account()
        lists = _dict(sync.get("device_lists"))
        changed = _strings(lists.get("changed"))
        self._book.mark_changed(changed)
        self._book.mark_left(_strings(lists.get("left")))
        return ReceivedKeys(frozenset(sessions), frozenset(changed))

    def _receive_olm(self, sender: str, content: Mapping[str, Any]) -> tuple[str, str] | None:
        """Handle one Olm message; the session it brought, also when it did so before a crash."""
        machine = self._own.machine
        sender_key = _text(content.get("sender_key"))
        sealed = _dict(_dict(content.get("ciphertext")).get(machine.curve25519))
        kind, body = sealed.get("type"), sealed.get("body")
        if content.get("algorithm") != OLM or sender_key is None or not isinstance(body, str):
            return None
        digest = sha256(json.dumps([sender, sender_key, kind, body]).encode()).digest()
        if (before := machine.store.handled(digest)) is not None:
            return None if before[0] is None or before[1] is None else (before[0], before[1])
        session = self._decrypt_olm(sender, sender_key, kind, body)
        machine.store.mark_handled(digest, *(session or (None, None)))
        return session

    def _decrypt_olm(self, sender: str, sender_key: str, kind: Any, body: str) -> tuple[str, str] | None:
        machine = self._own.machine
        # nio looks there for the device whose session is broken.
        self._book.known(sender)
        message: PreKeyMessage | AnyOlmMessage
        try:
            if kind == 0:
                message = PreKeyMessage.from_base64(body)
            elif kind == 1:
                message = AnyOlmMessage.normal(b64decode(body + "=" * (-len(body) % 4), validate=True))
            else:
                return None
            machine.newest = None
            machine.decrypt(sender, sender_key, message)
        except SessionCreationException:
            # For a one-time key that is not here (any more): the sender must begin anew.
            machine._mark_device_for_unwedging(sender, sender_key)
            return None
        except FOREIGN_ERRORS:
            return None
        if machine.newest is not None:
            self._withheld.pop(machine.newest, None)
        return machine.newest

    def _receive_withheld(self, content: Mapping[str, Any]) -> None:
        room_id, session_id, code = (content.get(name) for name in ("room_id", "session_id", "code"))
        if isinstance(room_id, str) and isinstance(session_id, str) and isinstance(code, str):
            if len(self._withheld) >= _WITHHELD_KEPT:
                self._withheld.clear()
            self._withheld[room_id, session_id] = code[:64]

    # --- rooms -----------------------------------------------------------------------------------------

    def decrypt(self, room_id: str, event: Mapping[str, Any]) -> Decrypted | Undecryptable:
        """See CryptoMachine.decrypt."""
        content = _dict(_dict(event).get("content"))
        session_id, ciphertext = _text(content.get("session_id")), _text(content.get("ciphertext"))
        sender, event_id = _text(_dict(event).get("sender")), _text(_dict(event).get("event_id"))
        if session_id is None:
            return Undecryptable("", "malformed")
        if content.get("algorithm") != MEGOLM or ciphertext is None or sender is None or event_id is None:
            return Undecryptable(session_id, "malformed")
        sessions = self._own.machine.group_sessions(room_id, session_id)
        if not sessions:
            return Undecryptable(session_id, "no_key", self._withheld.get((room_id, session_id)))
        answer: Decrypted | Undecryptable = Undecryptable(session_id, "forged")
        # Of several devices that claim the session only its sender's own can be right.
        for session in sessions:
            answer = self._decrypt_with(session, room_id, event, sender, event_id, ciphertext)
            if isinstance(answer, Decrypted) or answer.reason in ("malformed", "replay"):
                break
        return answer

    def _decrypt_with(
        self,
        session: InboundGroupSession,
        room_id: str,
        event: Mapping[str, Any],
        sender: str,
        event_id: str,
        ciphertext: str,
    ) -> Decrypted | Undecryptable:
        verified = self._check_sender(session, room_id, sender)
        if isinstance(verified, Undecryptable):
            return verified
        try:
            if MegolmMessage.from_base64(ciphertext).message_index() < session.first_known_index:
                return Undecryptable(session.id, "no_key")
            plaintext, index = session.decrypt(ciphertext)
            payload = json.loads(plaintext)
        except FOREIGN_ERRORS:
            return Undecryptable(session.id, "malformed")
        kind, content = _dict(payload).get("type"), _dict(payload).get("content")
        if not isinstance(kind, str) or not isinstance(content, dict):
            return Undecryptable(session.id, "malformed")
        if payload.get("room_id") != room_id:
            return Undecryptable(session.id, "forged")
        if not self._own.machine.store.claim_index(session.id, index, event_id, self._own.clock.now()):
            return Undecryptable(session.id, "replay")
        outer = _dict(event.get("content"))
        if "m.relates_to" in outer:
            content.setdefault("m.relates_to", outer["m.relates_to"])
        clear = {name: event[name] for name in _CARRIED if name in event}
        return Decrypted(clear | {"room_id": room_id, "type": kind, "content": content}, session.id, verified)

    def _check_sender(self, session: InboundGroupSession, room_id: str, sender: str) -> bool | Undecryptable:
        """Whether the session is of a cross-signed device of the sender; an answer when it is of nobody's.

        The homeserver says who sent an event; only the device that made the session proves it.
        """
        if session.sender_key == self._own.machine.curve25519:
            return True if sender == self._own.user_id else Undecryptable(session.id, "forged")
        device = self._book.by_sender_key(sender, session.sender_key)
        if device is not None:
            if device.ed25519 != session.ed25519:
                return Undecryptable(session.id, "forged")
            return device.cross_signed
        if not self._book.has_devices(sender):
            self._book.mark_due(sender)
            return False
        if self._book.sighted(sender, session.sender_key, (room_id, session.id)):
            return Undecryptable(session.id, "forged")
        return Undecryptable(session.id, "no_key")


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    """A string that can be stored: JSON may hold halves of surrogate pairs, UTF-8 may not."""
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _strings(value: Any) -> list[str]:
    return [text for item in _list(value) if (text := _text(item)) is not None]
