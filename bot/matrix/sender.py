"""The sender: outbox rows become Matrix requests, in order within a room, until they are answered.

A row's id is the transaction id, so the homeserver recognises a repeat (C-S API, "Transaction
identifiers"); rows from before a new device or from long ago are first looked for in the room.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from bot.directory.moderators import MODERATORS_ROOM
from bot.kernel import inbox, metrics, outbox
from bot.kernel.db import Database, DatabaseTrouble, Tx
from bot.kernel.engine import backoff
from bot.kernel.failpoints import failpoint
from bot.kernel.inbox import Incoming
from bot.kernel.outbox import OutboxRow
from bot.matrix import store
from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.crypto.ports import Encrypted, Undecryptable, Withheld
from bot.matrix.http import Http, MatrixError, TokenRevoked, quoted
from bot.matrix.making import CLIENT, RoomMaker, Undeliverable
from bot.matrix.media import FILE_REFUSED_TOPIC, UPLOAD_SECONDS, Uploader
from bot.matrix.rooms import as_mapping
from bot.matrix.strict import is_allowed_reaction
from bot.matrix.sync import tell_identity_change

log = logging.getLogger(__name__)

WITHHELD_TOPIC = "matrix.withheld"
_LANES_AT_ONCE = 32
_UNKNOWN_ROOM_ATTEMPTS = 12
_INVITATION_ATTEMPTS = 7
_SEND_SECONDS = 60.0
_UNWRITABLE_SECONDS = 2.0
_PERHAPS_SECONDS = 10.0
# Homeservers forget transaction ids: Synapse after 24 hours. Half of that leaves room for a slow day.
_TRUST_TRANSACTION_IDS = timedelta(hours=12)


@dataclass(frozen=True)
class Ready:
    """What sending a message takes: its room, its content with the events it refers to, the readers."""

    room_id: str
    room: store.RoomRow | None
    content: dict[str, Any]
    members: list[str] | None


class Sender:
    """Sends the outbox rows of one bot."""

    def __init__(
        self,
        bot: str,
        user_id: str,
        *,
        http: Http,
        database: Database,
        crypto: CryptoMachine,
        poll: float,
        strict: bool = False,
    ) -> None:
        """`poll`: seconds after which to look for rows of another process; our own wake us at once."""
        self._bot = bot
        self._user_id = user_id
        self._http = http
        self._database = database
        self._crypto = crypto
        self._strict = strict
        self._uploads = Uploader(http)
        self._rooms = RoomMaker(bot, user_id, http=http, database=database, crypto=crypto, strict=strict)
        self._started_at = database.clock.now()
        self._lanes: dict[str, asyncio.Task[bool]] = {}
        self._poll = poll
        self._stop: TokenRevoked | None = None
        self._draining = False
        self._ended = asyncio.Event()
        self._looks = 0  # how often the outbox was looked at

    async def run(self) -> None:
        """Send until `drain`; raises TokenRevoked when the homeserver has ended our session."""
        try:
            while not self._draining:
                pause = await self._start_lanes()
                if self._stop is not None:
                    raise self._stop
                await self._database.wakeups.wait(f"outbox {self._bot}", pause)
            await asyncio.gather(*self._lanes.values(), return_exceptions=True)
        finally:
            for task in self._lanes.values():
                task.cancel()
            await asyncio.gather(*self._lanes.values(), return_exceptions=True)
            self._ended.set()

    async def drain(self, seconds: float) -> None:
        """Start nothing new and let what is being sent come to its end, for at most `seconds`."""
        self._draining = True
        self._wake()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    def _wake(self) -> None:
        self._database.wakeups.event(f"outbox {self._bot}").set()

    async def _start_lanes(self) -> float:
        """Start sending what is due, one row in each lane; returns the seconds to wait if nobody wakes us."""
        self._looks += 1
        free = _LANES_AT_ONCE - len(self._lanes)
        if free <= 0:
            return self._poll
        try:
            async with self._database.read() as tx:
                due = await outbox.due(tx, outbox.MATRIX, self._bot, busy=self._lanes, limit=free)
                ready = [await self._prepared(tx, row) for row in due.rows]
        except DatabaseTrouble as error:
            log.error("outbox unavailable", extra={"error": type(error).__name__})
            return 1.0
        for row, prepared in zip(due.rows, ready, strict=True):
            task = asyncio.create_task(self._attempt(row, prepared))
            self._lanes[row.lane] = task
            task.add_done_callback(partial(self._lane_done, row.lane, self._looks))
        if len(due.rows) == free:
            self._looks += 1  # there may be more: whichever lane is done next looks
        if due.next_at is None:
            return self._poll
        return min(self._poll, max(0.01, (due.next_at - self._database.clock.now()).total_seconds()))

    def _lane_done(self, lane: str, look: int, task: asyncio.Task[bool]) -> None:
        self._lanes.pop(lane, None)
        done = False
        if not task.cancelled():
            if task.exception() is not None:
                log.error("an outbox lane failed", exc_info=task.exception())
            else:
                done = task.result()
        if not done or look != self._looks:
            self._wake()  # the lane holds more, or may have got more while it was busy

    async def _prepared(self, tx: Tx, row: OutboxRow) -> Ready | None:
        """Read what sending a message takes; None where that has to be found out step by step."""
        if row.op != "send" or not row.room.startswith("!"):
            return None
        try:
            return await self._ready(tx, row, row.room)
        except Undeliverable:
            return None

    async def _ready(self, tx: Tx, row: OutboxRow, room_id: str) -> Ready:
        room = await store.room(tx, self._bot, room_id)
        content = await self._resolved(tx, row.body["content"])
        return Ready(room_id, room, content, await self._known_members(tx, room))

    async def _attempt(self, row: OutboxRow, ready: Ready | None) -> bool:
        """Try one row, and say whether its lane is known to be empty; what happens is written down."""
        empty = False
        try:
            async with asyncio.timeout(_SEND_SECONDS + (UPLOAD_SECONDS if "file" in row.body else 0)):
                empty = await self._deliver(row, ready)
        except TokenRevoked as error:
            self._stop = error
        except Undeliverable as error:
            await self._give_up(row, str(error))
        except MatrixError as error:
            # Another server sends its invitation out before it knows of it itself.
            reply = row.op in ("join", "leave") and error.errcode == "M_FORBIDDEN"
            # We were thrown out, and our own sync has not come to it: there will be another such room.
            reply = reply or (row.room == MODERATORS_ROOM and error.errcode == "M_FORBIDDEN")
            early = reply and row.attempts < _INVITATION_ATTEMPTS
            if error.transient or early:
                pause = (
                    timedelta(seconds=error.retry_after)
                    if error.retry_after
                    else backoff(row.attempts, most=60)
                )
                await self._wait(row, pause, error.errcode)
            else:
                await self._give_up(row, error.errcode)
        except Exception as error:
            log.error("sending failed", extra={"op": row.op, "out": row.id}, exc_info=error)
            await self._wait(row, backoff(row.attempts, first=1.0, most=60), type(error).__name__)
        else:
            metrics.messages.labels(self._bot, "out", "sent").inc()
            taken = self._database.clock.now() - row.created_at
            metrics.delivery_seconds.labels(self._bot).observe(taken.total_seconds())
        return empty

    async def _wait(self, row: OutboxRow, pause: timedelta, reason: str) -> None:
        try:
            async with self._database.begin() as tx:
                await outbox.retry_at(tx, row.id, tx.now + pause, reason)
        except DatabaseTrouble as error:  # a full disk can be read from: the row is still due
            log.error("outbox unavailable", extra={"error": type(error).__name__})
            await asyncio.sleep(_UNWRITABLE_SECONDS)

    async def _give_up(self, row: OutboxRow, reason: str) -> None:
        metrics.messages.labels(self._bot, "out", "failed").inc()
        log.warning("given up", extra={"bot": self._bot, "op": row.op, "out": row.id, "reason": reason})
        self._uploads.forget(row)
        async with self._database.begin() as tx:
            await outbox.mark_failed(tx, row.id, reason)
            if "file" in row.body:
                told = {"room": row.room, "reason": reason}
                await inbox.put(tx, Incoming(self._bot, FILE_REFUSED_TOPIC, row.id, f"out {row.id}", told))

    async def _deliver(self, row: OutboxRow, ready: Ready | None) -> bool:
        if ready is not None:
            return await self._send(row, ready)
        if row.op == "create":
            return await self._sent(row, None, await self._rooms.create(row))
        if row.op == "join":
            return await self._sent(row, None, await self._rooms.join(row))
        room_id: str | None = row.room
        if not row.room.startswith("!"):
            async with self._database.read() as tx:
                room_id = await store.named_room(tx, self._bot, row.room)
        if room_id is None and row.room == MODERATORS_ROOM:
            room_id = await self._make_moderators_room(row)
        if room_id is None:
            if not row.room.startswith("dm:"):
                raise Undeliverable("NO_SUCH_ROOM")
            room_id = await self._theirs(row.room) or await self._rooms.create_direct(row)
        if row.op == "send":
            async with self._database.read() as tx:
                ready = await self._ready(tx, row, room_id)
            return await self._send(row, ready)
        if row.op == "levels":
            return await self._change_levels(row, room_id)
        if row.op == "members":
            await self._list_members(room_id)
            return await self._sent(row, None, room_id)
        await self._rooms.act(row, room_id)
        return await self._sent(row, None, room_id)

    async def _theirs(self, name: str) -> str | None:
        """The direct chat that somebody made with us, where we have not been told that they are in it."""
        async with self._database.read() as tx:
            perhaps = await store.perhaps_direct(tx, self._bot, name[3:])
        for room_id in perhaps:
            try:
                await self._list_members(room_id, timeout=_PERHAPS_SECONDS)
            except TokenRevoked:
                raise
            except MatrixError:  # our homeserver may be joining it for ever: nothing waits for that
                continue
        if not perhaps:
            return None
        async with self._database.read() as tx:
            return await store.named_room(tx, self._bot, name)

    async def _make_moderators_room(self, row: OutboxRow) -> str | None:
        """What is said to the moderators waits until their lost room is made anew, and is said there.

        Whoever makes it queues the row for it behind this one; None when nobody does.
        """
        async with self._database.read() as tx:
            create = await outbox.first(tx, row.lane, "create")
        if create is not None:
            room_id = await self._rooms.create(create)
            await self._sent(create, None, room_id)
            return room_id
        if row.attempts < _UNKNOWN_ROOM_ATTEMPTS:
            raise MatrixError(0, "CURBSIDE_ROOM_LOST")
        return None

    async def _change_levels(self, row: OutboxRow, room_id: str) -> bool:
        """Change power levels, together with the changes queued behind: 300 mutes in a raid are one event."""
        async with self._database.read() as tx:
            rows = await outbox.alike(tx, row)
        try:
            await self._rooms.set_levels(room_id, [one.body for one in rows])
        except MatrixError as error:
            if len(rows) == 1 or error.transient or isinstance(error, TokenRevoked):
                raise
            rows = [row]  # one of them is refused: each for itself, then
            await self._rooms.set_levels(room_id, [row.body])
        failpoint("outbox.after_send")
        async with self._database.begin() as tx:
            for one in rows:
                await outbox.mark_sent(tx, one.id, room_id=room_id)
            empty = not await outbox.step_back(tx, row.lane)
        failpoint("outbox.after_mark")
        return empty

    async def _sent(self, row: OutboxRow, event_id: str | None, room_id: str) -> bool:
        failpoint("outbox.after_send")
        async with self._database.begin() as tx:
            await outbox.mark_sent(tx, row.id, event_id=event_id, room_id=room_id)
            empty = not await outbox.step_back(tx, row.lane)
        failpoint("outbox.after_mark")
        return empty

    # Messages ------------------------------------------------------------------------------------

    async def _send(self, row: OutboxRow, ready: Ready) -> bool:
        room_id, room, content, members = ready.room_id, ready.room, ready.content, ready.members
        if row.created_at < self._started_at and await self._may_be_there(row):
            found = await self._find(room_id, row)
            if found is not None:
                return await self._sent(row, found, room_id)
        if room is None or (row.room[0] != "!" and not room.encrypted):
            # Not known yet, or one of ours not known as encrypted yet: nothing leaves in the clear meanwhile.
            if row.attempts >= _UNKNOWN_ROOM_ATTEMPTS:
                raise Undeliverable("UNKNOWN_ROOM")
            raise MatrixError(0, "CURBSIDE_ROOM_NOT_SYNCED")
        event_type: str = row.body["type"]
        if self._strict and event_type == "m.reaction" and not is_allowed_reaction(content):
            raise Undeliverable("STRICT_REACTION")
        sealed: Encrypted | None = None
        if "file" in row.body:
            content = await self._uploads.shown(row, content, encrypted=room.encrypted)
        if room.encrypted and event_type != "m.reaction" and not row.body.get("clear"):
            if members is None:
                members = await self._list_members(room_id)
            failpoint("keys.before_share")
            period = {
                "rotation_period_msgs": room.shape.rotate_messages,
                "rotation_period_ms": room.shape.rotate_ms,
            }
            sealed = await self._crypto.encrypt(room_id, members, event_type, content, settings=period)
            failpoint("keys.after_share")
            event_type, content = "m.room.encrypted", sealed.content
        failpoint("outbox.before_send")
        path = f"{CLIENT}/rooms/{quoted(room_id)}/send/{quoted(event_type)}/{quoted(row.id)}"
        answer = await self._http.request("PUT", path, json=content)
        event_id = answer.get("event_id")
        if not isinstance(event_id, str):
            raise MatrixError(0, "CURBSIDE_NO_EVENT_ID")
        failpoint("outbox.after_send")
        self._uploads.forget(row)
        page = row.topic is not None and row.room.startswith("dm:")
        unreached: set[str] = set()
        if sealed is not None and (page or any(one.new for one in sealed.withheld)):
            unreached = await self._unreached(sealed)
        unreadable = page and row.room[3:] in unreached
        async with self._database.begin() as tx:
            if unreadable:
                await outbox.mark_failed(tx, row.id, "WITHHELD")
            await outbox.mark_sent(tx, row.id, event_id=event_id, room_id=room_id)
            if sealed is not None:
                for one in sealed.withheld:
                    if one.new:
                        await self._tell_withheld(tx, room_id, one, alone=one.user_id in unreached)
                for change in sealed.identity_changes:
                    await tell_identity_change(tx, self._bot, change)
            empty = not await outbox.step_back(tx, row.lane)
        failpoint("outbox.after_mark")
        return empty

    async def _unreached(self, sealed: Encrypted) -> set[str]:
        """The people none of whose devices can read a message."""
        refused = {(one.user_id, one.device_id) for one in sealed.withheld}
        unreached = set()
        for user_id in {user_id for user_id, _device in refused}:
            devices = await self._crypto.devices_of(user_id)
            if all((user_id, device.device_id) in refused for device in devices):
                unreached.add(user_id)
        return unreached

    async def _tell_withheld(self, tx: Tx, room_id: str, one: Withheld, *, alone: bool) -> None:
        """Journal a withheld message, once per device and reason; the chat tells the people concerned."""
        metrics.messages.labels(self._bot, "out", "withheld").inc()
        payload = {
            "room_id": room_id,
            "user_id": one.user_id,
            "device_id": one.device_id,
            "code": one.code,
            "alone": alone,
        }
        source = f"{one.user_id} {one.device_id} {one.code}"[:255]
        await inbox.put(
            tx, Incoming(self._bot, WITHHELD_TOPIC, source, f"withheld {one.user_id}"[:320], payload)
        )

    async def _resolved(self, tx: Tx, value: Any) -> Any:
        """Put event ids in place of the outbox ids that stand for them."""
        if isinstance(value, Mapping):
            if set(value) == {"$out"}:
                event_id = await outbox.event_of(tx, str(value["$out"]))
                if event_id is None:
                    raise Undeliverable("RELATED_EVENT_NOT_SENT")
                return event_id
            return {key: await self._resolved(tx, item) for key, item in value.items()}
        if isinstance(value, list):
            return [await self._resolved(tx, item) for item in value]
        return value

    async def _may_be_there(self, row: OutboxRow) -> bool:
        """Whether the homeserver may have this row already without recognising its transaction id."""
        async with self._database.read() as tx:
            device_since = await store.device_since(tx, self._bot)
        old = self._database.clock.now() - row.created_at > _TRUST_TRANSACTION_IDS
        return old or (device_since is not None and row.created_at < device_since)

    async def _find(self, room_id: str, row: OutboxRow) -> str | None:
        """Look for a row's event in the room, back to the moment it was queued."""
        query = {"dir": "b", "limit": "100"}
        oldest = (row.created_at - timedelta(minutes=5)).timestamp() * 1000
        for _ in range(10):
            page = await self._http.request("GET", f"{CLIENT}/rooms/{quoted(room_id)}/messages", query=query)
            for event in page.get("chunk") or []:
                if as_mapping(event).get("sender") == self._user_id and self._is(room_id, event, row.id):
                    return str(event["event_id"])
                if as_mapping(event).get("origin_server_ts", 0) < oldest:
                    return None
            if not isinstance(page.get("end"), str):
                return None
            query["from"] = page["end"]
        return None

    def _is(self, room_id: str, event: Mapping[str, Any], row_id: str) -> bool:
        if event.get("type") == "m.room.encrypted":
            read = self._crypto.decrypt(room_id, event)
            event = {} if isinstance(read, Undecryptable) else read.event
        return as_mapping(as_mapping(event.get("content")).get("org.curbside")).get("out") == row_id

    async def _known_members(self, tx: Tx, room: store.RoomRow | None) -> list[str] | None:
        """Everybody who is to be able to read, those invited too; None if that has to be asked for."""
        if room is None or not room.encrypted or not room.members_known:
            return None
        known = await store.members(tx, self._bot, room.room_id)
        return [user for user, membership in known.items() if membership in store.PRESENT]

    async def _list_members(self, room_id: str, *, timeout: float = 30.0) -> list[str]:
        """Ask who is in a room, and keep it; within `timeout` seconds."""
        async with self._database.read() as tx:
            before = await store.room(tx, self._bot, room_id)
        answer = await self._http.request(
            "GET",
            f"{CLIENT}/rooms/{quoted(room_id)}/members",
            query={"not_membership": "leave"},
            timeout=timeout,
        )
        present: dict[str, str] = {}
        for event in answer.get("chunk") or []:
            membership = as_mapping(as_mapping(event).get("content")).get("membership")
            if membership in store.HERE and isinstance(event.get("state_key"), str):
                present[event["state_key"]] = str(membership)
        async with self._database.begin() as tx:
            now = await store.room(tx, self._bot, room_id)
            # What has happened in the room since may be newer than the list.
            if before is not None and now is not None and before.last_event == now.last_event:
                await store.replace_members(tx, self._bot, room_id, present)
        return [user_id for user_id, membership in present.items() if membership in store.PRESENT]
