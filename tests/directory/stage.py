"""A house with its web server on a real database, for sign-ins: no homeserver is needed for those."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import web
from sqlalchemy import select

from bot.app import capabilities, make_house
from bot.chat.desk import Desk, House
from bot.directory import service
from bot.directory.capability import DIRECTORY
from bot.directory.roster import RosterFile
from bot.directory.signin import link_for
from bot.directory.standing import Level
from bot.kernel import migrate, outbox
from bot.kernel.audit import audit_lines
from bot.kernel.clock import Clock, SystemClock
from bot.kernel.db import Database
from bot.kernel.sealing import KeyRing
from bot.settings import Settings
from bot.web.health import Health
from bot.web.server import WebServer
from tests.support.migrated import put_tables
from tests.support.oidcprovider import free_port

ANNA, BEN, MOD = "@anna:north.example", "@ben:north.example", "@mo:north.example"
COOKIE = "__Host-curbside-sign-in"
REQUIRE = {"role": ["physician", "nurse"]}


class Browser:
    """What a clinician's browser does: it keeps cookies by host, sends forms, follows redirects when asked.

    Secure cookies go to this machine over plain HTTP too, as browsers treat it (W3C Secure Contexts).
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.cookies: dict[str, dict[str, str]] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """One request, no redirect followed."""
        host = urlsplit(url).netloc
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.get(host, {}).items())
        sent = {**({"Cookie": cookies} if cookies else {}), **(headers or {})}
        async with self._session.request(
            method, url, data=form, headers=sent, allow_redirects=False
        ) as answer:
            for name, morsel in answer.cookies.items():
                if morsel.value:
                    self.cookies.setdefault(host, {})[name] = morsel.value
                else:
                    self.cookies.get(host, {}).pop(name, None)
            return Page(str(answer.url), answer.status, answer.headers, await answer.text())

    async def get(self, url: str, **options: Any) -> Page:
        return await self.request("GET", url, **options)

    async def press(self, page: Page, **fields: str) -> Page:
        """Send the page's form as it stands, with these fields filled in."""
        action = page.find(r'<form[^>]*action="([^"]*)"') or page.url
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        parts = urlsplit(page.url)
        target = action if action.startswith("http") else f"{parts.scheme}://{parts.netloc}{action}"
        return await self.request("POST", target, form={**hidden, **fields})


class Page:
    """An answer."""

    def __init__(self, url: str, status: int, headers: Mapping[str, str], text: str) -> None:
        self.url, self.status, self.headers, self.text = url, status, headers, text

    @property
    def location(self) -> str:
        """Where a redirect leads, as an absolute URL."""
        found = self.headers["Location"]
        if found.startswith("/"):
            parts = urlsplit(self.url)
            return f"{parts.scheme}://{parts.netloc}{found}"
        return found

    @property
    def heading(self) -> str:
        return self.find(r"<h1>(.*?)</h1>") or ""

    def find(self, pattern: str) -> str | None:
        match = re.search(pattern, self.text)
        return match[1] if match else None

    def __repr__(self) -> str:
        return f"{self.status} {self.url} {self.heading or self.text[:300]}"


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


class SignInStage:
    """A running web server, its house, and ways to look at what came of a visit."""

    def __init__(self, house: House, database: Database, url: str, session: aiohttp.ClientSession) -> None:
        self.house, self.database, self.url, self.session = house, database, url, session

    def browser(self) -> Browser:
        return Browser(self.session)

    async def link(self, user_id: str = ANNA) -> str:
        async with self.database.begin() as tx:
            found = await link_for(Desk(self.house, tx, "curbside"), user_id)
        assert found is not None
        return found

    async def level(self, user_id: str = ANNA) -> Level:
        async with self.database.read() as tx:
            return (await service.standing_of(Desk(self.house, tx, "curbside"), user_id)).level

    async def audit(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Actor, action and facts of every line."""
        import json

        async with self.database.read() as tx:
            rows = await tx.conn.execute(select(audit_lines).order_by(audit_lines.c.seq))
            return [(row.actor, row.action, json.loads(row.facts)) for row in rows]

    async def refusals(self) -> list[str]:
        return [facts["reason"] for _, action, facts in await self.audit() if action == "signin.refused"]

    async def messages(self) -> list[tuple[str, str]]:
        """Room and text of everything queued."""
        async with self.database.read() as tx:
            found = await outbox.due(tx, outbox.MATRIX, "curbside")
            return [(row.room, row.body["content"]["body"]) for row in found.rows if row.op == "send"]


def settings_for(folder: Path, port: int, issuer: str, **oidc: Any) -> Settings:
    """Settings with a sign-in at `issuer`."""
    (folder / "roster.toml").write_text("")
    return Settings(
        base=folder,
        hospital="North <Hospital>",
        homeserver="http://127.0.0.1:1",
        server_name="north.example",
        bots={"curbside": {"user_id": "@curbside:north.example", "token_file": "unused"}},
        moderators=(MOD,),
        web={"port": port, "public_url": f"http://127.0.0.1:{port}"},
        verification={"oidc": {"issuer": issuer, "client_id": "curbside", "require": REQUIRE, **oidc}},
    )


@asynccontextmanager
async def sign_in_stage(
    folder: Path,
    issuer: str,
    *,
    clock: Clock | None = None,
    database_url: str = "",
    port: int | None = None,
    **oidc: Any,
) -> AsyncIterator[SignInStage]:
    """A stage on an empty database, whose provider is `issuer`."""
    port = port or free_port()
    settings = settings_for(folder, port, issuer, **oidc)
    url = database_url or f"sqlite+aiosqlite:///{folder / 'curbside.db'}"
    await put_tables(url)
    database = Database(url, clock or SystemClock(), KeyRing([b"k" * 32]))
    await migrate.upgrade(database)
    house = make_house(settings, capabilities(), RosterFile(folder / "roster.toml"))
    pages = [
        web.route(one.method, one.path, partial(one.handler, house, database)) for one in DIRECTORY.routes
    ]
    server = WebServer(settings.web, Health(), database, pages)
    await server.start()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield SignInStage(house, database, f"http://127.0.0.1:{port}", session)
    finally:
        await server.stop()
        await database.close()
