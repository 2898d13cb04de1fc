"""The real paging terminal of the tests: Debian's HylaFAX, whose hfaxd speaks SNPP, with faxq behind it.

There is no modem, so whatever it takes stays in its queue. For SNPP it listens on every interface, so that
half runs in a network of its own; the one for its queues, with its data connections, binds to loopback.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from bridges.contract import Place
from bridges.paging.snpp.transport import Broken, Dialogue
from tests.support.enclosure import Enclosure, until
from tests.support.oidcprovider import free_port

_SNPP = 4444
LOGIN = "curbside"


class Terminal:
    """A running terminal; pagers 5000 to 5999 are known to it."""

    def __init__(self, net: Enclosure, folder: Path) -> None:
        self.net = net
        self.spool = folder
        self.log = (folder / "output").open("ab")
        self._server: subprocess.Popen[bytes] | None = None
        self.queue_port = free_port()

    @property
    def port(self) -> int:
        return self.net.port[_SNPP]

    def options(self, **changed: object) -> dict[str, object]:
        """The bridge's table of the settings."""
        return {
            "kind": "snpp",
            "host": "127.0.0.1",
            "port": self.port,
            "login": LOGIN,
            "queue_port": self.queue_port,
            "timeout": 5,
            "settle": 2,
        } | changed

    def place(self, name: str = "pager", **changed: object) -> Place:
        """What the bridge is made from."""
        return Place(name, self.options(**changed), self.spool)

    async def open_queues(self) -> None:
        """Start the server that is asked for pages in doubt; it stays when the terminal goes away."""
        near = ("-l", "127.0.0.1", "-i", str(self.queue_port))
        self.net.start("/usr/sbin/hfaxd", "-d", "-q", self.spool, *near, log=self.log, inside=False)
        await until(partial(_greets, self.queue_port), "hfaxd does not greet")

    async def up(self) -> None:
        """Start the terminal; returns when it greets."""
        hfaxd = ("/usr/sbin/hfaxd", "-d", "-q", self.spool, "-s", str(_SNPP))
        self._server = self.net.start(*hfaxd, log=self.log)
        await until(partial(_greets, self.port), "hfaxd does not greet")

    def down(self) -> None:
        """Kill the terminal; its queue stays."""
        if self._server is not None:
            self.net.kill(self._server)

    def pages(self) -> list[tuple[str, str]]:
        """What has been taken, as (pager, text)."""
        found = []
        for job in sorted([*self.spool.glob("sendq/q*"), *self.spool.glob("doneq/q*")]):
            lines = job.read_text("latin-1")
            pager = re.search(r"^!?page:\d*::(.*)$", lines, re.MULTILINE)
            data = re.search(r"^!?data:\d*::(.*)$", lines, re.MULTILINE)
            if pager and data:
                found.append((pager[1], (self.spool / data[1]).read_text("latin-1").strip()))
        return found

    def count(self, text: str) -> int:
        """How often a text has been taken."""
        return sum(text in shown for _pager, shown in self.pages())

    async def got(self, text: str, times: int = 1, timeout: float = 60.0) -> None:
        """Wait until a text has been taken at least so often."""
        await until(lambda: self.count(text) >= times, f"not {times} times: {text}", timeout)


async def _greets(port: int) -> bool:
    try:
        async with Dialogue("127.0.0.1", port) as said:
            return said.greeting == 220
    except (OSError, Broken):
        return False


@asynccontextmanager
async def terminal() -> AsyncIterator[Terminal]:
    """A terminal that is up."""
    for program in ("/usr/sbin/hfaxd", "/usr/sbin/faxq"):
        if not os.access(program, os.X_OK):
            pytest.skip(f"the paging terminal: {Path(program).name} is not installed")
    base = Path(tempfile.mkdtemp(prefix="curbside-pager-"))
    base.chmod(0o755)
    spool = base / "spool"
    try:
        left_out = shutil.ignore_patterns("etc", "FIFO*")
        shutil.copytree("/var/spool/hylafax", spool, symlinks=True, ignore=left_out)
        shutil.copytree("/etc/hylafax", spool / "etc")
        (spool / "etc" / "hosts.hfaxd").write_text("127.0.0.1::\nlocalhost::\n")
        (spool / "etc" / "hosts.hfaxd").chmod(0o600)
        (spool / "etc" / "pagermap").write_text("^5[0-9][0-9][0-9]$\tradio/\\0\n")
        for file in (spool, *spool.rglob("*")):
            shutil.chown(file, "uucp", "uucp")
        async with Enclosure([_SNPP]) as net:
            running = Terminal(net, spool)
            net.start("/usr/sbin/faxq", "-D", "-q", spool, log=running.log)
            await until(lambda: (spool / "FIFO").exists(), "faxq does not start")
            await running.open_queues()
            await running.up()
            yield running
    finally:
        shutil.rmtree(base, ignore_errors=True)
