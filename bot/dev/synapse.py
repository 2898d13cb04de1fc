"""Synapse homeservers on this machine, for the demo, for development and for the tests.

Each homeserver is a process of its own (``python -m synapse.app.homeserver``, SQLite, loopback only) that
outlives its starter, so ``curbside dev up`` can return. Several of them federate: each has a TLS listener
with a self-signed certificate, and the listener's port is part of the server name. Nothing here is fit for
a hospital: certificates are not verified and passwords are hashed cheaply.

Sources: Synapse configuration manual; Synapse admin API, "Shared-secret registration".
"""

import contextlib
import hashlib
import hmac
import importlib.util
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from bot.dev.synapse_config import CONFIG_FILE, Homeserver, write_files, write_private

__all__ = [
    "Homeserver",
    "HomeserverGroup",
    "Registered",
    "SynapseError",
    "UserExistsError",
    "login_user",
    "register_user",
]

_STATE_FILE = "homeservers.json"
_LOG_FILE = "synapse.log"
_PID_FILE = "synapse.pid"
_LOG_TAIL_LINES = 25
_HTTP_TIMEOUT_S = 30.0
# Below the ephemeral range, so that no outgoing connection takes a port between our check and Synapse's bind.
_PORTS = range(15_000, 31_000)


class SynapseError(Exception):
    """A homeserver could not be set up, started or spoken to; the text says what to do."""


class UserExistsError(SynapseError):
    """The localpart is taken; `login_user` logs in with its password."""


@dataclass(frozen=True)
class Registered:
    """An account and a device that is logged in."""

    user_id: str
    access_token: str
    device_id: str


class HomeserverGroup:
    """Homeservers that federate with each other. `create` or `load` one, then `start` it.

    All methods block for at most the given seconds; call them through `asyncio.to_thread` from a coroutine.
    """

    def __init__(self, directory: Path, homeservers: Sequence[Homeserver]) -> None:
        self.directory = directory
        self.homeservers = tuple(homeservers)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @classmethod
    def create(
        cls,
        directory: Path,
        names: Sequence[str],
        *,
        base_port: int | None = None,
        rate_limits: bool = False,
        databases: Mapping[str, Mapping[str, Any]] | None = None,
        appservices: Mapping[str, Sequence[Path]] | None = None,
    ) -> Self:
        """Write the configurations, or bring those of an existing directory up to date and keep its data.

        `base_port`: client ports base, base+1, …; federation ports base+100, …; None takes free ones.
        `rate_limits`: False switches every limit of Synapse off; True leaves Synapse's defaults.
        `databases`: by name, Synapse's `database` setting; SQLite where there is none.
        `appservices`: by name, paths of application-service registration files.
        Raises SynapseError when a port is taken or the directory belongs to other homeservers.
        """
        directory = directory.resolve()
        if (directory / _STATE_FILE).exists():
            group = cls.load(directory)
            group._must_match(names, base_port)
        else:
            ports = _free_ports(2 * len(names)) if base_port is None else _ports_from(base_port, len(names))
            group = cls(
                directory,
                [
                    Homeserver(
                        name=name,
                        server_name=f"localhost:{ports[2 * i + 1]}",
                        url=f"http://127.0.0.1:{ports[2 * i]}",
                        registration_shared_secret=secrets.token_urlsafe(24),
                        directory=directory / name,
                        client_port=ports[2 * i],
                        federation_port=ports[2 * i + 1],
                    )
                    for i, name in enumerate(names)
                ],
            )
        for homeserver in group.homeservers:
            write_files(
                homeserver,
                [peer for peer in group.homeservers if peer is not homeserver],
                rate_limits=rate_limits,
                database=(databases or {}).get(homeserver.name),
                appservices=(appservices or {}).get(homeserver.name, ()),
            )
        write_private(
            directory / _STATE_FILE, json.dumps([h.to_json() for h in group.homeservers], indent=1).encode()
        )
        return group

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The group that `create` wrote there. Raises SynapseError when there is none."""
        directory = directory.resolve()
        try:
            data = json.loads((directory / _STATE_FILE).read_text())
        except FileNotFoundError:
            raise SynapseError(f"No homeservers have been set up in {directory}.") from None
        return cls(directory, [Homeserver.from_json(item) for item in data])

    def __getitem__(self, name: str) -> Homeserver:
        for homeserver in self.homeservers:
            if homeserver.name == name:
                return homeserver
        raise KeyError(name)

    def _must_match(self, names: Sequence[str], base_port: int | None) -> None:
        present = [h.name for h in self.homeservers]
        if present != list(names):
            raise SynapseError(
                f"{self.directory} holds the homeservers {', '.join(present)}, not {', '.join(names)}. "
                "Choose another directory, or delete this one."
            )
        if base_port is not None and self.homeservers[0].client_port != base_port:
            raise SynapseError(
                f"The homeservers in {self.directory} use ports from {self.homeservers[0].client_port}, "
                "and a server's name holds its port. Choose that base port or another directory."
            )

    def pid(self, name: str) -> int | None:
        """The process id of that homeserver, or None when it does not run."""
        homeserver = self[name]
        child = self._children.get(name)
        if child is not None and child.poll() is not None:
            del self._children[name]
            return None
        try:
            pid = int((homeserver.directory / _PID_FILE).read_text())
        except (FileNotFoundError, ValueError):
            return None
        # A process id is reused in time: only a process that runs this configuration is ours.
        return pid if str(homeserver.directory / CONFIG_FILE) in _command_of(pid) else None

    def start(self, *, timeout: float = 90.0) -> None:
        """Start those that do not run; return when every `/health` answers.

        Raises SynapseError with the end of the log when one stops or does not answer in `timeout` seconds;
        those started by this call are then stopped.
        """
        self._start(self.homeservers, timeout)

    def stop(self, name: str | None = None, *, timeout: float = 10.0) -> None:
        """Stop one, or all: SIGTERM, and SIGKILL after `timeout` seconds. What does not run is skipped."""
        chosen = self.homeservers if name is None else (self[name],)
        pids = {h.name: pid for h in chosen if (pid := self.pid(h.name)) is not None}
        for pid in pids.values():
            _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout
        for each, pid in pids.items():
            if not self._wait_gone(each, pid, deadline - time.monotonic()):
                self.kill(each)
            (self[each].directory / _PID_FILE).unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """SIGKILL one, as a power cut would."""
        if (pid := self.pid(name)) is not None:
            _signal(pid, signal.SIGKILL)
            self._wait_gone(name, pid, 10.0)

    def restart(self, name: str, *, timeout: float = 90.0) -> None:
        """Stop and start one, on the same ports and data. Errors as `start`."""
        self.stop(name)
        self._start((self[name],), timeout)

    def _start(self, chosen: Sequence[Homeserver], timeout: float) -> None:
        if importlib.util.find_spec("synapse") is None:
            raise SynapseError("Synapse is not installed here: run `pip install 'curbside[demo]'`.")
        deadline = time.monotonic() + timeout
        started: list[str] = []
        try:
            for homeserver in chosen:
                if self.pid(homeserver.name) is None:
                    self._children[homeserver.name] = _spawn(homeserver)
                    started.append(homeserver.name)
            for homeserver in chosen:
                self._wait_healthy(homeserver, deadline)
        except BaseException:
            for name in started:
                self.stop(name, timeout=3.0)
            raise

    def _wait_healthy(self, homeserver: Homeserver, deadline: float) -> None:
        child = self._children.get(homeserver.name)
        while not _healthy(homeserver.url):
            if child is not None and child.poll() is not None:
                raise SynapseError(_start_failed(homeserver, f"stopped with exit code {child.returncode}"))
            if time.monotonic() > deadline:
                raise SynapseError(_start_failed(homeserver, "did not answer in time"))
            _wait_exit(child, 0.1)

    def _wait_gone(self, name: str, pid: int, timeout: float) -> bool:
        deadline = time.monotonic() + max(timeout, 0.1)
        child = self._children.get(name)
        while self.pid(name) == pid:
            if time.monotonic() > deadline:
                return False
            _wait_exit(child, 0.05)
        return True


async def register_user(
    homeserver: Homeserver,
    localpart: str,
    password: str,
    *,
    admin: bool = False,
    displayname: str | None = None,
) -> Registered:
    """Create an account with the shared secret and log it in.

    Raises UserExistsError when the localpart is taken, SynapseError on any other refusal.
    """
    path = "/_synapse/admin/v1/register"
    nonce = str((await _call(homeserver, "GET", path))["nonce"])
    fields = (nonce, localpart, password, "admin" if admin else "notadmin")
    mac = hmac.new(homeserver.registration_shared_secret.encode(), "\0".join(fields).encode(), hashlib.sha1)
    body = {
        "nonce": nonce,
        "username": localpart,
        "password": password,
        "admin": admin,
        "mac": mac.hexdigest(),
    }
    if displayname is not None:
        body["displayname"] = displayname
    return _registered(await _call(homeserver, "POST", path, body))


async def login_user(
    homeserver: Homeserver, localpart: str, password: str, *, device_id: str | None = None
) -> Registered:
    """Log in by password; a new device unless `device_id` names one. Raises SynapseError when refused."""
    body: dict[str, Any] = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": localpart},
        "password": password,
    }
    if device_id is not None:
        body["device_id"] = device_id
    return _registered(await _call(homeserver, "POST", "/_matrix/client/v3/login", body))


def _registered(answer: Mapping[str, Any]) -> Registered:
    return Registered(answer["user_id"], answer["access_token"], answer["device_id"])


async def _call(
    homeserver: Homeserver, method: str, path: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    timeout = aiohttp.ClientTimeout(total=_HTTP_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, homeserver.url + path, json=body) as response,
        ):
            answer: dict[str, Any] = await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise SynapseError(
            f"The homeserver {homeserver.name!r} at {homeserver.url} did not answer "
            f"({type(error).__name__}); its log is {homeserver.directory / _LOG_FILE}."
        ) from error
    if response.status == 200:
        return answer
    if answer.get("errcode") == "M_USER_IN_USE":
        raise UserExistsError(
            f"This user exists already on {homeserver.name!r}; log in with its password (login_user)."
        )
    raise SynapseError(
        f"The homeserver {homeserver.name!r} refused {path}: {answer.get('errcode')}, {answer.get('error')}"
    )


# --- processes --------------------------------------------------------------------------------


def _spawn(homeserver: Homeserver) -> subprocess.Popen[bytes]:
    config = homeserver.directory / CONFIG_FILE
    with (homeserver.directory / _LOG_FILE).open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "synapse.app.homeserver", "-c", str(config)],
            cwd=homeserver.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (homeserver.directory / _PID_FILE).write_text(str(child.pid))
    return child


def _wait_exit(child: subprocess.Popen[bytes] | None, seconds: float) -> None:
    """Up to so many seconds, less when our own child ends (which also reaps it)."""
    if child is None:
        time.sleep(seconds)
        return
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(seconds)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _command_of(pid: int) -> str:
    """The command line of a process, "" when there is none (a zombie has none)."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(
        ["ps", "-ww", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return listing.stdout


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/health", timeout=2.0) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _start_failed(homeserver: Homeserver, how: str) -> str:
    log = homeserver.directory / _LOG_FILE
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
    return (
        f"The homeserver {homeserver.name!r} {how}. See that ports {homeserver.client_port} and "
        f"{homeserver.federation_port} are free and that {homeserver.directory} is writable, then start it "
        f"again. The end of {log}:\n{tail}"
    )


# --- ports ------------------------------------------------------------------------------------


def _free_ports(count: int) -> list[int]:
    """Random ports that are free; all are held while choosing, so that no two are the same."""
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        for _ in range(count * 50):
            port = random.choice(_PORTS)  # noqa: S311 - no secret
            if _hold(held, port):
                ports.append(port)
                if len(ports) == count:
                    return ports
    raise SynapseError(f"No {count} free ports between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1.")


def _ports_from(base_port: int, count: int) -> list[int]:
    ports = [port for i in range(count) for port in (base_port + i, base_port + 100 + i)]
    with contextlib.ExitStack() as held:
        for port in ports:
            if not _hold(held, port):
                raise SynapseError(f"Port {port} on 127.0.0.1 is taken: choose another base port.")
    return ports


def _hold(held: contextlib.ExitStack, port: int) -> bool:
    listener = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    # As Synapse does, so that connections of an earlier run that are in TIME_WAIT do not count as taken.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(1)
    except OSError:
        return False
    return True
