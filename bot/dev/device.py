"""One device of one user: login, sync, end-to-end encryption, and every event it sees. Under `Clinician`.

It shares no code with the bots, so that what it can read shows what any client can read. It stands on
matrix-nio and goes round the faults of nio that would end a sync, hang a send or lose a message. Its keys lie
unprotected in its directory: for invented people only.

Source: Matrix client-server API v1.11, modules "Syncing" and "End-to-End Encryption".
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import uuid4

import aiohttp
from nio import (
    AsyncClientConfig,
    EncryptionError,
    ErrorResponse,
    ForwardedRoomKeyEvent,
    InviteMemberEvent,
    MegolmEvent,
    RoomKeyEvent,
    SyncError,
    SyncResponse,
)
from nio import Event as NioEvent
from nio.store import SqliteStore

from bot.dev.answers import API, MatrixError, json_of, quoted, refusal, retry_after_s
from bot.dev.guarded_client import GuardedClient
from bot.dev.identity import Identity

_log = logging.getLogger(__name__)

_LONG_POLL_MS = 20_000
_SYNC_FILTER = {"room": {"timeline": {"limit": 100}}, "presence": {"types": []}}
_BACKFILL_PAGE = 100
_BACKFILL_PAGES = 20
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0

Event = dict[str, Any]
Predicate = Callable[[Event], bool]
T = TypeVar("T")


class IdentityError(Exception):
    """The user has a cross-signing identity whose private keys are not here."""


class Device:
    """One device of one user. Make it with `start`; end it with `close`.

    `events` holds every timeline event of every room in the order of arrival, invitations included, each a
    dict: room_id, event_id, sender, type, content, origin_server_ts, encrypted (it travelled encrypted),
    undecrypted (its key is missing so far), and state_key for state events. An event whose key comes late is
    completed in place. `withheld` holds the contents of `m.room_key.withheld` messages.
    """

    def __init__(self, url: str, directory: Path, accept_invitations: bool) -> None:
        config = AsyncClientConfig(store=SqliteStore, max_timeouts=0, request_timeout=30)
        directory.mkdir(parents=True, exist_ok=True)
        self._client = GuardedClient(url, store_path=str(directory), config=config)
        self._accept_invitations = accept_invitations
        self._changed = asyncio.Condition()
        self._closed = asyncio.Event()
        self._upkeep_due = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._synced = False
        self._failure: Exception | None = None
        self._seen: set[tuple[str, str]] = set()
        self._seen_rooms: set[str] = set()
        self._pending: dict[str, tuple[Any, Event]] = {}
        self._invited: set[str] = set()
        self.events: list[Event] = []
        self.withheld: list[dict[str, Any]] = []

    @classmethod
    async def start(
        cls,
        url: str,
        user: str,
        directory: Path,
        *,
        password: str | None = None,
        access_token: str | None = None,
        device_id: str | None = None,
        cross_sign: bool = True,
        identity_directory: Path | None = None,
        accept_invitations: bool = True,
        timeout: float = 60.0,
    ) -> Self:
        """Log in by `password`, or with `access_token` and `device_id`; return after the first sync.

        `user`: a localpart or user id. `directory`: keeps the device's keys; a later start with the same
        directory and device goes on with them. `cross_sign`: False leaves the device unsigned.
        `identity_directory`: where the user's cross-signing keys are kept (default `directory`), for a second
        device of the same user. `accept_invitations`: join every room one is invited to.
        Raises MatrixError, IdentityError, or TimeoutError after `timeout` seconds.
        """
        self = cls(url, directory, accept_invitations)
        try:
            async with asyncio.timeout(timeout):
                await self._log_in(user, password, access_token, device_id)
                if self._client.should_upload_keys:
                    await self._insist(self._client.keys_upload)
                if cross_sign:
                    await self._cross_sign(identity_directory or directory)
                self._spawn(self._sync_loop())
                self._spawn(self._upkeep_loop())
                await self._until(lambda: self._synced)
        except BaseException:
            await self.close()
            raise
        return self

    @property
    def user_id(self) -> str:
        return str(self._client.user_id)

    @property
    def device_id(self) -> str:
        return str(self._client.device_id)

    @property
    def access_token(self) -> str:
        return str(self._client.access_token)

    @property
    def joined_rooms(self) -> list[str]:
        """Rooms this client has seen itself join."""
        return list(self._client.rooms)

    # --- what has come -----------------------------------------------------------------------------------

    def bookmark(self) -> int:
        """The place after the newest event so far, for `after`."""
        return len(self.events)

    async def wait_for(self, predicate: Predicate, *, timeout: float = 60.0, after: int = 0) -> Event:
        """The first event from `after` on that `predicate` accepts, past ones included.

        Raises TimeoutError after `timeout` seconds, MatrixError when the sync has ended for good.
        """
        found: list[Event] = []

        def look() -> bool:
            found[:] = [event for event in self.events[after:] if predicate(event)][:1]
            return bool(found)

        try:
            async with asyncio.timeout(timeout):
                await self._until(look)
        except TimeoutError:
            seen = self.events[after:]
            raise TimeoutError(
                f"no such event for {self.user_id} within {timeout} s; {len(seen)} others came, "
                f"{sum(event['undecrypted'] for event in seen)} of them undecryptable"
            ) from None
        return found[0]

    # --- what one does -----------------------------------------------------------------------------------

    async def send_event(
        self,
        room_id: str,
        event_type: str,
        content: Mapping[str, Any],
        *,
        txn_id: str | None = None,
        timeout: float = 60.0,
    ) -> str:
        """As `send`, for any type and content; reactions are never encrypted."""
        txn_id = txn_id or uuid4().hex
        async with asyncio.timeout(timeout):
            await self._until(lambda: room_id in self._client.rooms)
            sent_type, sent_content = event_type, content
            if self._client.rooms[room_id].encrypted and event_type != "m.reaction":
                sent_type, sent_content = await self._insist(
                    lambda: self._client.encrypt_event(room_id, event_type, content)
                )
            path = f"{API}/rooms/{quoted(room_id)}/send/{quoted(sent_type)}/{quoted(txn_id)}"
            return str((await self.request("PUT", path, sent_content, timeout=timeout))["event_id"])

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        timeout: float = 60.0,
        retry: bool | None = None,
    ) -> dict[str, Any]:
        """Any request of the client-server API, with this user's token.

        Waits out rate limits; repeats a request that failed on the way when `retry` is true (default: all but
        POST). Raises MatrixError when refused, TimeoutError after `timeout` seconds.
        """
        retry = method != "POST" if retry is None else retry
        headers = {"Content-Type": "application/json"}
        if self._client.access_token:
            headers["Authorization"] = f"Bearer {self._client.access_token}"
        data = None if body is None else json.dumps(body)
        pause = _FIRST_PAUSE_S
        async with asyncio.timeout(timeout):
            while True:
                try:
                    response = await self._client.send(method, path, data, headers)
                    answer = await json_of(response)
                except (aiohttp.ClientError, TimeoutError) as error:
                    if not retry and not isinstance(error, aiohttp.ClientConnectorError):
                        raise
                else:
                    if response.status == 200:
                        return answer
                    if response.status == 429:
                        pause = max(pause, retry_after_s(response, answer))
                    elif response.status < 500 or not retry:
                        raise refusal(response, answer)
                await self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def close(self) -> None:
        """Stop; the device stays logged in and its directory can be started again. Twice is allowed."""
        self._closed.set()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()
        if self._client.store is not None:
            self._client.store.database.close()

    def crash(self) -> None:
        """Stop at once, in the middle of whatever is under way, as a killed process would."""
        self._closed.set()
        for task in tuple(self._tasks):
            task.cancel()
        session = self._client.client_session
        if session is not None and session.connector is not None:
            self._spawn(session.connector.close())

    # --- the machinery -----------------------------------------------------------------------------------

    async def _log_in(
        self, user: str, password: str | None, access_token: str | None, device_id: str | None
    ) -> None:
        if access_token is None:
            body: dict[str, Any] = {
                "type": "m.login.password",
                "identifier": {"type": "m.id.user", "user": user},
                "password": password,
            }
            if device_id is not None:
                body["device_id"] = device_id
            answer = await self.request("POST", f"{API}/login", body)
        else:
            self._client.access_token = access_token
            answer = await self.request("GET", f"{API}/account/whoami")
            answer["access_token"] = access_token
            answer["device_id"] = device_id or answer["device_id"]
        self._client.restore_login(answer["user_id"], answer["device_id"], answer["access_token"])

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pause(self, seconds: float) -> None:
        """Wait before another attempt. Raises ConnectionError when the device is closed meanwhile."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)
            raise ConnectionError("this device was closed")

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: condition() or self._failure is not None)
        if self._failure is not None and not condition():
            raise self._failure

    async def _insist(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Repeat `work` until it succeeds; whoever calls sets the time limit."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                answer = await work()
            except MatrixError:
                raise
            except Exception as error:
                _log.info("trying again after %s", type(error).__name__)
            else:
                if not isinstance(answer, ErrorResponse):
                    return answer
            await self._pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _cross_sign(self, directory: Path) -> None:
        query: dict[str, Any] = {"device_keys": {self.user_id: []}}
        known = await self.request("POST", f"{API}/keys/query", query, retry=True)
        master = known.get("master_keys", {}).get(self.user_id)
        identity = Identity.load(directory, self.user_id)
        if identity is None:
            if master is not None:
                raise IdentityError(
                    f"{self.user_id} has a cross-signing identity, and its keys are not in {directory}: pass "
                    "identity_directory, or cross_sign=False for an unsigned device"
                )
            identity = Identity.create(directory, self.user_id)
        device = known["device_keys"][self.user_id][self.device_id]
        # The first upload of an identity asks for no further authentication; a repeated one changes nothing.
        await self.request("POST", f"{API}/keys/device_signing/upload", identity.public_keys(), retry=True)
        answer = await self.request(
            "POST", f"{API}/keys/signatures/upload", identity.signature_of(device), retry=True
        )
        if answer.get("failures"):
            raise IdentityError(f"the homeserver did not take the signature of {self.user_id}'s device")

    async def _upkeep_loop(self) -> None:
        """Key uploads, queries and claims; apart from the sync, which a slow peer must not hold up."""
        while True:
            await self._upkeep_due.wait()
            self._upkeep_due.clear()
            try:
                async with asyncio.timeout(30.0):
                    await self._client.keep_keys()
            except Exception as error:
                _log.info("key upkeep failed: %s", type(error).__name__)

    async def _sync_loop(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._closed.is_set():
            since = self._client.next_batch
            try:
                answer = await self._client.sync(
                    timeout=_LONG_POLL_MS if since else 0, sync_filter=_SYNC_FILTER, full_state=not since
                )
                if isinstance(answer, SyncResponse):
                    await self._take(answer, since)
                    pause = _FIRST_PAUSE_S
                    continue
                if isinstance(answer, SyncError) and answer.status_code == "M_UNKNOWN_TOKEN":
                    await self._end(MatrixError(401, "M_UNKNOWN_TOKEN", "this device was logged out"))
                    return
            except Exception as error:
                _log.info("sync failed: %s", type(error).__name__)
                self._client.next_batch = since  # nio advances it before anything is handled
            await self._pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _end(self, failure: Exception) -> None:
        async with self._changed:
            self._failure = failure
            self._changed.notify_all()

    async def _take(self, answer: Any, since: str) -> None:
        """Record what one sync brought, then wake those who wait."""
        client = self._client
        for room_id, room in (*answer.rooms.join.items(), *answer.rooms.leave.items()):
            if room.timeline.limited and since:
                for event in await self._missed(room_id, room.timeline.prev_batch, since):
                    self._record(room_id, event, isinstance(event, MegolmEvent))
            for event in room.timeline.events:
                self._record(room_id, event, event.source.get("event_id") in client.came_encrypted)
        for room_id in answer.rooms.leave:
            client.rooms.pop(room_id, None)
            client.invited_rooms.pop(room_id, None)
        for room_id, invitation in answer.rooms.invite.items():
            self._take_invitation(room_id, invitation)
        self._invited &= set(client.invited_rooms)
        self.withheld += [
            event.source["content"]
            for event in answer.to_device_events
            if event.source.get("type") == "m.room_key.withheld"
        ]
        if any(isinstance(event, RoomKeyEvent | ForwardedRoomKeyEvent) for event in answer.to_device_events):
            for event, entry in tuple(self._pending.values()):
                self._decrypt(event, entry)
        self._upkeep_due.set()
        async with self._changed:
            self._synced = True
            self._changed.notify_all()

    def _take_invitation(self, room_id: str, invitation: Any) -> None:
        if room_id in self._invited:
            return
        self._invited.add(room_id)
        for event in invitation.invite_state:
            if isinstance(event, InviteMemberEvent) and event.state_key == self.user_id:
                # nio takes the content out of the source.
                source = event.source | {"content": event.content}
                self.events.append(_entry(room_id, source, encrypted=False))
        if self._accept_invitations:
            self._spawn(self._accept(room_id))

    async def _accept(self, room_id: str) -> None:
        try:
            await self._enter(room_id)
        except (MatrixError, TimeoutError) as error:
            _log.warning("invitation not accepted: %s", getattr(error, "errcode", "timeout"))

    async def _enter(self, room_id: str) -> None:
        """Ask to join; again for some seconds where a homeserver sent its invitation before it knew of it."""
        for pause in (0.5, 1.0, 2.0, 4.0, 0.0):
            try:
                await self.request("POST", f"{API}/join/{quoted(room_id)}", {}, retry=True)
            except MatrixError:
                if room_id not in self._invited or not pause:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def _missed(self, room_id: str, start: str, since: str) -> list[Any]:
        """The events a limited timeline left out, oldest first; of a room just joined, its newest history."""
        new_room = room_id not in self._seen_rooms
        until = "" if new_room else f"&to={quoted(since)}"
        missed: list[Any] = []
        for _ in range(1 if new_room else _BACKFILL_PAGES):
            query = f"dir=b&limit={_BACKFILL_PAGE}&from={quoted(start)}{until}"
            try:
                page = await self.request("GET", f"{API}/rooms/{quoted(room_id)}/messages?{query}")
            except MatrixError as error:
                _log.warning("history not readable: %s", error.errcode)
                break
            missed += [
                parsed for event in page["chunk"] if (parsed := NioEvent.parse_event(event)) is not None
            ]
            if "end" not in page or not page["chunk"]:
                break
            start = page["end"]
        return missed[::-1]

    def _record(self, room_id: str, event: Any, encrypted: bool) -> None:
        entry = _entry(room_id, event.source, encrypted)
        if (room_id, entry["event_id"]) in self._seen:
            return
        self._seen.add((room_id, entry["event_id"]))
        self._seen_rooms.add(room_id)
        self.events.append(entry)
        if isinstance(event, MegolmEvent):
            event.room_id = room_id
            entry["undecrypted"] = True
            self._pending[entry["event_id"]] = (event, entry)
            self._decrypt(event, entry)

    def _decrypt(self, event: Any, entry: Event) -> None:
        try:
            clear = self._client.decrypt_event(event).source
        except EncryptionError:
            return
        del self._pending[entry["event_id"]]
        entry.update(type=clear["type"], content=clear["content"], undecrypted=False)


def _entry(room_id: str, source: Mapping[str, Any], encrypted: bool) -> Event:
    content = source.get("content")
    entry = {
        "room_id": room_id,
        "event_id": source.get("event_id", ""),
        "sender": source.get("sender", ""),
        "type": source.get("type", ""),
        "content": content if isinstance(content, dict) else {},
        "origin_server_ts": source.get("origin_server_ts", 0),
        "encrypted": encrypted,
        "undecrypted": False,
    }
    if "state_key" in source:
        entry["state_key"] = source["state_key"]
    return entry
