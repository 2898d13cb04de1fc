"""A network of its own for peers that listen on every interface: nothing reaches them but what is led in.

`async with Enclosure() as net:` then `await net.lead_in(4444)` gives a port of this machine's loopback that
leads to port 4444 inside, and `await net.lead_out(9000)` makes port 9000 inside lead to what `out_to` names.
Programs start inside with `net.start(...)`. It takes root; without it the test is skipped.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import pytest

# Runs inside. A socket belongs to the network it was made in, so those handed down listen outside; a Unix
# socket is a file, and reaches through. Ends with its standard input, that is with the tests.
_INSIDE = """
import asyncio, socket, subprocess, sys
async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        try:
            writer.write_eof()
        except (OSError, RuntimeError):
            pass
async def join(one, two):
    await asyncio.gather(pump(one[0], two[1]), pump(two[0], one[1]))
    one[1].close()
    two[1].close()
def led(open_other):
    async def take(reader, writer):
        try:
            other = await open_other()
        except OSError:
            writer.transport.abort()
            return
        await join((reader, writer), other)
    return take
async def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("/proc/sys/net/ipv4/tcp_max_tw_buckets", "w") as kept:
        kept.write("0")  # a peer that is started again may have its port at once
    for said in sys.argv[1:]:
        way, one, two = said.split("=", 2)
        if way == "in":
            def inwards(port=int(two)):
                return asyncio.open_connection("127.0.0.1", port)
            await asyncio.start_server(led(inwards), sock=socket.socket(fileno=int(one)))
        else:
            def outwards(path=two):
                return asyncio.open_unix_connection(path)
            await asyncio.start_server(led(outwards), "127.0.0.1", int(one))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
"""


class Enclosure:
    """`ins`: ports inside that are led in; `outs`: ports inside that are led out, to `out_to[port]` here."""

    def __init__(self, ins: Sequence[int], outs: Sequence[int] = ()) -> None:
        self._inside = tuple(ins)
        self._outside = tuple(outs)
        self.port: dict[int, int] = {}  # inside → here
        self.out_to: dict[int, int] = {}  # inside → here
        self._held: subprocess.Popen[str] | None = None
        self._programs: list[subprocess.Popen[bytes]] = []
        self._servers: list[asyncio.Server] = []
        self._folder = Path(tempfile.mkdtemp(prefix="curbside-net-"))

    async def __aenter__(self) -> Self:
        if os.geteuid() != 0:
            pytest.skip("a network of its own: only root may make one")
        for program in ("unshare", "nsenter", "ip"):
            if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
                pytest.skip(f"a network of its own: {program} is not installed")
        try:
            await self._hold()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def _hold(self) -> None:
        arguments, sockets = [], []
        for port in self._inside:
            here = socket.create_server(("127.0.0.1", 0))
            self.port[port] = here.getsockname()[1]
            sockets.append(here)
            arguments.append(f"in={here.fileno()}={port}")
        for port in self._outside:
            path = str(self._folder / str(port))
            self._servers.append(await asyncio.start_unix_server(self._leave(port), path))
            arguments.append(f"out={port}={path}")
        self._held = subprocess.Popen(
            ["unshare", "-n", "-p", "-f", "--kill-child", sys.executable, "-c", _INSIDE, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[one.fileno() for one in sockets],
            start_new_session=True,
        )
        for one in sockets:
            one.close()
        assert self._held.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(self._held.stdout.readline), 60)
        if line.strip() != "ready":
            pytest.skip("a network of its own: this machine does not let us make one")

    def _leave(self, port: int):  # type: ignore[no-untyped-def]
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                other = await asyncio.open_connection("127.0.0.1", self.out_to[port])
            except (OSError, KeyError):
                writer.transport.abort()
                return
            with suppress(asyncio.CancelledError):  # the loop ends while a peer keeps its connection
                await asyncio.gather(_pump(reader, other[1]), _pump(other[0], writer))
            other[1].close()
            writer.close()

        return take

    def start(self, *command: str | Path, log: IO[bytes], inside: bool = True) -> subprocess.Popen[bytes]:
        """Start a program inside, or beside one that is; it does not outlive the tests."""
        assert self._held is not None
        # Its first process is the relay: with that all others end, also those that have changed their user.
        around = f"/proc/{self._held.pid}/ns"
        net = [f"--net={around}/net"] if inside else []
        program = subprocess.Popen(
            ["nsenter", f"--pid={around}/pid_for_children", *net, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._programs.append(program)
        return program

    def kill(self, program: subprocess.Popen[bytes]) -> None:
        """End a program and its children at once."""
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for program in self._programs:
            self.kill(program)
        if self._held is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._held.pid, signal.SIGKILL)
            self._held.wait()
        for server in self._servers:
            server.close()
        shutil.rmtree(self._folder, ignore_errors=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()


async def until(condition, what: str, timeout: float = 60.0):  # type: ignore[no-untyped-def]
    """Wait until `condition()` gives something true, of which other programs tell in no other way."""
    ends = asyncio.get_running_loop().time() + timeout
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        if asyncio.get_running_loop().time() > ends:
            raise TimeoutError(what)
        await asyncio.sleep(0.05)
