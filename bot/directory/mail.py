"""E-mail that leaves the house: outbox rows of the channel `smtp`, handed to the hospital's mail server.

A row is sent by one process at a time and repeated until the server has taken it; its id is the Message-ID,
so that a copy sent twice after a crash is recognised (RFC 5322, section 3.6.4). No address stands in a log.
A row's body is {to, subject, text}.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING

from bot.chat import store as marks
from bot.chat.desk import House
from bot.directory.outside import tls
from bot.kernel import outbox
from bot.kernel.db import Database, DatabaseTrouble
from bot.kernel.engine import backoff
from bot.kernel.errors import CurbsideError
from bot.kernel.outbox import OutboxRow
from bot.settings import EmailSettings, Settings

if TYPE_CHECKING:
    import aiosmtplib

log = logging.getLogger(__name__)

CHANNEL = "smtp"
GIVE_UP = timedelta(minutes=30)  # what is mailed are codes, which do not live longer
_POLL_SECONDS = 1.0
_SECONDS = 30.0
_LEASE = timedelta(minutes=5)
_AT_ONCE = 10  # each may take half a minute, and the lease must outlast them
# Answers to what we are or how we log in, not to this recipient (RFC 5321, 4.2.3; RFC 4954, 6).
_OUR_FAULT = frozenset({500, 501, 502, 503, 504, 530, 534, 535, 538})


class Unsendable(Exception):
    """A message that no attempt will deliver; `reason` is a short code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def compose(row: OutboxRow, sender: str, hospital: str) -> EmailMessage:
    """The message of a row (RFC 5322; RFC 3834 for `Auto-Submitted`); raises Unsendable."""
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = Address(f"Curbside, {hospital}", addr_spec=sender)
        message["To"] = Address(addr_spec=str(row.body["to"]))
        message["Subject"] = str(row.body["subject"])
    except (ValueError, KeyError, IndexError):  # what can break out of a header breaks it here
        raise Unsendable("address") from None
    message["Date"] = row.created_at
    message["Message-ID"] = f"<{row.id}.curbside@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(str(row.body["text"]), charset="utf-8")
    return message


async def send_mail(house: House, database: Database) -> None:
    """Send what waits, until cancelled: a worker of the directory. Without a mail server, end at once."""
    if not house.settings.verification.email.host:
        return
    sender = Sender(house.settings, database, tuple(house.bot_users))
    while True:
        try:
            busy = await sender.send_some()
        except DatabaseTrouble as error:
            log.error("the outbox cannot be read", extra={"error": type(error).__name__})
            busy = False
        if not busy:
            await asyncio.sleep(_POLL_SECONDS)


class Sender:
    """Sends rows of the channel `smtp` over one connection at a time."""

    def __init__(self, settings: Settings, database: Database, bots: Sequence[str]) -> None:
        self._settings = settings
        self._email: EmailSettings = settings.verification.email
        self._database = database
        self._bots = bots

    async def send_some(self) -> bool:
        """Send what is due; False if there was nothing."""
        rows = await self._claim()
        if not rows:
            return False
        import aiosmtplib

        email = self._email
        client = aiosmtplib.SMTP(
            hostname=email.host,
            port=email.port,
            timeout=_SECONDS,
            use_tls=email.security == "tls",
            # Never "if it can be had": whoever strips STARTTLS from the server's greeting would get the mail.
            start_tls=email.security == "starttls",
            tls_context=tls(self._settings) if email.security != "none" else None,
        )
        left = list(rows)
        try:
            await client.connect()
            if email.user and email.password_file is not None:
                secret = self._settings.secret(email.password_file, "verification.email.password_file")
                await client.login(email.user, secret)
            while left:
                await self._send(client, left[0])
                left.pop(0)
        except (aiosmtplib.SMTPException, OSError, CurbsideError) as error:
            code = getattr(error, "code", None)
            log.error(
                "the mail server does not take mail", extra={"error": type(error).__name__, "code": code}
            )
            for row in left:
                await self._put_off(row, "unreachable")
        finally:
            client.close()
        return True

    async def _claim(self) -> list[OutboxRow]:
        """Rows that are due, for this process alone until they are done or the lease is over."""
        async with self._database.read() as tx:
            waiting = [row for bot in self._bots for row in (await outbox.due(tx, CHANNEL, bot)).rows]
        if not waiting:
            return []
        async with self._database.begin() as tx:
            return [row for row in waiting[:_AT_ONCE] if await marks.once(tx, CHANNEL, row.id, keep=_LEASE)]

    async def _send(self, client: aiosmtplib.SMTP, row: OutboxRow) -> None:
        """Send one; what concerns this message alone is settled here, what concerns the server is raised."""
        import aiosmtplib

        try:
            message = compose(row, self._email.sender, self._settings.hospital)
            await client.send_message(message)
        except Unsendable as error:
            await self._fail(row, error.reason)
        except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPHeloError):
            raise
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPResponseException) as error:
            code = _code(error)
            if code >= 500 and code not in _OUR_FAULT:
                await self._fail(row, f"smtp-{code}")
            elif code in _OUR_FAULT or code == 421:
                raise
            else:
                await self._put_off(row, f"smtp-{code}")
        except (ValueError, aiosmtplib.SMTPNotSupported):  # an address that this server cannot write
            await self._fail(row, "address")
        else:
            async with self._database.begin() as tx:
                await outbox.mark_sent(tx, row.id)

    async def _fail(self, row: OutboxRow, reason: str) -> None:
        log.warning("a mail was refused", extra={"out": row.id, "reason": reason})
        async with self._database.begin() as tx:
            await outbox.mark_failed(tx, row.id, reason)

    async def _put_off(self, row: OutboxRow, reason: str) -> None:
        async with self._database.begin() as tx:
            if tx.now - row.created_at >= GIVE_UP:
                await outbox.mark_failed(tx, row.id, reason)
                return
            await outbox.retry_at(tx, row.id, tx.now + backoff(row.attempts, first=5.0), reason)
            await marks.take_mark(tx, CHANNEL, row.id)


def _code(error: Exception) -> int:
    """The server's answer; of several recipients' there is but one here."""
    refused = getattr(error, "recipients", None)
    code = refused[0].code if refused else getattr(error, "code", 0)
    return int(code)
