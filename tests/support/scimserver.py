"""The real SCIM server of the tests: PyPI's scim2-server, in memory, with a bearer token."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.oidcprovider import free_port

TOKEN = "only-a-test"
_READY_S = 60.0
_USER = "urn:ietf:params:scim:schemas:core:2.0:User"


class ScimServer:
    """A running server; people are added and changed through its own API."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self.session = session
        self.url = f"http://127.0.0.1:{port}/v2"

    async def add(self, name: str, **attributes: Any) -> str:
        """Add somebody; returns their id."""
        body = {"schemas": [_USER], "userName": name, "active": True, **attributes}
        async with self.session.post(f"{self.url}/Users", json=body) as answer:
            assert answer.status == 201, await answer.text()
            return str((await answer.json(content_type=None))["id"])

    async def patch(self, user_id: str, path: str, value: Any) -> None:
        """Replace one attribute."""
        body = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": path, "value": value}],
        }
        async with self.session.patch(f"{self.url}/Users/{user_id}", json=body) as answer:
            assert answer.status in (200, 204), await answer.text()

    async def remove(self, user_id: str) -> None:
        """Delete somebody."""
        async with self.session.delete(f"{self.url}/Users/{user_id}") as answer:
            assert answer.status == 204


@asynccontextmanager
async def scim_server() -> AsyncIterator[ScimServer]:
    """A server without anybody in it."""
    port = free_port()
    program = Path(sys.executable).parent / "scim2-server"
    process = subprocess.Popen(
        [program, "--port", str(port), "--bearer-token", TOKEN],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            ends = time.monotonic() + _READY_S
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/v2/ServiceProviderConfig") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    pass
                if time.monotonic() > ends or process.poll() is not None:
                    raise RuntimeError("the SCIM server did not start")
                await asyncio.sleep(0.05)  # a process says in no other way that it is up
            yield ScimServer(session, port)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
