"""The bridge to a paging terminal.

A terminal says that it took a page, and nothing afterwards; and it knows no repeated page. Where it belongs
to a HylaFAX server, a page whose fate is in doubt is looked for in that server's queues, by a sender's name
that holds its id. Elsewhere the option `in_doubt` decides: `stop` (another way is taken) or `again`.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

from bridges.contract import (
    IN_DOUBT,
    BadOption,
    Bridge,
    Delivered,
    Health,
    Missing,
    Outbound,
    Outcome,
    Place,
    Rejected,
    Retry,
    Sink,
)
from bridges.paging.snpp import codec
from bridges.paging.snpp.transport import Broken, Dialogue, listed

_MOST_LISTED = 16 * 1024 * 1024  # bytes of a queue's listing
_LOOK_SECONDS = 3.0


def make(place: Place) -> Bridge:
    """A bridge from its settings: docs/bridges.md has the options. Raises BadOption."""
    place.only(
        "kind", "host", "port", "login", "password_file", "queue_port", "in_doubt", "length", "timeout",
        "settle",
    )  # fmt: skip
    if place.text("in_doubt", "stop") not in ("stop", "again"):
        raise BadOption("in_doubt", 'must be "stop" or "again"')
    words = {"login": place.text("login", ""), "password_file": place.secret("password_file", required=False)}
    for option, word in words.items():
        if not re.fullmatch(r"[\x21-\x7e]*", word):
            raise BadOption(option, "must be one word of ASCII letters, digits and signs")
    return SnppBridge(place)


class SnppBridge:
    """Pagers behind one terminal. Implements Bridge and Inquirer."""

    def __init__(self, place: Place) -> None:
        self._host = place.text("host")
        self._port = int(place.number("port", 444, 1, 65535))
        self._login = place.text("login", "")
        self._password = place.secret("password_file", required=False)
        self._queue_port = int(place.number("queue_port", 0, 0, 65535))
        self._again = place.text("in_doubt", "stop") == "again"
        self._length = int(place.number("length", 128, 20, 2000))
        self._timeout = place.number("timeout", 10, 1, 50)
        self._settle = place.number("settle", 10, 1, 600)
        self._since = 0.0

    async def start(self, sink: Sink) -> None:
        """Each page has a connection of its own: there is nothing to open, and nothing comes in."""
        self._since = asyncio.get_running_loop().time()

    async def stop(self) -> None:
        """There is nothing to close."""

    async def deliver(self, out: Outbound) -> Outcome:
        """LOGI, PAGE, MESS, SEND; before SEND the terminal forgets a page when the connection ends."""
        to = codec.pager(out.address)
        if to is None:
            return Rejected("address")
        said_send = False
        try:
            async with asyncio.timeout(self._timeout), Dialogue(self._host, self._port) as terminal:
                for line in self._before_send(out, to):
                    command = line.partition(" ")[0]
                    code, _text = await terminal.tell(line)
                    if command != "SITE" and (refused := codec.refusal(command, code)) is not None:
                        return refused
                if out.until is not None and out.until <= datetime.now(UTC):
                    return Rejected("expired")
                said_send = True
                code, _text = await terminal.tell("SEND")
                return codec.sent(code)
        except (Broken, OSError, TimeoutError):
            if said_send:
                return Retry(self._settle, "no-answer", unsure=True)
            return Retry()

    def _before_send(self, out: Outbound, to: str) -> list[str]:
        lines = [f"LOGI {self._login} {self._password}".strip()] if self._login else []
        if self._queue_port:  # HylaFAX: queue it, do not wait for the modem; and know it again
            lines += ["SITE JQUEUE YES", f"SITE FROMUSER {_sender(out)}"]
        return [*lines, f"PAGE {to}", f"MESS {codec.message(out.text, self._length)}"]

    async def find(self, out: Outbound, seconds: float) -> Outcome | Missing:
        """Look for a page in the queues of the fax server, once it would have come there."""
        if not self._queue_port:
            return Missing() if self._again else Rejected(IN_DOUBT)
        left = self._settle - min(seconds, asyncio.get_running_loop().time() - self._since)
        if left > 0:
            return Retry(min(left + 0.1, _LOOK_SECONDS), IN_DOUBT)
        try:
            async with asyncio.timeout(self._timeout):
                return Delivered() if await self._is_queued(_sender(out)) else Missing()
        except (Broken, OSError, TimeoutError):
            return Retry(_LOOK_SECONDS)

    async def _is_queued(self, sender: str) -> bool:
        """Whether a job of this sender waits or is done (HylaFAX client protocol: JOBFMT, LIST)."""
        async with Dialogue(self._host, self._queue_port) as server:
            code, _text = await server.tell(f"USER {self._login or 'curbside'}")
            if code == 331:
                code, _text = await server.tell(f"PASS {self._password}")
            if not 200 <= code < 300:
                raise Broken
            await server.tell('JOBFMT "%S"')
            for queue in ("sendq", "doneq"):
                code, text = await server.tell("PASV")
                port = codec.passive(text)
                if port is None:
                    raise Broken
                listing = asyncio.create_task(listed(self._host, port, _MOST_LISTED))
                try:
                    code, _text = await server.tell(f"LIST {queue}")
                    if not 100 <= code < 200:
                        raise Broken
                    found = await listing
                finally:
                    listing.cancel()
                await server.answer()
                if sender in found.split():
                    return True
        return False

    async def health(self) -> Health:
        """Greet the terminal and log in."""
        try:
            async with asyncio.timeout(self._timeout), Dialogue(self._host, self._port) as terminal:
                if not 200 <= terminal.greeting < 300:
                    return Health(False, f"The terminal greets with {terminal.greeting}.")
                if self._login:
                    code, _text = await terminal.tell(f"LOGI {self._login} {self._password}".strip())
                    if not 200 <= code < 300:
                        return Health(False, "The terminal refuses the login.")
        except (Broken, OSError, TimeoutError):
            return Health(False, "The terminal does not answer.")
        return Health(True)


def _sender(out: Outbound) -> str:
    return f"curbside-{out.id}"
