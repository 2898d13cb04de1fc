"""nio's Olm machine and its SQLite store, with what they lack mended.

The store commits in transactions of the caller's (`KeyStore.transaction`), in WAL mode, and keeps beside
nio's tables: the to-device messages handled last, the message indices seen, and other people's device keys.
"""

from __future__ import annotations

import json
import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from nio.crypto import GroupSessionStore, InboundGroupSession, OlmDevice, Session
from nio.crypto.olm_machine import Olm
from nio.store import SqliteStore
from peewee import DatabaseError, SqliteDatabase

from bot.kernel.clock import Clock
from bot.matrix.crypto.ports import CannotOpenStore, Http

# It writes user ids and keys into the log.
logging.getLogger("nio.crypto.log").setLevel(logging.CRITICAL)

FOREIGN_ERRORS = (ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError)
"""What malformed input makes nio and vodozemac raise (vodozemac's exceptions are ValueErrors)."""

_HANDLED_KEPT = 2000
_CLAIMANTS = 8
_CACHED_SESSIONS = 1000
_TABLES = (
    """CREATE TABLE IF NOT EXISTS curbside_handled (
        number INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE,
        room_id TEXT, session_id TEXT)""",
    """CREATE TABLE IF NOT EXISTS curbside_index (
        session_id TEXT NOT NULL, message_index INTEGER NOT NULL,
        event_id TEXT NOT NULL, day INTEGER NOT NULL,
        PRIMARY KEY (session_id, message_index)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS curbside_session (
        session_id TEXT NOT NULL, sender_key TEXT NOT NULL, room_id TEXT NOT NULL, fp_key TEXT NOT NULL,
        session BLOB NOT NULL, PRIMARY KEY (session_id, sender_key)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS curbside_user (user_id TEXT PRIMARY KEY, keys TEXT NOT NULL) WITHOUT ROWID",
)


def store_file(folder: Path, user_id: str, device_id: str) -> Path:
    """Where the keys of a device are kept. Not nio's name for it: a user id may hold a slash."""
    name = sha256(f"{user_id}\0{device_id}".encode()).hexdigest()[:24]
    return folder / f"olm-{name}.db"


class KeyStore(SqliteStore):  # type: ignore[misc]
    """nio's tables and ours in one SQLite file. Its methods are called on the event loop's thread only."""

    def __init__(self, user_id: str, device_id: str, folder: Path, pickle_key: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = store_file(folder, user_id, device_id)
        path.touch(mode=0o600)
        super().__init__(user_id, device_id, str(folder), pickle_key=pickle_key, database_name=path.name)
        for table in _TABLES:
            self.database.execute_sql(table)

    def _create_database(self) -> SqliteDatabase:
        pragmas = {
            "journal_mode": "wal",
            "synchronous": "normal",
            "foreign_keys": 1,
            "secure_delete": 1,
            "busy_timeout": 5000,
        }
        return SqliteDatabase(self.database_path, pragmas=pragmas)

    def transaction(self) -> AbstractContextManager[Any]:
        """All writes inside are kept or none."""
        return self.database.atomic()  # type: ignore[no-any-return]

    # --- inbound Megolm sessions ---------------------------------------------------------------------------
    # In nio's table a session id stands once, so whoever is in the room could put his name, or a later
    # index, on another's session.

    def load_inbound_group_sessions(self) -> GroupSessionStore:
        # They grow without end: each is read when it is needed, by `inbound_group_sessions`.
        return GroupSessionStore()

    def inbound_group_sessions(self, session_id: str) -> dict[str, InboundGroupSession]:
        """The sessions of that id by the sender key of the device that claims to have made it."""
        sql = "SELECT session, fp_key, sender_key, room_id FROM curbside_session WHERE session_id = ?"
        rows = self.database.execute_sql(sql, (session_id,)).fetchall()
        return {
            row[2]: InboundGroupSession.from_pickle(bytes(row[0]), row[1], row[2], row[3], self.pickle_key)
            for row in rows
        }

    def save_inbound_group_session(self, session: InboundGroupSession) -> None:
        sql = """INSERT OR REPLACE INTO curbside_session (session_id, sender_key, room_id, fp_key, session)
            VALUES (?, ?, ?, ?, ?)"""
        pickle = session.pickle(self.pickle_key)
        row = (session.id, session.sender_key, session.room_id, session.ed25519, pickle)
        self.database.execute_sql(sql, row)

    # --- to-device messages that were handled: a crash may have them delivered again -----------------------

    def handled(self, digest: bytes) -> tuple[str | None, str | None] | None:
        """The room key (room id, session id) that this message brought, (None, None) if none, None if new."""
        sql = "SELECT room_id, session_id FROM curbside_handled WHERE digest = ?"
        row = self.database.execute_sql(sql, (digest,)).fetchone()
        return None if row is None else (row[0], row[1])

    def mark_handled(self, digest: bytes, room_id: str | None, session_id: str | None) -> None:
        sql = "INSERT INTO curbside_handled (digest, room_id, session_id) VALUES (?, ?, ?)"
        number = self.database.execute_sql(sql, (digest, room_id, session_id)).lastrowid
        self.database.execute_sql("DELETE FROM curbside_handled WHERE number <= ?", (number - _HANDLED_KEPT,))

    # --- message indices: the same message of a session under another event id is a replay -----------------

    def claim_index(self, session_id: str, message_index: int, event_id: str, now: datetime) -> bool:
        """Whether this message of the session is this event; the first event to ask takes it."""
        key = (session_id, message_index)
        sql = "SELECT event_id FROM curbside_index WHERE session_id = ? AND message_index = ?"
        if (row := self.database.execute_sql(sql, key).fetchone()) is not None:
            return bool(row[0] == event_id)
        sql = "INSERT INTO curbside_index (session_id, message_index, event_id, day) VALUES (?, ?, ?, ?)"
        self.database.execute_sql(sql, (*key, event_id, now.date().toordinal()))
        return True

    def forget_indices(self, before: datetime) -> None:
        """Drop what was seen before that day."""
        self.database.execute_sql("DELETE FROM curbside_index WHERE day < ?", (before.date().toordinal(),))

    # --- device keys as the homeservers last gave them -----------------------------------------------------

    def load_user(self, user_id: str) -> Any | None:
        """What `save_user` kept of them."""
        sql = "SELECT keys FROM curbside_user WHERE user_id = ?"
        row = self.database.execute_sql(sql, (user_id,)).fetchone()
        return None if row is None else json.loads(row[0])

    def save_user(self, user_id: str, keys: Any) -> None:
        sql = "INSERT OR REPLACE INTO curbside_user (user_id, keys) VALUES (?, ?)"
        self.database.execute_sql(sql, (user_id, json.dumps(keys, separators=(",", ":"))))

    def close(self) -> None:
        self.database.close()


class Machine(Olm):  # type: ignore[misc]
    """nio's Olm machine, which what others send can no longer make overwrite a session or forget a key."""

    store: KeyStore
    account: Any

    def __init__(self, user_id: str, device_id: str, store: KeyStore) -> None:
        self.wanted_keys: dict[str, tuple[str, str]] = {}
        """Sessions that we asked for: session id → (room id, user asked)."""
        self.newest: tuple[str, str] | None = None
        """The room key taken last: room id and session id."""
        self._cached: dict[str, dict[str, InboundGroupSession]] = {}
        super().__init__(user_id, device_id, store)

    @property
    def curve25519(self) -> str:
        return str(self.account.identity_keys["curve25519"])

    @property
    def ed25519(self) -> str:
        return str(self.account.identity_keys["ed25519"])

    def group_sessions(self, room_id: str, session_id: str) -> list[InboundGroupSession]:
        """The session by its id alone (`sender_key` in events is deprecated and proves nothing).

        More than one when several devices claim to have made it.
        """
        return [s for s in self._claims(session_id).values() if s.room_id == room_id]

    def _claims(self, session_id: str) -> dict[str, InboundGroupSession]:
        claims = self._cached.pop(session_id, None)
        if claims is None:
            claims = self.store.inbound_group_sessions(session_id)
        self._cached[session_id] = claims
        if len(self._cached) > _CACHED_SESSIONS:
            del self._cached[next(iter(self._cached))]
        return claims

    def create_session(self, one_time_key: str, curve_key: str) -> Session:
        # The newest session first; nio sorts by a time that failed decryptions move, too.
        session = super().create_session(one_time_key, curve_key)
        self._to_front(curve_key, session)
        return session

    def save_session(self, curve_key: str, session: Session) -> None:
        # Called when a session has decrypted something: such a session works, so prefer it for sending
        # (C-S API, "Recovering from undecryptable messages").
        super().save_session(curve_key, session)
        self._to_front(curve_key, session)

    def _to_front(self, curve_key: str, session: Session) -> None:
        sessions = self.session_store[curve_key]
        if session in sessions:
            sessions.remove(session)
            sessions.insert(0, session)

    def create_group_session(
        self, sender_key: str, sender_fp_key: str, room_id: str, session_id: str, session_key: str
    ) -> None:
        # nio replaces a session by a later one of the same id, from whomever: that loses older messages.
        try:
            session = InboundGroupSession(session_key, sender_fp_key, sender_key, room_id)
        except ValueError:
            return
        if session.id == session_id:
            self._keep_group_session(session)

    def _keep_group_session(self, session: InboundGroupSession) -> None:
        claims = self._claims(session.id)
        known = claims.get(session.sender_key)
        if known is not None and known.first_known_index <= session.first_known_index:
            return
        if known is None and len(claims) >= _CLAIMANTS:
            return
        self.save_inbound_group_session(session)
        claims[session.sender_key] = session
        self.newest = (session.room_id, session.id)

    def _handle_forwarded_room_key_event(self, sender: str, sender_key: str, payload: dict[str, Any]) -> None:
        # nio takes forwarded keys only from own verified devices. We ask the senders of undecryptable
        # events themselves, so take one only from the device that made the session, and when asked for.
        content = payload["content"]
        room_id, session_id = content["room_id"], content["session_id"]
        if self.wanted_keys.get(session_id) != (room_id, sender) or content["sender_key"] != sender_key:
            return
        session = InboundGroupSession.import_session(
            content["session_key"], payload["keys"]["ed25519"], sender_key, room_id
        )
        if session.id == session_id:
            self._keep_group_session(session)

    def _mark_device_for_unwedging(self, sender: str, sender_key: str) -> None:
        if self.device_store.device_from_sender_key(sender, sender_key) is None:
            self.users_for_key_query.add(sender)
        super()._mark_device_for_unwedging(sender, sender_key)

    def sign_json(self, json_dict: dict[str, Any]) -> str:
        return str(super().sign_json(json_dict))

    def olm_encrypt(
        self, device: OlmDevice, event_type: str, content: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Encrypt for one device; None when there is no Olm session with it."""
        session = self.session_store.get(device.curve25519)
        return None if session is None else self._olm_encrypt(session, device, event_type, content)


@dataclass
class Own:
    """Our account and device, and the machine with its keys, which is replaced when it is read anew."""

    user_id: str
    device_id: str
    machine: Machine
    clock: Clock
    http: Http


def open_machine(user_id: str, device_id: str, folder: Path, pickle_key: str) -> tuple[Machine, bool]:
    """Open the key store, or create it; the second value tells whether it is new. Raises CannotOpenStore."""
    try:
        store = KeyStore(user_id, device_id, folder, pickle_key)
        new = store._get_account() is None
        return Machine(user_id, device_id, store), new
    except (DatabaseError, OSError, ValueError) as error:
        raise CannotOpenStore(
            f"The encryption keys in {folder} cannot be opened ({type(error).__name__}): the file is damaged "
            "or the key it was written with has changed. Restore it from a backup, or move it away: the bot "
            "then logs in as a new device."
        ) from None
