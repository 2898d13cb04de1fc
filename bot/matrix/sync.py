"""The sync loop: what the homeserver tells is journaled, with the place to go on from, before anybody acts.

One transaction holds the events, the room index and the sync token; what a limited timeline left out
is fetched first (C-S API, "Syncing"). So a crash at any point repeats a sync, and loses nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.chat.desk import Hospitals
from bot.kernel import inbox, metrics, outbox
from bot.kernel.db import Database, DatabaseTrouble, Tx
from bot.kernel.failpoints import failpoint
from bot.kernel.inbox import Incoming
from bot.kernel.outbox import Outgoing
from bot.matrix import store
from bot.matrix.arrivals import follow_up
from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.crypto.ports import IdentityChange, Undecryptable
from bot.matrix.http import Http, MatrixError, TokenRevoked, quoted
from bot.matrix.rooms import as_int, as_mapping, shallow, storable
from bot.matrix.roomstate import StateChanges
from bot.matrix.roomstate import store as roomstate
from bot.matrix.store import RoomRow

log = logging.getLogger(__name__)

_POLL_MS = 30_000
_POLL_MS_WAITING = 2_000
_WAIT_FOR_KEY = timedelta(seconds=30)
_PAGES = 30
# How many syncs of mere messages go by before a room's place is written again: backfill starts from
# there, and what it brings twice is recognised.
_SAVE_AFTER = 20


def _filter(timeline_limit: int) -> str:
    nothing: dict[str, list[str]] = {"types": []}
    room = {
        "timeline": {"limit": timeline_limit, "lazy_load_members": True},
        "state": {"lazy_load_members": True},
        "ephemeral": nothing,
        "account_data": nothing,
    }
    return json.dumps({"presence": nothing, "account_data": nothing, "room": room})


# Lazy loading also brings the summaries, from which we know how many are in a room.
_FILTER = _filter(50)
_FIRST_FILTER = _filter(1)  # what was said before we were here is not ours to answer

EVENT_TOPIC = "matrix.event"
STATE_TOPIC = "matrix.state"  # kept state of a room has changed
LEFT_TOPIC = "matrix.left"  # we are in a room no longer
MOVED_TOPIC = "matrix.moved"  # a room was upgraded, and both rooms say so
IDENTITY_TOPIC = "matrix.identity_changed"


class Batch:
    """What syncs change, gathered before it is written.

    While nothing but echoes of our own messages has come, it `can_wait` for the next write: a crash
    repeats those syncs, and nothing follows from them that the sender does not write itself.
    """

    def __init__(self) -> None:
        self.can_wait = True
        self.rows: dict[str, RoomRow] = {}
        self.members: dict[str, dict[str, str]] = {}
        self.incoming: list[Incoming] = []
        self.outgoing: list[Outgoing] = []
        self.echoes: list[tuple[str, str, str]] = []  # outbox id, event id, room id
        self.unread: list[tuple[str, str, Mapping[str, Any]]] = []
        self.strangers: list[str] = []  # rooms whose members may have changed unseen
        self.moved: list[RoomRow] = []  # rooms that may have become another's successor, or got one
        self.successors: list[tuple[str, str]] = []
        self.refused: list[str] = []
        self.left: list[str] = []
        self.state = StateChanges()


class SyncLoop:
    """Syncs one bot account and journals what comes."""

    def __init__(
        self,
        bot: str,
        user_id: str,
        *,
        http: Http,
        database: Database,
        crypto: CryptoMachine,
        hospitals: Hospitals,
    ) -> None:
        self._bot = bot
        self._user_id = user_id
        self._http = http
        self._database = database
        self._crypto = crypto
        self._hospitals = hospitals
        self._waiting: dict[str, store.UnreadEvent] = {}
        self._rooms: dict[str, RoomRow] | None = None  # the index; None: read it again
        self._batch = Batch()
        self._since: str | None = None  # where to go on
        self._kept: str | None = None  # the same as of the last write
        self._crypto_task: asyncio.Task[None] | None = None
        self._crypto_again = False
        self._wanted_keys: list[tuple[str, str, Mapping[str, Any]]] = []
        self.first_done = asyncio.Event()
        self.last_success: datetime | None = None

    async def run(self) -> None:
        """Sync until cancelled; raises TokenRevoked when the homeserver has ended our session."""
        async with self._database.read() as tx:
            self._since = self._kept = await store.sync_token(tx, self._bot)
            self._waiting = {str(item.event["event_id"]): item for item in await store.unread(tx, self._bot)}
        failures = 0
        while True:
            try:
                await self.step()
                failures = 0
            except TokenRevoked:
                raise
            except MatrixError as error:
                failures += 1
                log.warning(
                    "sync failed", extra={"bot": self._bot, "error": error.errcode, "in_a_row": failures}
                )
                await asyncio.sleep(min(error.retry_after or 0.1, 60.0) if error.transient else 10.0)
            except DatabaseTrouble as error:
                log.error(
                    "what came could not be kept yet", extra={"bot": self._bot, "error": type(error).__name__}
                )
                await asyncio.sleep(1.0)

    async def step(self) -> None:
        """Make one sync and journal it."""
        since = self._since
        poll = _POLL_MS_WAITING if self._waiting else _POLL_MS
        query = {"filter": _FIRST_FILTER, "timeout": "0"}
        if since is not None:
            query = {
                "filter": _FILTER,
                "since": since,
                "timeout": str(poll if self.first_done.is_set() else 0),
            }
        answer = await self._http.request(
            "GET", "/_matrix/client/v3/sync", query=query, timeout=poll / 1000 + 30
        )
        next_batch = answer.get("next_batch")
        if not isinstance(next_batch, str):
            raise MatrixError(0, "CURBSIDE_NO_NEXT_BATCH")
        failpoint("sync.before_journal")
        received = self._crypto.receive_sync(answer)
        try:
            await self._read(self._batch, answer, first=since is None)
            if since is None or received.sessions or self._waiting or not self._batch.can_wait:
                async with self._database.begin() as tx:
                    await self._write(tx, self._batch, next_batch)
                    settled = await self._try_waiting(tx, received.sessions)
                self._forget_waiting(settled)
                self._wanted_keys += self._batch.unread
                self._batch, self._kept = Batch(), next_batch
        except BaseException:
            # What was read into memory is not in the database: the next attempt reads both anew.
            self._rooms, self._batch, self._since = None, Batch(), self._kept
            raise
        self._since = next_batch
        failpoint("sync.after_journal")
        self.last_success = self._database.clock.now()
        self.first_done.set()
        self._tend_keys()

    def _tend_keys(self) -> None:
        """Let the crypto machine do its requests beside the next sync, one run at a time."""
        if self._crypto_task is None or self._crypto_task.done():
            self._crypto_task = asyncio.create_task(self._run_crypto())
        else:
            self._crypto_again = True

    async def _run_crypto(self) -> None:
        self._crypto_again = True
        while self._crypto_again:
            self._crypto_again = False
            outcome = await self._crypto.after_sync()
            if outcome.readable or outcome.identity_changes:
                async with self._database.begin() as tx:
                    settled = await self._try_waiting(tx, outcome.readable)
                    for change in outcome.identity_changes:
                        await tell_identity_change(tx, self._bot, change)
                self._forget_waiting(settled)
            wanted, self._wanted_keys = self._wanted_keys, []
            for room_id, _session_id, event in wanted:
                await self._crypto.request_room_key(room_id, event)

    async def close(self) -> None:
        """Stop the work beside the loop."""
        if self._crypto_task is not None:
            self._crypto_task.cancel()
            await asyncio.gather(self._crypto_task, return_exceptions=True)

    # Reading: requests may be made, nothing is written -------------------------------------------

    async def _read(self, batch: Batch, answer: Mapping[str, Any], *, first: bool) -> None:
        sections = as_mapping(answer.get("rooms"))
        joined, invited, left = (as_mapping(sections.get(name)) for name in ("join", "invite", "leave"))
        if not joined and not invited and not left:
            return
        if self._rooms is None:
            async with self._database.read() as tx:
                self._rooms = await store.all_rooms(tx, self._bot)
        known = self._rooms
        for room_id, data in joined.items():
            row = known.setdefault(room_id, RoomRow(self._bot, room_id))
            await self._read_joined(batch, row, as_mapping(data), first=first)
        for row in batch.moved:
            self._note_successor(batch, known.get(row.shape.replaces or ""), row)
            self._note_successor(batch, row, known.get(row.shape.replaced_by or ""))
        batch.moved.clear()
        for room_id, data in invited.items():
            self._read_invite(batch, known.setdefault(room_id, RoomRow(self._bot, room_id)), as_mapping(data))
        for room_id in left:
            row = known.setdefault(room_id, RoomRow(self._bot, room_id))
            if row.membership == "join" and storable(room_id):
                batch.left.append(room_id)
            row.membership, row.last_event = "leave", None
            batch.rows[room_id] = row
            batch.strangers.append(room_id)
            batch.can_wait = False
            self._crypto.forget_outbound(room_id)

    async def _read_joined(self, batch: Batch, row: RoomRow, data: Mapping[str, Any], *, first: bool) -> None:
        newcomer = row.membership != "join"
        timeline = as_mapping(data.get("timeline"))
        events = _events(timeline.get("events"))
        limited = timeline.get("limited") is True
        missed: list[dict[str, Any]] = []
        if limited:
            batch.strangers.append(row.room_id)
            batch_token = timeline.get("prev_batch")
            if not first and isinstance(batch_token, str) and not (newcomer and self._our_arrival(events)):
                missed = await self._backfill(row.room_id, batch_token, row.last_event)
                events = missed + events
        others = any(event.get("sender") != self._user_id or "state_key" in event for event in events)
        if newcomer or limited or others:
            batch.can_wait = False
        row.membership = "join"
        summary = as_mapping(data.get("summary"))
        row.joined = as_int(summary.get("m.joined_member_count"), row.joined or 1)
        row.invited = as_int(summary.get("m.invited_member_count"), row.invited or 0)
        state = _events(data.get("state"))
        if newcomer:
            batch.state.fresh.add(row.room_id)
        quiet = not (newcomer or limited or summary or state or any("state_key" in event for event in events))
        row.unsaved = row.unsaved + 1 if quiet else _SAVE_AFTER
        if row.unsaved >= _SAVE_AFTER:
            row.unsaved = 0
            batch.rows[row.room_id] = row
        # Without a gap, `state` is old: of people who just spoke, or of before events that forked (MSC4222).
        # With one, it is newer than what the gap held.
        if newcomer or limited:
            for event in (*(one for one in missed if one.get("state_key") is not None), *state):
                self._apply_state(batch, row, event)
        fresh = newcomer and not first
        start = self._our_arrival(events) if fresh else 0
        for index, event in enumerate(events):
            if event.get("state_key") is not None:
                if index >= len(missed):
                    self._apply_state(batch, row, event)
            elif event.get("type") == "m.room.redaction":
                batch.state.take_redaction(row.room_id, event)
            if isinstance(event.get("event_id"), str):
                row.last_event = event["event_id"]
            if not first and index >= start:
                self._take(batch, row, event)
        if not first:
            batch.outgoing += follow_up(self._bot, self._user_id, row, events[start:])
        via, successor = self._via(events), row.shape.replaced_by or ""
        if newcomer or via:
            batch.moved.append(row)
        if via and successor.startswith("!") and storable(successor):
            batch.outgoing.append(Outgoing(self._bot, successor, "join", {"via": via}))

    @staticmethod
    def _note_successor(batch: Batch, old: RoomRow | None, new: RoomRow | None) -> None:
        """Let one room take another's names if both say so: anybody can claim to succeed a room."""
        if old is None or new is None or new.membership != "join":
            return
        if old.shape.replaced_by == new.room_id and new.shape.replaces == old.room_id:
            batch.successors.append((old.room_id, new.room_id))

    def _our_arrival(self, events: list[dict[str, Any]]) -> int:
        """Where our own story in a room begins: after our invitation or joining; 0 if neither is here."""
        for index, event in enumerate(events):
            if event.get("type") == "m.room.member" and event.get("state_key") == self._user_id:
                return index + 1
        return 0

    def _via(self, events: list[dict[str, Any]]) -> list[str]:
        """The servers of those who ended a room; only people whom we may talk to lead us into another."""
        senders = [str(event.get("sender")) for event in events if event.get("type") == "m.room.tombstone"]
        allowed = self._hospitals.servers()
        return [server for sender in senders if (server := sender.partition(":")[2]) in allowed]

    async def _backfill(self, room_id: str, start: str, last_event: str | None) -> list[dict[str, Any]]:
        """Fetch what a limited timeline left out: back to the last event seen, or to our joining."""
        collected: list[dict[str, Any]] = []
        oldest = (self._database.clock.now() - inbox.KEEP_HANDLED / 2).timestamp() * 1000
        for _ in range(_PAGES):
            page = await self._http.request(
                "GET",
                f"/_matrix/client/v3/rooms/{quoted(room_id)}/messages",
                query={"dir": "b", "from": start, "limit": "100"},
            )
            for event in _events(page.get("chunk")):
                if event.get("event_id") == last_event:
                    return collected[::-1]
                # What was said longer ago than the inbox remembers could not be recognised as handled.
                if "state_key" in event or as_int(event.get("origin_server_ts"), 0) > oldest:
                    collected.append(event)
                if last_event is None and self._our_arrival([event]):
                    return collected[::-1]
            end = page.get("end")
            if not isinstance(end, str) or not page.get("chunk"):
                return collected[::-1]
            start = end
        log.warning("a gap was too long to fill", extra={"bot": self._bot, "events": len(collected)})
        return collected[::-1]

    def _apply_state(self, batch: Batch, row: RoomRow, event: Mapping[str, Any]) -> None:
        kind, content = event.get("type"), as_mapping(event.get("content"))
        if kind == "m.room.member":
            user_id, membership = event.get("state_key"), content.get("membership")
            if isinstance(user_id, str) and isinstance(membership, str) and storable(user_id + membership):
                batch.members.setdefault(row.room_id, {})[user_id] = membership[:8]
                if membership in ("leave", "ban") and user_id != self._user_id:
                    self._crypto.forget_outbound(row.room_id)
        elif kind == "m.room.encryption":
            row.encrypted = True  # once on, it stays on, whatever a later event says
        elif kind == "m.room.create":
            row.version = str(content.get("room_version", "1"))[:32]
        row.shape.apply(event)
        batch.state.take(row.room_id, event)

    def _read_invite(self, batch: Batch, row: RoomRow, data: Mapping[str, Any]) -> None:
        """Accept an invitation from a hospital that the policy allows; decline any other."""
        if row.membership == "invite":
            return
        inviters = [
            str(event.get("sender", ""))
            for event in _events(data.get("invite_state"))
            if event.get("type") == "m.room.member" and event.get("state_key") == self._user_id
        ]
        row.membership = "invite"
        batch.can_wait = False
        batch.rows[row.room_id] = row
        # The inviting server writes this state; an event forged beside the real one must gain nothing.
        servers = {inviter.partition(":")[2] for inviter in inviters}
        allowed = self._hospitals.servers("invites")
        if servers and servers <= allowed:
            batch.outgoing.append(Outgoing(self._bot, row.room_id, "join", {"via": sorted(servers)}))
        else:
            batch.outgoing.append(Outgoing(self._bot, row.room_id, "leave", {}))
            batch.refused.append(", ".join(sorted(servers - allowed))[:255])

    def _take(self, batch: Batch, row: RoomRow, event: dict[str, Any]) -> None:
        """Sort one timeline event: an echo of ours, something to handle, or not readable yet."""
        event_id, sender = event.get("event_id"), event.get("sender")
        if not isinstance(event_id, str) or not isinstance(sender, str):
            return
        if not (storable(event_id) and storable(sender) and storable(row.room_id) and shallow(event)):
            return
        batch.state.take_message(row.room_id, event)
        encrypted = event.get("type") == "m.room.encrypted" and event.get("state_key") is None
        if encrypted:
            result = self._crypto.decrypt(row.room_id, event)
            if isinstance(result, Undecryptable):
                if sender == self._user_id:
                    return
                if result.reason == "no_key" and storable(result.session_id):
                    batch.unread.append((row.room_id, result.session_id, event))
                else:
                    log.warning(
                        "an event was not accepted", extra={"bot": self._bot, "reason": result.reason}
                    )
                    metrics.messages.labels(self._bot, "in", "refused").inc()
                return
            event = dict(result.event)
            if not shallow(event):
                return
        if sender == self._user_id:
            out = as_mapping(as_mapping(event.get("content")).get("org.curbside")).get("out")
            if isinstance(out, str) and len(out) == 26:
                batch.echoes.append((out, event_id, row.room_id))
            return
        sent_at = as_int(event.get("origin_server_ts"), 0) / 1000
        lag = self._database.clock.now().timestamp() - sent_at
        metrics.sync_lag_seconds.labels(self._bot).observe(max(0.0, lag))
        batch.incoming.append(self._incoming(row.room_id, event, encrypted=encrypted, decrypted=True))

    def _incoming(
        self, room_id: str, event: Mapping[str, Any], *, encrypted: bool, decrypted: bool
    ) -> Incoming:
        payload = {"room_id": room_id, "event": event, "encrypted": encrypted, "decrypted": decrypted}
        return Incoming(self._bot, EVENT_TOPIC, str(event["event_id"]), f"{self._bot} {room_id}", payload)

    def _awaited(self, room_id: str, event: Mapping[str, Any]) -> Incoming:
        """That somebody has edited something, though not yet what: it is handed over when its key comes."""
        entry = self._incoming(room_id, event, encrypted=True, decrypted=False)
        payload = {**entry.payload, "awaited": True}
        return replace(entry, source=f"{entry.source} awaited"[:255], payload=payload)

    # Writing: one transaction --------------------------------------------------------------------

    async def _write(self, tx: Tx, batch: Batch, next_batch: str) -> None:
        await store.keep_rooms(tx, batch.rows.values())
        for room_id, members in batch.members.items():
            await store.keep_members(tx, self._bot, room_id, members)
        for room_id in batch.strangers:
            await store.forget_members(tx, self._bot, room_id)
        for old, new in batch.successors:
            await store.rename_room(tx, self._bot, old, new)
            payload = {"old": old, "new": new}
            lane = f"{self._bot} {new}"
            await inbox.put(tx, Incoming(self._bot, MOVED_TOPIC, f"{old} {new}"[:255], lane, payload))
        stored = await inbox.put_all(tx, batch.incoming)
        metrics.messages.labels(self._bot, "in", "journaled").inc(stored)
        await outbox.put_all(tx, batch.outgoing)
        for out, event_id, room_id in batch.echoes:
            await outbox.mark_sent(tx, out, event_id=event_id, room_id=room_id)
        changed = await roomstate.keep(tx, self._bot, batch.state)
        told = [(LEFT_TOPIC, room_id) for room_id in batch.left]
        for topic, room_id in [*told, *((STATE_TOPIC, room_id) for room_id in changed)]:
            source, lane = f"{room_id} {next_batch}"[:255], f"{self._bot} {room_id}"
            await inbox.put(tx, Incoming(self._bot, topic, source, lane, {"room_id": room_id}))
        for server in batch.refused:
            tx.audit("system", "invite.refused", server)
        for room_id, session_id, raw in batch.unread:
            give_up_at = tx.now + _WAIT_FOR_KEY
            await store.keep_unread(tx, self._bot, room_id, session_id, raw, give_up_at)
            item = store.UnreadEvent(room_id, session_id, dict(raw), give_up_at)
            self._waiting.setdefault(str(raw["event_id"]), item)
            if as_mapping(as_mapping(raw.get("content")).get("m.relates_to")).get("rel_type") == "m.replace":
                await inbox.put(tx, self._awaited(room_id, raw))
        await store.keep_sync_token(tx, self._bot, next_batch)

    async def _try_waiting(self, tx: Tx, sessions: Collection[tuple[str, str]]) -> list[str]:
        """Read events whose key has come; hand over as unreadable those that waited too long.

        Returns the ids of both, to be forgotten when this has been committed.
        """
        settled: list[str] = []
        for event_id, item in list(self._waiting.items()):
            overdue = tx.now >= item.give_up_at
            if (item.room_id, item.session_id) not in sessions and not overdue:
                continue
            result = self._crypto.decrypt(item.room_id, item.event)
            if isinstance(result, Undecryptable):
                if not overdue:
                    continue
                entry = self._incoming(item.room_id, item.event, encrypted=True, decrypted=False)
                metrics.messages.labels(self._bot, "in", "unreadable").inc()
            else:
                entry = self._incoming(item.room_id, result.event, encrypted=True, decrypted=True)
            if isinstance(result, Undecryptable) or shallow(result.event):
                await inbox.put(tx, entry)
            settled.append(event_id)
        if settled:
            await store.drop_unread(tx, settled)
        return settled

    def _forget_waiting(self, settled: Collection[str]) -> None:
        for event_id in settled:
            self._waiting.pop(event_id, None)


async def tell_identity_change(tx: Tx, bot: str, change: IdentityChange) -> None:
    """Journal that somebody's cross-signing identity is a new one; the chat tells the moderators."""
    source = f"{change.user_id} {change.now}"[:255]
    payload = {"user_id": change.user_id}
    await inbox.put(tx, Incoming(bot, IDENTITY_TOPIC, source, f"identity {change.user_id}"[:320], payload))


def _events(value: Any) -> list[dict[str, Any]]:
    """The event objects of a list, or of {"events": […]}; anything else in it is passed over."""
    if isinstance(value, Mapping):
        value = value.get("events")
    return [event for event in value if isinstance(event, dict)] if isinstance(value, list) else []
