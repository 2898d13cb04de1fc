"""The real OpenID provider of the tests: npm's oidc-provider in a Node process."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import platform
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "oidc"
INSTALL_TIMEOUT_S = 240
READY_S = 60.0


def ensure_installed() -> Path:
    """Installs the locked packages once, safely beside other tests; skips the test where it cannot."""
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
        pytest.skip(f"the OpenID provider: no Node binary for {platform.system()} {platform.machine()}")
    return node


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("the OpenID provider: npm is not installed")
    command = [npm, "ci", "--force", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"the OpenID provider: npm ci took longer than {INSTALL_TIMEOUT_S} s")
    if done.returncode:
        reason = " ".join(line.removeprefix("npm error ") for line in done.stderr.splitlines()[:3])
        pytest.skip(f"the OpenID provider: npm ci failed: {reason}")


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@asynccontextmanager
async def oidc_provider(
    redirect_uri: str,
    accounts: Mapping[str, Mapping[str, Any]],
    *,
    port: int,
    secret: str | None = None,
    method: str = "none",
    id_token_claims: bool = False,
) -> AsyncIterator[str]:
    """A provider with one client, `curbside`; gives its issuer."""
    node = await asyncio.to_thread(ensure_installed)
    client = {
        "client_id": "curbside",
        "redirect_uris": [redirect_uri],
        "token_endpoint_auth_method": method,
        **({"client_secret": secret} if secret else {}),
    }
    options = {"port": port, "clients": [client], "accounts": accounts, "idTokenClaims": id_token_claims}
    process = await asyncio.create_subprocess_exec(
        node,
        "provider.mjs",
        json.dumps(options),
        cwd=FOLDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), READY_S)
        if not line:
            raise RuntimeError((await process.stderr.read()).decode(errors="replace")[-2000:])
        yield str(json.loads(line)["issuer"])
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        # Both pipes are read to their ends, so that nothing stays behind.
        await process.communicate()
