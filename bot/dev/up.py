"""Several hospitals on this machine: federating Synapses, each with its Curbside, in the background.

`state.json` in the chosen folder says where everything is; docs/events.md and the black-box tests
rely on its shape. Nothing here is fit for a hospital (see `bot.dev.synapse`).
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.dev.department import EXAMPLE, FOLDER, example
from bot.dev.processes import running
from bot.dev.roster_edit import quoted, write_atomically
from bot.dev.synapse import (
    Homeserver,
    HomeserverGroup,
    UserExistsError,
    _free_ports,
    login_user,
    register_user,
)
from bot.kernel.errors import CurbsideError

NAMES = ("north", "south", "east", "west")
BOTS = {"curbside": "Curbside", "support": "Curbside Support"}
STATE_FILE = "state.json"

_READY_SECONDS = 60.0
_ROOMS_SECONDS = 120.0
_ROSTER = f'include = ["{FOLDER}/*.toml"]\n'
_CARDIOLOGY = '\n[services.cardiology]\nname = "Cardiology"\non_call = []\n'
_ZONE = "Europe/Berlin"  # the example department's
_NETWORK = Path(__file__).with_name("network.toml")
_STOP_SECONDS = 15.0
_TAIL_LINES = 25
_WEB_PORTS = 200  # above the base port: client ports, federation ports from 100, ours from 200


@dataclass(frozen=True)
class Hospital:
    """One hospital of the set: its homeserver, and where its Curbside lives."""

    homeserver: Homeserver
    folder: Path
    web_port: int
    database: str

    @property
    def name(self) -> str:
        return self.homeserver.name

    @property
    def config(self) -> Path:
        return self.folder / "curbside.toml"

    @property
    def log(self) -> Path:
        return self.folder / "curbside.log"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def command(self) -> list[str]:
        """What starts this Curbside."""
        return [sys.executable, "-m", "bot", "run", "--config", str(self.config)]


def up(
    directory: Path,
    *,
    hospitals: int = 1,
    base_port: int | None = None,
    database: str = "",
    limits: bool = False,
    department: bool = False,
) -> dict[str, Any]:
    """Start the set, or what of it does not run; returns the state, which is also in `state.json`.

    `base_port`: client ports from there, federation ports from +100, health from +200; None takes
    free ones. `database`: a PostgreSQL URL; with several hospitals, `_1`, `_2`, … is added to its name.
    `limits`: keep Synapse's and Curbside's own rate limits. `department`: the first hospital has the
    worked example's cardiology in place of one without anybody on call. Raises CurbsideError, SynapseError.
    """
    if hospitals < 1:
        raise CurbsideError("--hospitals: must be at least 1.")
    directory = directory.resolve()
    names = [NAMES[i] if i < len(NAMES) else f"hospital{i + 1}" for i in range(hospitals)]
    group = HomeserverGroup.create(directory, names, base_port=base_port, rate_limits=limits)
    group.start()
    try:
        state = asyncio.run(_set_up(directory, group, base_port, database, limits, department))
    except BaseException:
        _stop_curbsides(directory, group)
        group.stop()
        raise
    return state


async def _set_up(
    directory: Path,
    group: HomeserverGroup,
    base_port: int | None,
    database: str,
    limits: bool,
    department: bool,
) -> dict[str, Any]:
    old = _old_entries(directory)
    ports = _web_ports(group, old, base_port)
    urls = await _databases(directory, group, database)
    servers = [homeserver.server_name for homeserver in group.homeservers]
    entries = []
    for homeserver in group.homeservers:
        name = homeserver.name
        hospital = Hospital(homeserver, _folder(directory, name), ports[name], urls[name])
        for path in (hospital.folder, hospital.folder / "secrets"):
            path.mkdir(mode=0o700, exist_ok=True)
        moderator = await _accounts(hospital, old.get(name, {}))
        _write_files(hospital, servers, moderator["user_id"], limits, _ZONE if department else "UTC")
        _write_roster(hospital, department and homeserver is group.homeservers[0])
        pid = _start(hospital)
        entries.append(_entry(hospital, group.pid(name), pid, moderator))
    state = {"hospitals": entries}
    # Written before the wait, so that `dev down` finds everything even if this is broken off.
    write_atomically(directory / STATE_FILE, json.dumps(state, indent=1) + "\n", mode=0o600)
    for entry in entries:
        await asyncio.to_thread(wait_ready, entry)
    await asyncio.gather(*(asyncio.to_thread(_make_rooms, entry) for entry in entries))
    return state


def read_state(directory: Path) -> dict[str, Any]:
    """The state that `up` wrote. Raises CurbsideError when there is none."""
    try:
        state: dict[str, Any] = json.loads((directory / STATE_FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise CurbsideError(
            f"Nothing runs from {directory}: start it with `curbside dev up --dir`."
        ) from None
    return state


def hospital_of(state: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    """A hospital by its name or its number from 1; the first by default."""
    hospitals: list[dict[str, Any]] = state["hospitals"]
    for number, entry in enumerate(hospitals, 1):
        if wanted in (None, entry["name"], str(number)):
            return entry
    names = ", ".join(entry["name"] for entry in hospitals)
    raise CurbsideError(f"There is no hospital {wanted}: there are {names}.")


def down(directory: Path) -> bool:
    """Stop everything that `up` started there; False if nothing was ever started."""
    directory = directory.resolve()
    if not (directory / "homeservers.json").exists():
        return False
    group = HomeserverGroup.load(directory)
    _stop_curbsides(directory, group)
    group.stop()
    return True


# Accounts and files ------------------------------------------------------------------------------


def _folder(directory: Path, name: str) -> Path:
    return directory / f"{name}-curbside"


def _old_entries(directory: Path) -> dict[str, dict[str, Any]]:
    if not (directory / STATE_FILE).exists():
        return {}
    return {entry["name"]: entry for entry in read_state(directory)["hospitals"]}


def _web_ports(
    group: HomeserverGroup, old: dict[str, dict[str, Any]], base_port: int | None
) -> dict[str, int]:
    names = [homeserver.name for homeserver in group.homeservers]
    if all(name in old for name in names):
        return {name: urlsplit(old[name]["web"]).port or 0 for name in names}
    if base_port is not None:
        return {name: base_port + _WEB_PORTS + i for i, name in enumerate(names)}
    return dict(zip(names, _free_ports(len(names)), strict=True))


async def _accounts(hospital: Hospital, old: dict[str, Any]) -> dict[str, str]:
    """Register the bots and a moderator, each once; returns the moderator's account."""
    for name, shown in BOTS.items():
        path = hospital.folder / "secrets" / f"{name}.password"
        if not path.exists():
            write_atomically(path, secrets.token_urlsafe(24) + "\n", mode=0o600)
        # An earlier start may have been broken off between the two.
        with suppress(UserExistsError):
            await register_user(hospital.homeserver, name, path.read_text().strip(), displayname=shown)
    if "moderator" in old:
        return dict(old["moderator"])
    path = hospital.folder / "secrets" / "moderator.password"
    if not path.exists():
        write_atomically(path, secrets.token_urlsafe(12) + "\n", mode=0o600)
    password = path.read_text().strip()
    try:
        account = await register_user(hospital.homeserver, "moderator", password, displayname="Moderator")
    except UserExistsError:
        account = await login_user(hospital.homeserver, "moderator", password)
    return {
        "user_id": account.user_id,
        "password": password,
        "access_token": account.access_token,
        "device_id": account.device_id,
    }


def _write_files(
    hospital: Hospital, servers: Sequence[str], moderator: str, limits: bool, timezone: str
) -> None:
    from bot.kernel.sealing import KeyRing

    keys = hospital.folder / "secrets" / "at-rest.keys"
    if not keys.exists():
        KeyRing.append_new_key(keys)
    network = hospital.folder / "network.toml"
    if not network.exists():
        write_atomically(network, _NETWORK.read_text("utf-8"))
    homeserver = hospital.homeserver
    lines = [
        f"hospital = {quoted(hospital.name.capitalize() + ' Hospital')}",
        f"homeserver = {quoted(homeserver.url)}",
        f"server_name = {quoted(homeserver.server_name)}",
        f"allowed_servers = {json.dumps(list(servers))}",
        f"moderators = {json.dumps([moderator])}",
        f"database = {quoted(hospital.database)}",
        f"timezone = {quoted(timezone)}",
    ]
    for name, shown in BOTS.items():
        lines += [
            f"[bots.{name}]",
            f"user_id = {quoted(f'@{name}:{homeserver.server_name}')}",
            f"password_file = {quoted(f'secrets/{name}.password')}",
            f"display_name = {quoted(shown)}",
        ]
    # Accounts that a test registers have no cross-signing identity.
    lines += ["[trust]", 'users_without_identity = "send"']
    lines += ["[web]", f"port = {hospital.web_port}"]
    if not limits:
        lines += ["[limits]", "commands_per_minute = 0"]
    write_atomically(hospital.config, "\n".join(lines) + "\n", mode=0o600)  # its URL may hold a password


def _write_roster(hospital: Hospital, department: bool) -> None:
    roster = hospital.folder / "roster.toml"
    if roster.exists():
        return
    folder = hospital.folder / FOLDER
    folder.mkdir(exist_ok=True)
    if department:
        write_atomically(folder / EXAMPLE.name, example(hospital.homeserver.server_name))
    write_atomically(roster, _ROSTER if department else _ROSTER + _CARDIOLOGY)


async def _databases(directory: Path, group: HomeserverGroup, url: str) -> dict[str, str]:
    names = [homeserver.name for homeserver in group.homeservers]
    if not url:
        return {name: f"sqlite+aiosqlite:///{_folder(directory, name)}/data/curbside.db" for name in names}
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise CurbsideError("--database: must be a URL such as postgresql://user@localhost/curbside.")
    urls = {}
    for number, name in enumerate(names, 1):
        path = parts.path if len(names) == 1 else f"{parts.path}_{number}"
        await _create_database(
            parts._replace(scheme="postgresql+asyncpg", path="/postgres").geturl(), path[1:]
        )
        urls[name] = parts._replace(scheme="postgresql+asyncpg", path=path).geturl()
    return urls


async def _create_database(server: str, name: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            known = text("SELECT 1 FROM pg_database WHERE datname = :name")
            if (await connection.execute(known, {"name": name})).first() is None:
                await connection.execute(text('CREATE DATABASE "{}"'.format(name.replace('"', '""'))))
    except (OSError, DBAPIError) as error:
        raise CurbsideError(f"--database: the server cannot be used ({type(error).__name__}).") from None
    finally:
        await engine.dispose()


def _entry(
    hospital: Hospital, synapse_pid: int | None, curbside_pid: int, moderator: dict[str, str]
) -> dict[str, Any]:
    homeserver = hospital.homeserver
    return {
        "name": hospital.name,
        "homeserver": homeserver.url,
        "server_name": homeserver.server_name,
        "registration_shared_secret": homeserver.registration_shared_secret,
        "bots": {name: f"@{name}:{homeserver.server_name}" for name in BOTS},
        "web": hospital.web,
        "config": str(hospital.config),
        "database": hospital.database,
        "log": str(hospital.log),
        "moderator": moderator,
        "pids": {"synapse": synapse_pid, "curbside": curbside_pid},
        "start": {"curbside": hospital.command},
    }


# Processes ---------------------------------------------------------------------------------------


def _start(hospital: Hospital) -> int:
    """Start this Curbside unless it runs; returns its process id."""
    if pids := running("run", str(hospital.config)):
        return pids[0]
    with hospital.log.open("ab") as log:
        return subprocess.Popen(
            hospital.command,
            cwd=hospital.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ).pid


def wait_ready(entry: dict[str, Any]) -> None:
    """Return when this hospital's Curbside is ready; else raises CurbsideError with the end of its log."""
    deadline = time.monotonic() + _READY_SECONDS
    while (against := _against(entry["web"])) is not None:
        gone = not running("run", entry["config"])
        if gone or time.monotonic() > deadline:
            how = "stopped" if gone else f"was not ready in {_READY_SECONDS:.0f} s ({against})"
            log = Path(entry["log"])
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
            raise CurbsideError(f"The Curbside of {entry['name']} {how}. The end of {log}:\n{tail}")
        time.sleep(0.1)


def _make_rooms(entry: dict[str, Any]) -> None:
    """Make the rooms of this hospital's network file; those that are there already stay as they are."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", "rooms", "apply", "--yes", "--config", entry["config"]],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=_ROOMS_SECONDS,
        check=False,
    )
    if done.returncode == 1:
        raise CurbsideError(f"The rooms of {entry['name']} could not be made:\n{done.stdout}{done.stderr}")


def _environment() -> dict[str, str]:
    """Ours, without the settings' own variables, which would win over the file just written."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CURBSIDE_")}


def _against(web: str) -> str | None:
    """What /readyz says against being ready; None if nothing."""
    try:
        with urllib.request.urlopen(web + "/readyz", timeout=6) as answer:  # noqa: S310 - our own http URL
            json.load(answer)
            return None
    except urllib.error.HTTPError as error:
        return " ".join(json.load(error).get("reasons", ()))
    except (OSError, ValueError):
        return "no answer"


def _stop_curbsides(directory: Path, group: HomeserverGroup) -> None:
    # By their settings file, not by a noted process id: tests kill and start them themselves.
    configs = [str(_folder(directory, homeserver.name) / "curbside.toml") for homeserver in group.homeservers]
    deadline = time.monotonic() + _STOP_SECONDS
    number = signal.SIGTERM
    while pids := [pid for config in configs for pid in running("run", config)]:
        if time.monotonic() > deadline:
            if number == signal.SIGKILL:
                raise CurbsideError(f"The processes {pids} cannot be stopped.")
            number, deadline = signal.SIGKILL, time.monotonic() + 5.0
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        time.sleep(0.1)
