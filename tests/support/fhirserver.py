"""A real FHIR R4 server (sekmet-fhir, Apache-2.0) in a process of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

_START_SECONDS = 90.0


class FhirServer:
    """The server's address, and requests to it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Post JSON; the status, and the resource that came back."""
        headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
        async with self._session.post(f"{self.url}/{path}", data=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)


@asynccontextmanager
async def fhir_server(folder: Path) -> AsyncIterator[FhirServer]:
    """Start one on a free port; it validates what it is given strictly, and plays no hospital."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    url = f"http://127.0.0.1:{port}/fhir"
    config = folder / "sekmet.yaml"
    config.write_text(
        f"host: 127.0.0.1\nport: {port}\nbase_url: {url}\ndata_dir: {folder}\n"
        "simulator: {enabled: false}\nsubscriptions: {notify_method: post-endpoint}\n"
    )
    with (folder / "sekmet.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sekmet.cli", "serve", "-c", str(config)],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(_START_SECONDS):
                while not await _answers(session, f"{url}/metadata"):
                    assert process.poll() is None, (folder / "sekmet.log").read_text()[-2000:]
                    await asyncio.sleep(0.1)  # it says in no other way that it is up
            yield FhirServer(url, session)
    finally:
        process.kill()
        process.wait()


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
