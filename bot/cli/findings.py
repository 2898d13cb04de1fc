"""What `curbside check` looks at."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from cryptography.x509 import load_der_x509_certificate
from sqlalchemy import Table, select

from bot.cli.bridge import look
from bot.cli.common import open_keys, opened, outside_migrations
from bot.cli.roster_findings import AHEAD, Calling, Finding
from bot.consults.export.signing import identity
from bot.directory.hospital.rules import EVERYTHING, LISTED, WARNINGS, standing_of
from bot.directory.hospitals import HospitalBook
from bot.directory.policy import may_talk
from bot.directory.roster import load_roster
from bot.directory.rotas import Change
from bot.kernel import migrate
from bot.kernel.clock import SystemClock
from bot.kernel.db import Database, Sealed, Tx, sealed_tables
from bot.kernel.errors import CurbsideError
from bot.kernel.sealing import KeyRing
from bot.matrix.http import Http, MatrixError
from bot.matrix.store import SecretBox
from bot.oncall.store import changes_in
from bot.rooms.file import load_network
from bot.settings import BotSettings, Settings

_RENEW_DAYS = 30
_SAMPLE = 100  # sealed rows tried at either end of each table
_LOGIN_TYPES = {
    "password_file": "m.login.password",
    "appservice_token_file": "m.login.application_service",
}


async def everything(settings: Settings) -> AsyncIterator[Finding]:
    """All findings, in the order in which an operator would mend them."""
    for finding in (*_secrets(settings), *_data_dir(settings)):
        yield finding
    try:
        keys = open_keys(settings)
    except CurbsideError as error:
        yield Finding("error", "at_rest_keys", str(error))
        return
    for finding in _export(settings, keys):
        yield finding
    tokens: dict[str, str] = {}
    hospitals = HospitalBook(settings)
    changes: dict[str, tuple[Change, ...]] = {}
    async for finding in _database(settings, tokens, hospitals, changes):
        yield finding
    async with aiohttp.ClientSession() as session:
        async for finding in _homeserver(settings, session, tokens):
            yield finding
    for finding in (
        *_roster(settings, hospitals, changes),
        *_moderators(settings, hospitals),
        *_network(settings),
    ):
        yield finding
    async for finding in _bridges(settings):
        yield finding


# Files -------------------------------------------------------------------------------------------


def _secret_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    yield "at_rest_keys", settings.at_rest_keys
    if settings.database_password_file is not None:
        yield "database_password_file", settings.database_password_file
    for name, bot in settings.bots.items():
        for field in ("password_file", "token_file", "appservice_token_file"):
            path = getattr(bot, field)
            if path is not None:
                yield f"bots.{name}.{field}", path


def _secrets(settings: Settings) -> Iterator[Finding]:
    for name, path in _secret_files(settings):
        try:
            settings.secret(path, name)
        except CurbsideError as error:
            yield Finding("error", name, str(error).removeprefix(f"{name}: "))
            continue
        file = settings.path(path)
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield Finding("warn", name, f"others on this machine may read {file}: chmod 600 {file}")
        else:
            yield Finding("ok", name, "only its owner may read it")


def _data_dir(settings: Settings) -> Iterator[Finding]:
    folder = settings.path(settings.data_dir)
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield Finding("error", "data_dir", f"{folder} cannot be written to")
    else:
        yield Finding("ok", "data_dir", f"{folder} can be written to")


def _export(settings: Settings, keys: KeyRing) -> Iterator[Finding]:
    """The certificate that signs exports, where the hospital has named its own."""
    if settings.export.certificate_file is None:
        return
    name = "export.certificate_file"
    try:
        signer = identity(settings, keys)
    except CurbsideError as error:
        yield Finding("error", name, str(error).removeprefix(f"{name}: "))
        return
    until = load_der_x509_certificate(signer.certificate).not_valid_after_utc
    if (until - SystemClock().now()).days < _RENEW_DAYS:
        yield Finding("warn", name, f"of {signer.subject} ends on {until:%Y-%m-%d}: put the next one there")
    else:
        yield Finding("ok", name, f"signs as {signer.subject}, until {until:%Y-%m-%d}")


# Database ----------------------------------------------------------------------------------------


async def _database(
    settings: Settings,
    tokens: dict[str, str],
    hospitals: HospitalBook,
    changes: dict[str, tuple[Change, ...]],
) -> AsyncIterator[Finding]:
    try:
        async with opened(settings) as database:
            found = await migrate.status(database, outside_migrations())
            revision = ", ".join(sorted(found.current)) or "none"
            if found.ahead:
                yield Finding("error", "database", f"made by a newer version (revision {revision})")
            elif not found.up_to_date:
                yield Finding("warn", "database", f"at revision {revision}: `curbside run` will upgrade it")
            else:
                yield Finding("ok", "database", f"reachable, at revision {revision}")
                for finding in await _sealed(database):
                    yield finding
                async with database.read() as tx:
                    await hospitals.refresh(tx)
                    changes |= await _changes(settings, tx)
                for finding in _hospitals(settings, hospitals, database.clock.now()):
                    yield finding
                for name in settings.bots:
                    stored = await SecretBox(database, name).load("login") or {}
                    if stored.get("token") and stored.get("user_id") == settings.bots[name].user_id:
                        tokens[name] = stored["token"]
    except CurbsideError as error:
        yield Finding("error", "database", str(error).removeprefix("database: "))


async def _changes(settings: Settings, tx: Tx) -> Mapping[str, tuple[Change, ...]]:
    """The covers and swaps of the days that are looked at."""
    try:
        roster = load_roster(settings.path(settings.roster), settings.timezone)
    except CurbsideError:
        return {}  # told where the roster's own findings are
    return await changes_in(tx, list(roster.rotas), tx.now, tx.now + AHEAD)


async def _sealed(database: Database) -> list[Finding]:
    tried = 0
    async with database.read() as tx:
        for table in sealed_tables():
            try:
                tried += await _open_some(tx, table)
            except CurbsideError as error:
                return [Finding("error", "at_rest_keys", str(error))]
    return [Finding("ok", "at_rest_keys", f"open what is stored ({tried} values tried)")]


async def _open_some(tx: Tx, table: Table) -> int:
    (key,) = table.primary_key.columns
    columns = [column for column in table.columns if isinstance(column.type, Sealed)]
    tried = 0
    seen: set[str] = set()
    for order in (key.asc(), key.desc()):
        for row in await tx.conn.execute(select(key, *columns).order_by(order).limit(_SAMPLE)):
            if row[0] in seen:
                continue
            seen.add(row[0])
            for column, value in zip(columns, row[1:], strict=True):
                tx.open(column, row[0], value)
                tried += value is not None
    return tried


def _hospitals(settings: Settings, hospitals: HospitalBook, now: datetime) -> Iterator[Finding]:
    """How other hospitals stand, and where the settings say otherwise than their statements."""
    for hospital in hospitals.known:
        subject = f"hospitals.{hospital.server}"
        state, named = standing_of(hospital, now), hospital.server in settings.allowed_servers
        if state == "expired":
            yield Finding("warn", subject, "its statement has expired: it may do nothing until it is renewed")
        elif state != LISTED:
            still = "; it still stands in allowed_servers, which does not count" if named else ""
            yield Finding("warn" if named else "ok", subject, f"is {state}{still}")
        elif hospital.expires is not None:
            days = (hospital.expires - now).days
            if hospital.expires - now <= WARNINGS["14d"]:
                yield Finding("warn", subject, f"its statement expires in {days} days: ask for a new one")
            elif named and hospital.allowed(now, named) != EVERYTHING:
                text = "stands in allowed_servers too, but may do only what its statement allows"
                yield Finding("warn", subject, text)
            else:
                yield Finding("ok", subject, f"takes part for {days} days more")


# Homeserver --------------------------------------------------------------------------------------


async def _homeserver(
    settings: Settings, session: aiohttp.ClientSession, tokens: dict[str, str]
) -> AsyncIterator[Finding]:
    parts = urlsplit(settings.homeserver)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        yield Finding("warn", "homeserver", "http without TLS: passwords cross the network in the clear")
    http = Http(settings.homeserver, session)
    try:
        versions = (await http.request("GET", "/_matrix/client/versions", timeout=10)).get("versions") or []
        flows = (await http.request("GET", "/_matrix/client/v3/login", timeout=10)).get("flows") or []
    except MatrixError as error:
        yield Finding(
            "error", "homeserver", f"{settings.homeserver} does not answer as a homeserver ({error})"
        )
        return
    newest = str(versions[-1]) if versions else "no version"
    if "v1.11" in versions:
        yield Finding("ok", "homeserver", f"answers, up to Matrix {newest}")
    else:
        yield Finding("warn", "homeserver", f"{newest} is its newest version; media needs Matrix v1.11")
    types = {flow.get("type") for flow in flows if isinstance(flow, dict)}
    for name, bot in settings.bots.items():
        yield await _account(name, bot, settings, types, Http(settings.homeserver, session), tokens.get(name))


async def _account(
    name: str, bot: BotSettings, settings: Settings, flows: set[object], http: Http, token: str | None
) -> Finding:
    subject = f"bots.{name}"
    for field, flow in _LOGIN_TYPES.items():
        if getattr(bot, field) is not None and flow not in flows:
            return Finding("error", f"{subject}.{field}", f"the homeserver does not offer {flow}")
    try:
        if bot.password_file is not None and token is None:
            return await _by_password(subject, bot, settings, http)
        path = bot.token_file or bot.appservice_token_file
        http.token = token or settings.secret(path or Path(), subject)
        if bot.appservice_token_file is not None:
            http.masquerade = {"user_id": bot.user_id}
        me = (await http.request("GET", "/_matrix/client/v3/account/whoami", timeout=10)).get("user_id")
    except MatrixError as error:
        if error.transient:
            return Finding("warn", subject, f"could not be tried now ({error})")
        if token is not None:
            return Finding("warn", subject, "its session was ended; `curbside run` logs in anew")
        return Finding("error", subject, f"the homeserver refused {bot.user_id} ({error})")
    except CurbsideError as error:
        return Finding("error", subject, str(error).removeprefix(f"{subject}: "))
    if me != bot.user_id:
        return Finding("error", f"{subject}.user_id", f"the token belongs to {me}")
    return Finding("ok", subject, f"{bot.user_id} is logged in")


async def _by_password(subject: str, bot: BotSettings, settings: Settings, http: Http) -> Finding:
    """Log in and out again: nothing less shows that the password is right."""
    assert bot.password_file is not None
    answer = await http.request(
        "POST",
        "/_matrix/client/v3/login",
        json={
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": bot.user_id},
            "password": settings.secret(bot.password_file, subject),
            "initial_device_display_name": "curbside check",
        },
        timeout=20,
    )
    http.token = str(answer["access_token"])
    await http.request("POST", "/_matrix/client/v3/logout", json={}, timeout=10)
    return Finding("ok", subject, f"{bot.user_id} can log in")


# Who is who --------------------------------------------------------------------------------------


def _roster(
    settings: Settings, hospitals: HospitalBook, changes: Mapping[str, tuple[Change, ...]]
) -> Iterator[Finding]:
    try:
        roster = load_roster(settings.path(settings.roster), settings.timezone)
    except CurbsideError as error:
        yield Finding("error", "roster", str(error))
        return
    yield from Calling(settings, roster, hospitals, changes, SystemClock().now()).findings()


async def _bridges(settings: Settings) -> AsyncIterator[Finding]:
    """Whether what pages go out by can be used; each bridge is tried, and nothing is sent."""
    for name in settings.bridges:
        try:
            sound, text = await look(settings, name)
        except CurbsideError as error:
            sound, text = False, str(error).removeprefix(f"bridges.{name}.")
        yield Finding("ok" if sound else "error", f"bridges.{name}", text)


def _network(settings: Settings) -> Iterator[Finding]:
    if not settings.path(settings.network).exists():
        return
    try:
        network = load_network(settings.path(settings.network), settings.language)
    except CurbsideError as error:
        yield Finding("error", "network", str(error))
        return
    spaces = sum(room.space for room in network.rooms.values())
    yield Finding("ok", "network", f"{spaces} spaces and {len(network.rooms) - spaces} rooms declared")


def _moderators(settings: Settings, hospitals: HospitalBook) -> Iterator[Finding]:
    outside = [user for user in settings.moderators if not may_talk(user, hospitals.servers())]
    if not settings.moderators:
        yield Finding("warn", "moderators", "nobody is told when a consult finds no answer")
    elif outside:
        yield Finding("error", "moderators", f"{', '.join(outside)}: of a hospital that does not take part")
    else:
        yield Finding("ok", "moderators", f"{len(settings.moderators)}")
