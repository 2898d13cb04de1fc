"""The real SMS gateway of the tests: Debian's Kannel, and its `fakesmsc` as the message centre.

Kannel's fake centre listens on every interface, so all of it runs in a network of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

import aiohttp
import pytest

from bridges.contract import Place
from tests.support.enclosure import Enclosure, until

FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")
USER, PASSWORD, SECRET, STATUS = "curbside", "only-a-test", "only-a-secret", "only-a-look"
SENDER = "4930123"
_ADMIN, _BOX, _CENTRE, _SENDSMS, _CALLBACK = 13000, 13001, 10000, 13013, 9000
_WAYS_OUT = 6


class Kannel:
    """A running gateway. `url` and `status_url` lead to it."""

    def __init__(self, net: Enclosure, folder: Path) -> None:
        self.net = net
        self.folder = folder
        self._config = folder / "kannel.conf"
        self._logs = (folder / "output").open("ab")
        self._bearer: subprocess.Popen[bytes] | None = None
        self._sms: subprocess.Popen[bytes] | None = None
        self._centre: subprocess.Popen[bytes] | None = None
        self._centres = 0
        for name, secret in (("password", PASSWORD), ("secret", SECRET), ("status", STATUS)):
            (folder / name).write_text(secret)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.net.port[_SENDSMS]}/cgi-bin/sendsms"

    @property
    def status_url(self) -> str:
        return f"http://127.0.0.1:{self.net.port[_ADMIN]}"

    def call_back_to(self, port: int, way: int = 0) -> None:
        """Where delivery reports asked for under this way's number go, and by 0 what telephones say."""
        self.net.out_to[_CALLBACK + way] = port

    def options(self, way: int = 0, **changed: object) -> dict[str, object]:
        """The bridge's table of the settings."""
        return {
            "kind": "kannel",
            "url": self.url,
            "user": USER,
            "password_file": str(self.folder / "password"),
            "sender": SENDER,
            "callback": f"http://127.0.0.1:{_CALLBACK + way}",
            "secret_file": str(self.folder / "secret"),
            "status_url": self.status_url,
            "status_password_file": str(self.folder / "status"),
            "timeout": 5,
            "settle": 4,
        } | changed

    def place(self, name: str = "sms", **changed: object) -> Place:
        """What the bridge is made from."""
        return Place(name, self.options(**changed), self.folder)

    async def up(self) -> None:
        """Start bearerbox and smsbox; returns when both answer."""
        self._bearer = self.net.start("/usr/sbin/bearerbox", "-v", "4", self._config, log=self._logs)
        await until(lambda: self._answers(f"{self.status_url}/status.txt"), "bearerbox does not answer")
        self._sms = self.net.start("/usr/sbin/smsbox", "-v", "4", self._config, log=self._logs)
        await until(lambda: self._answers(self.url), "smsbox does not answer")

    async def _answers(self, url: str) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                return answer.status < 500
        except aiohttp.ClientError:
            return False

    def down(self) -> None:
        """Kill the gateway, as a power cut would; what it has stored stays."""
        for program in (self._sms, self._bearer):
            if program is not None:
                self.net.kill(program)

    async def connect(self, said: str = "") -> None:
        """Let the message centre connect (anew), and a telephone say something: `+49170123 1` says 1."""
        self.disconnect()
        self._centres += 1
        number, _, text = said.partition(" ")
        log = (self.folder / f"centre{self._centres}").open("ab")
        self._centre = self.net.start(
            FAKESMSC, "-H", "127.0.0.1", "-r", str(_CENTRE), "-i", "0.05", "-m", "1" if said else "0",
            f"{number or 0} {SENDER} text {text or 0}", log=log,
        )  # fmt: skip
        await until(self._is_connected, "the message centre does not connect")

    async def _is_connected(self) -> bool:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.status_url}/status.txt", params={"password": STATUS}) as answer,
        ):
            return "(online" in await answer.text()

    def disconnect(self) -> None:
        """Cut the line to the message centre."""
        if self._centre is not None:
            self.net.kill(self._centre)

    def messages(self) -> list[tuple[str, str]]:
        """What the message centre has got so far, as (to, text)."""
        found = []
        for number in range(1, self._centres + 1):
            log = (self.folder / f"centre{number}").read_text("utf-8", "replace")
            for line in re.findall(r"Got message \d+: <(.*)>", log):
                _sender, to, kind, text = line.split(" ", 3)
                raw = text.encode() if kind == "text" else unquote_to_bytes(text.replace("+", " "))
                found.append((to, raw.decode("utf-16-be" if raw[:1] == b"\0" else "utf-8", "replace")))
        return found

    async def got(self, text: str, times: int = 1, timeout: float = 60.0) -> None:
        """Wait until the centre has got a text at least so often."""
        await until(
            lambda: sum(text in shown for _to, shown in self.messages()) >= times,
            f"not {times} times: {text}",
            timeout,
        )

    def count(self, text: str) -> int:
        """How often the centre has got a text."""
        return sum(text in shown for _to, shown in self.messages())


@asynccontextmanager
async def kannel() -> AsyncIterator[Kannel]:
    """A gateway that is up, with its message centre connected."""
    for program in (Path("/usr/sbin/bearerbox"), Path("/usr/sbin/smsbox"), FAKESMSC):
        if not os.access(program, os.X_OK):
            pytest.skip(f"the SMS gateway: {program.name} is not installed")
    folder = Path(tempfile.mkdtemp(prefix="curbside-sms-"))
    try:
        async with Enclosure([_ADMIN, _SENDSMS], range(_CALLBACK, _CALLBACK + _WAYS_OUT)) as net:
            _configure(folder)
            running = Kannel(net, folder)
            await running.up()
            await running.connect()
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _configure(folder: Path) -> None:
    (folder / "spool").mkdir()
    (folder / "kannel.conf").write_text(
        f"""group = core
admin-interface = "127.0.0.1"
admin-port = {_ADMIN}
admin-password = "{STATUS}-admin"
status-password = "{STATUS}"
smsbox-interface = "127.0.0.1"
smsbox-port = {_BOX}
box-allow-ip = "127.0.0.1"
store-type = spool
store-location = "{folder}/spool"
dlr-storage = internal
log-level = 0
log-file = "{folder}/bearerbox.log"

group = smsc
smsc = fake
smsc-id = CENTRE
port = {_CENTRE}
connect-allow-ip = 127.0.0.1
reconnect-delay = 1

group = smsbox
smsbox-id = curbside
bearerbox-host = 127.0.0.1
bearerbox-port = {_BOX}
sendsms-interface = "127.0.0.1"
sendsms-port = {_SENDSMS}
http-request-retry = 100
http-queue-delay = 1
mo-recode = true
log-level = 0
log-file = "{folder}/smsbox.log"

group = smsbox-route
smsbox-id = curbside
smsc-id = CENTRE

group = sendsms-user
username = {USER}
password = {PASSWORD}
max-messages = 3
concatenation = true

group = sms-service
keyword = default
catch-all = true
max-messages = 0
omit-empty = true
get-url = "http://127.0.0.1:{_CALLBACK}/bridges/sms/received?key={SECRET}&id=%I&from=%p&text=%a"
"""
    )
