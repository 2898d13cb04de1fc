"""The bridge to Kannel.

A message that Kannel has accepted is not delivered: that is what its delivery report says. Kannel does not
recognise a repeated message, so one whose fate is in doubt is first looked for: a report proves that Kannel
had it, its store holds what waits for the centre; only what is neither reported nor stored is sent again.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from bridges.contract import (
    IN_DOUBT,
    Answer,
    BadOption,
    Bridge,
    Call,
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
from bridges.paging.kannel import codec
from bridges.paging.kannel.transport import Gateway, InDoubt, Unreachable

_LOOK_SECONDS = 3.0  # between two looks whether a message in doubt has been reported


def make(place: Place) -> Bridge:
    """A bridge from its settings: docs/bridges.md has the options. Raises BadOption."""
    place.only(
        "kind", "url", "user", "password_file", "sender", "callback", "secret_file", "status_url",
        "status_password_file", "timeout", "settle",
    )  # fmt: skip
    for option in ("url", "callback", "status_url"):
        _guarded(option, place.text(option, "" if option == "status_url" else None))
    if not re.fullmatch(r"\+?\d{2,15}|[A-Za-z0-9 ]{1,11}", place.text("sender")):
        raise BadOption("sender", "must be a number, or at most eleven letters and digits")
    return KannelBridge(place)


def _guarded(option: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    near = host in ("127.0.0.1", "localhost", "::1")
    if url and not (host and (parts.scheme == "https" or (parts.scheme == "http" and near))):
        raise BadOption(option, "must be a URL with https, or one of this machine")


class KannelBridge:
    """SMS through one Kannel. Implements Bridge, Inquirer and Listener."""

    def __init__(self, place: Place) -> None:
        self._name = place.name
        self._url = place.text("url")
        self._login = codec.Login(place.text("user"), place.secret("password_file"), place.text("sender"))
        self._callback = f"{place.text('callback').rstrip('/')}/bridges/{place.name}"
        self._secret = place.secret("secret_file")
        self._status_url = place.text("status_url", "").rstrip("/")
        self._status_password = place.secret("status_password_file", required=bool(self._status_url))
        self._timeout = place.number("timeout", 10, 1, 50)
        self._settle = place.number("settle", 20, 1, 600)
        self._gateway: Gateway | None = None
        self._since = 0.0

    async def start(self, sink: Sink) -> None:
        """Open a session; what comes back comes through `hear`."""
        self._gateway = Gateway(self._timeout)
        self._since = asyncio.get_running_loop().time()

    async def stop(self) -> None:
        """Close the session."""
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            await gateway.close()

    async def deliver(self, out: Outbound) -> Outcome:
        """Hand a message to Kannel's smsbox."""
        to = codec.number(out.address)
        if to is None:
            return Rejected("address")
        now = datetime.now(UTC)
        headers, body = codec.sendsms(out, to, self._login, self._callback, self._secret, now)
        try:
            status, text = await self._open().post(self._url, headers, body)
        except Unreachable:
            return Retry()
        except InDoubt:
            return Retry(self._settle, "no-answer", unsure=True)
        return codec.outcome(status, text)

    async def find(self, out: Outbound, seconds: float) -> Outcome | Missing:
        """Wait until a report would have come, then look into Kannel's store.

        The reports that Kannel could not give us while we were down come again within its
        `http-queue-delay`, for which `settle` allows.
        """
        here = asyncio.get_running_loop().time() - self._since
        left = self._settle - min(seconds, here)
        if left > 0:
            return Retry(min(left + 0.1, _LOOK_SECONDS), IN_DOUBT)
        if not self._status_url:
            return Missing()
        try:
            status, text = await self._status("store-status.txt")
        except (Unreachable, InDoubt):
            return Retry(_LOOK_SECONDS)
        if status != 200:
            return Retry(_LOOK_SECONDS, f"status-{status}")
        to = codec.number(out.address) or ""
        return Delivered(final=False) if codec.is_queued(text, to, out.text) else Missing()

    async def health(self) -> Health:
        """Look at Kannel's status page, or whether its smsbox answers at all."""
        try:
            if self._status_url:
                status, text = await self._status("status.txt")
                if status != 200 or "Denied" in text:
                    return Health(False, "Kannel refuses its status page: see status_password_file.")
                return (
                    Health(True) if " (online" in text else Health(False, "Kannel has no line to a centre.")
                )
            await self._open().get(self._url, {})  # refused, but answered
        except (Unreachable, InDoubt):
            return Health(False, "Kannel does not answer.")
        return Health(True)

    async def hear(self, call: Call, sink: Sink) -> Answer:
        """Take in a delivery report, or a message from a telephone."""
        key = call.query.get("key", "").encode("utf-8", "replace")
        if call.path == "report":
            expected = codec.sign(self._secret, call.query.get("id", ""))
        elif call.path == "received":
            expected = self._secret
        else:
            return Answer(404, "not found")
        if not hmac.compare_digest(key, expected.encode()):
            return Answer(403, "forbidden")
        if call.path == "report":
            report = codec.report(call.query)
            if report is not None:
                await sink.report(report)
        else:
            inbound = codec.received(call.query)
            if inbound is not None:
                await sink.received(inbound)
        return Answer(200)  # without a text, which Kannel would send as an answer

    async def _status(self, page: str) -> tuple[int, str]:
        return await self._open().get(f"{self._status_url}/{page}", {"password": self._status_password})

    def _open(self) -> Gateway:
        if self._gateway is None:
            raise RuntimeError("the bridge was not started")
        return self._gateway
