"""The independent Matrix client of the tests: matrix-js-sdk with its Rust crypto engine, in a Node process.

It is the engine of Element: what it decrypts, withholds or marks with a shield is what clinicians will see.
Keys are kept in memory: one `JsClient` is one device, from its login to `stop()`.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import itertools
import json
import os
import platform
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pytest

JsEvent = dict[str, Any]
Isolation = Literal["signed", "all"]

FOLDER = Path(__file__).parent / "jsclient"
INSTALL_TIMEOUT_S = 240
# Events are waited for, so patience costs nothing where all is well; on a busy machine a homeserver that
# first asks another one for keys may take its time.
COMMAND_TIMEOUT_S = 120.0
EVENT_TIMEOUT_S = 60.0
LINE_LIMIT = 16 * 1024 * 1024


class JsClientError(Exception):
    """A command failed; `errcode` is the homeserver's code where there was one."""

    def __init__(self, message: str, errcode: str | None = None) -> None:
        super().__init__(message)
        self.errcode = errcode


class JsClientTimeout(JsClientError):
    """What was waited for did not come in time."""


def ensure_installed() -> Path:
    """Installs the locked npm packages once and returns the Node binary; skips the test where it cannot.

    Safe to call from several test processes at once: the first installs, the others wait for its file lock.
    """
    modules = FOLDER / "node_modules"
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    node = modules / f"node-linux-{machine}" / "bin" / "node"
    stamp = modules / ".installed"
    with (FOLDER / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256(lock.read()).hexdigest()
        if not (stamp.is_file() and stamp.read_text() == wanted):
            _install()
            stamp.write_text(wanted)
    if not node.is_file():
        pytest.skip(f"the JavaScript client: no Node binary for {platform.system()} {platform.machine()}")
    return node


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("the JavaScript client: npm is not installed")
    # The engines check is off: npm runs on whatever Node is there, the client on the one it installs.
    command = [npm, "ci", "--force", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"the JavaScript client: npm ci took longer than {INSTALL_TIMEOUT_S} s")
    if done.returncode:
        reason = " ".join(line.removeprefix("npm error ") for line in done.stderr.splitlines()[:3])
        pytest.skip(f"the JavaScript client: npm ci failed: {reason}")


class JsClient:
    """One logged-in device. `events` holds every report in order, see `wait_for`.

    Reports are dicts by their `event`:

    - `timeline`: `room_id, event_id, sender, type, state_key, content, relates_to, origin_server_ts,
      transaction_id, encrypted, decryption_failure_code, shield`. One per outcome: an event that could not be
      decrypted comes with its code (`content` is then empty) and once more when it later can. `shield` is
      None for what was not encrypted or not decrypted, else `{"color", "reason"}`: "none" (no warning),
      "grey" or "red", and why, such as "unsigned_device".
    - `membership`: `room_id, membership, sender`, the own one.
    - `gap`: `room_id`; more than 100 events came at once and the older ones of them are not reported.
    - `sync_failing`, `logged_out`, and `problem` with a `message`.
    """

    def __init__(self, process: asyncio.subprocess.Process, user_id: str, device_id: str) -> None:
        self.user_id = user_id
        self.device_id = device_id
        self.events: list[JsEvent] = []
        self.keys: dict[str, str] = {}
        self._process = process
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._arrived = asyncio.Condition()
        self._ended = False
        self._complaints: deque[str] = deque(maxlen=40)
        self._readers = [asyncio.create_task(self._read()), asyncio.create_task(self._read_complaints())]

    @classmethod
    async def start(
        cls,
        homeserver: str,
        user_id: str,
        access_token: str,
        device_id: str,
        password: str | None = None,
        *,
        isolation: Isolation = "signed",
        cross_sign: bool = True,
        auto_join: bool = False,
        timeout: float = COMMAND_TIMEOUT_S,
    ) -> JsClient:
        """Starts the client and returns after its first sync.

        `cross_sign` makes a new cross-signing identity for the user and signs the device; replacing an
        existing identity needs the password. `isolation="signed"` refuses devices that their owner has not
        signed, in both directions (MSC4153); such a client cannot itself send before it is signed.

        Raises `JsClientError`; where the process ended or hung, with the last lines of its standard error.
        """
        node = await asyncio.to_thread(ensure_installed)
        process = await asyncio.create_subprocess_exec(
            str(node),
            "client.mjs",
            cwd=FOLDER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT,
            start_new_session=True,
        )
        client = cls(process, user_id, device_id)
        try:
            client.keys = await client.command(
                "start",
                timeout=timeout,
                homeserver=homeserver,
                user_id=user_id,
                access_token=access_token,
                device_id=device_id,
                password=password,
                isolation=isolation,
                cross_sign=cross_sign,
                auto_join=auto_join,
            )
        except BaseException:
            await client.kill()
            raise
        return client

    @property
    def pid(self) -> int:
        """The Node process."""
        return self._process.pid

    async def wait_for(
        self, predicate: Callable[[JsEvent], object], timeout: float = EVENT_TIMEOUT_S, after: int = 0
    ) -> JsEvent:
        """Returns the first of `events[after:]` that the predicate accepts, waiting `timeout` seconds for it.

        Raises `JsClientTimeout`, or `JsClientError` when the process ends first.
        """
        seen = after

        def found() -> JsEvent | None:
            nonlocal seen
            while seen < len(self.events):
                seen += 1
                if predicate(self.events[seen - 1]):
                    return self.events[seen - 1]
            return None

        try:
            async with asyncio.timeout(timeout), self._arrived:
                while (event := found()) is None:
                    if self._ended:
                        raise JsClientError(f"the JavaScript client ended: {self._last_words()}")
                    await self._arrived.wait()
                return event
        except TimeoutError:
            recent = self.events[after:][-20:]
            kinds = [(e["event"], e.get("type"), e.get("decryption_failure_code")) for e in recent]
            raise JsClientTimeout(f"not seen within {timeout} s; the last reports: {kinds}") from None

    async def wait_for_message(
        self, room_id: str, sender: str, contains: str = "", timeout: float = EVENT_TIMEOUT_S, after: int = 0
    ) -> JsEvent:
        """Returns the sender's first readable message in the room whose body contains the text."""

        def matches(event: JsEvent) -> bool:
            return (
                event["event"] == "timeline"
                and event["type"] == "m.room.message"
                and (event["room_id"], event["sender"]) == (room_id, sender)
                and contains in str(event["content"].get("body", ""))
            )

        return await self.wait_for(matches, timeout, after)

    async def wait_for_undecryptable(
        self, room_id: str, sender: str, timeout: float = EVENT_TIMEOUT_S, after: int = 0
    ) -> JsEvent:
        """Returns the sender's first event in the room that could not be decrypted."""
        return await self.wait_for(
            lambda e: e.get("decryption_failure_code") and (e["room_id"], e["sender"]) == (room_id, sender),
            timeout,
            after,
        )

    async def wait_for_membership(
        self, membership: str, room_id: str | None = None, timeout: float = EVENT_TIMEOUT_S, after: int = 0
    ) -> JsEvent:
        """Returns the first change of the own membership to this value, in this room or in any."""
        return await self.wait_for(
            lambda e: (
                e["event"] == "membership"
                and e["membership"] == membership
                and room_id in (None, e["room_id"])
            ),
            timeout,
            after,
        )

    async def create_dm(self, user_id: str, encrypted: bool = True) -> str:
        """Creates a direct chat with the user, records it in `m.direct` and returns its room id."""
        return str((await self.command("create_dm", user_id=user_id, encrypted=encrypted))["room_id"])

    async def create_room(
        self,
        *,
        encrypted: bool = True,
        invite: list[str] | None = None,
        name: str | None = None,
        public: bool = False,
        room_version: str | None = None,
    ) -> str:
        """Creates a room and returns its id once the sync has brought it, with its encryption."""
        options = {"invite": invite or [], "name": name, "public": public, "room_version": room_version}
        given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
        return str((await self.command("create_room", encrypted=encrypted, **given))["room_id"])

    async def join(self, room: str, via: list[str] | None = None) -> str:
        """Joins a room by id or alias and returns its id once the sync has brought it."""
        return str((await self.command("join", room=room, via=via or []))["room_id"])

    async def invite(self, room_id: str, user_id: str) -> None:
        """Invites the user."""
        await self.command("invite", room_id=room_id, user_id=user_id)

    async def leave(self, room_id: str) -> None:
        """Leaves the room or rejects its invitation."""
        await self.command("leave", room_id=room_id)

    async def send(
        self,
        room_id: str,
        text: str,
        *,
        html: str | None = None,
        thread_root: str | None = None,
        reply_to: str | None = None,
    ) -> str:
        """Sends a text message, encrypted where the room is, and returns its event id."""
        request: dict[str, Any] = {"html": html, "thread_root": thread_root, "reply_to": reply_to}
        return str((await self.command("send", room_id=room_id, text=text, **request))["event_id"])

    async def send_event(self, room_id: str, type: str, content: dict[str, Any]) -> str:
        """Sends any event, encrypted where the room is, and returns its event id."""
        return str(
            (await self.command("send_event", room_id=room_id, type=type, content=content))["event_id"]
        )

    async def react(self, room_id: str, event_id: str, key: str) -> str:
        """Reacts to an event and returns the reaction's event id."""
        return str((await self.command("react", room_id=room_id, event_id=event_id, key=key))["event_id"])

    async def edit(self, room_id: str, event_id: str, text: str) -> str:
        """Replaces the text of an own message and returns the replacement's event id."""
        return str((await self.command("edit", room_id=room_id, event_id=event_id, text=text))["event_id"])

    async def redact(self, room_id: str, event_id: str) -> str:
        """Redacts an event and returns the redaction's event id."""
        return str((await self.command("redact", room_id=room_id, event_id=event_id))["event_id"])

    async def members(self, room_id: str) -> dict[str, str]:
        """Returns the membership of everybody in the room's state, by user id."""
        return dict(await self.command("members", room_id=room_id))

    async def is_encrypted(self, room_id: str) -> bool:
        """Whether this client encrypts what it sends to the room."""
        return bool(await self.command("is_encrypted", room_id=room_id))

    async def verification_of(self, user_id: str, device_id: str) -> dict[str, bool]:
        """Says what this client makes of a device, from freshly downloaded keys.

        Keys: `device_known, signed_by_owner, cross_signing_verified, verified` of the device;
        `identity_known, identity_verified, identity_changed` of its owner.
        """
        return dict(await self.command("verification_of", user_id=user_id, device_id=device_id))

    async def reset_identity(self) -> str:
        """Replaces the own cross-signing identity, signs this device and returns the new master key."""
        return str((await self.command("reset_identity"))["master"])

    async def logout(self) -> None:
        """Ends the session on the homeserver; the device and its keys are gone."""
        await self.command("logout")

    async def stop(self) -> None:
        """Ends the process; the device stays logged in. Harmless when it has already ended."""
        with suppress(JsClientError):
            await self.command("stop", timeout=5.0)
        await self.kill()

    async def kill(self) -> None:
        """Kills the process group at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await asyncio.gather(*self._readers)

    async def command(self, command: str, *, timeout: float = COMMAND_TIMEOUT_S, **arguments: Any) -> Any:
        """Sends one command of client.mjs and returns its result.

        Raises `JsClientError` or `JsClientTimeout`.
        """
        if self._ended or self._process.stdin is None:
            raise JsClientError(f"the JavaScript client has ended: {self._last_words()}")
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "command": command, **arguments})
        try:
            async with asyncio.timeout(timeout):
                self._process.stdin.write(f"{line}\n".encode())
                await self._process.stdin.drain()
                return await answer
        except TimeoutError:
            said = f"{await self._requests()}; {self._last_words()}"
            raise JsClientTimeout(f"{command}: no answer within {timeout} s: {said}") from None
        except (BrokenPipeError, ConnectionResetError) as error:
            raise JsClientError(f"{command}: the JavaScript client has ended") from error
        finally:
            del self._answers[number]

    async def _requests(self) -> str:
        """The client's requests to the homeserver that are under way, failed or took long."""
        with suppress(JsClientError, TimeoutError):
            async with asyncio.timeout(5.0):
                return json.dumps(await self.command("requests", timeout=60.0))
        return "it does not answer at all"

    def _last_words(self) -> str:
        return " | ".join(self._complaints) or "it wrote nothing to its standard error"

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            async for line in self._process.stdout:
                message = json.loads(line)
                if "event" in message:
                    async with self._arrived:
                        self.events.append(message)
                        self._arrived.notify_all()
                elif (answer := self._answers.get(message["id"])) is not None and not answer.done():
                    if error := message.get("error"):
                        answer.set_exception(JsClientError(error["message"], error["errcode"]))
                    else:
                        answer.set_result(message["result"])
        finally:
            self._ended = True
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(JsClientError(f"the JavaScript client ended: {self._last_words()}"))
            async with self._arrived:
                self._arrived.notify_all()

    async def _read_complaints(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._complaints.append(line.decode(errors="replace").rstrip())
