"""One bot account at work: its lease, login, keys, sync and sending, and what to do when one of them ends."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import secrets
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp

from bot.chat.desk import Hospitals
from bot.kernel import inbox
from bot.kernel.db import Database, DatabaseTrouble
from bot.kernel.engine import backoff
from bot.kernel.errors import CurbsideError
from bot.kernel.inbox import Incoming
from bot.matrix import store
from bot.matrix.account import Login, log_in
from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.crypto.olm import store_file
from bot.matrix.crypto.ports import DeviceKeysLost
from bot.matrix.http import Http, MatrixError, TokenRevoked
from bot.matrix.sender import Sender
from bot.matrix.sync import SyncLoop
from bot.settings import Settings

log = logging.getLogger(__name__)

DEVICE_TOPIC = "matrix.new_device"
_LEASE = timedelta(seconds=30)
_WORKED_SECONDS = 120.0  # whoever worked for so long starts again at once


class LeaseLost(Exception):
    """Another process has taken the bot's device over."""


class BotAccount:
    """Runs one bot until cancelled; a fault of its own ends it without touching the others."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        database: Database,
        session: aiohttp.ClientSession,
        hospitals: Hospitals,
        *,
        poll: float = 0.3,
    ) -> None:
        """`poll`: seconds after which to look for messages that another process queued."""
        self.name = name
        self.user_id = settings.bots[name].user_id
        self.stopped: str | None = None  # why, in one sentence
        self._settings = settings
        self._database = database
        self._session = session
        self._hospitals = hospitals
        self._poll = poll
        self._keys_dir = settings.path(settings.data_dir) / "keys"
        self._sync: SyncLoop | None = None
        self._sender: Sender | None = None
        self._lock_file: int | None = None
        self._draining = False
        self._box = store.SecretBox(database, name)

    async def run(self) -> None:
        """Work until cancelled; returns when this bot had to stop, with the reason in `stopped`."""
        attempts = 0
        while True:
            began = time.monotonic()
            try:
                await self._hold_device()
                await self._work()
            except TokenRevoked:
                self.stopped = (
                    f"The homeserver has ended the session of {self.user_id}: give the bot a valid login "
                    f"(bots.{self.name}) and start it again."
                )
            except DeviceKeysLost as error:
                if self._settings.bots[self.name].token_file is not None:
                    self.stopped = f"{error} Put a fresh access token into bots.{self.name}.token_file."
                with suppress(*DatabaseTrouble):  # then it is found out once more
                    await self._box.save("login", {})
            except CurbsideError as error:
                self.stopped = str(error)
            except LeaseLost:
                log.error("another process runs this bot", extra={"bot": self.name})
            except (MatrixError, OSError) as error:
                log.warning("not connected yet", extra={"bot": self.name, "error": str(error)})
            except Exception as error:
                log.error("bot failed and starts again", extra={"bot": self.name}, exc_info=error)
            finally:
                await self._close()
            if self.stopped is not None:
                log.error(self.stopped, extra={"bot": self.name})
                return
            if self._draining:
                return
            attempts = 1 if time.monotonic() - began > _WORKED_SECONDS else attempts + 1
            await asyncio.sleep(backoff(attempts, first=0.5, most=30).total_seconds())

    async def drain(self, seconds: float) -> None:
        """Let messages being sent come to their end, and start nothing again."""
        self._draining = True
        if self._sender is not None:
            await self._sender.drain(seconds)

    @property
    def last_sync(self) -> datetime | None:
        """When the homeserver last answered a sync; None before the first."""
        return None if self._sync is None else self._sync.last_success

    async def _work(self) -> None:
        http = Http(self._settings.homeserver, self._session)
        login = await log_in(self.name, self._settings, http, self._box, self._has_keys)
        async with self._database.begin() as tx:
            if await store.use_device(tx, self.name, login.device_id):
                entry = Incoming(
                    self.name, DEVICE_TOPIC, login.device_id, "device", {"device_id": login.device_id}
                )
                await inbox.put(tx, entry)
        crypto = await self._open_crypto(http, login)
        try:
            report = await crypto.start()
            log.info("keys ready", extra={"bot": self.name, "identity": report.identity})
            for advice in report.advice:
                log.warning(advice, extra={"bot": self.name})
            self._sync = SyncLoop(
                self.name, self.user_id, http=http, database=self._database, crypto=crypto,
                hospitals=self._hospitals,
            )  # fmt: skip
            self._sender = Sender(
                self.name, self.user_id, http=http, database=self._database, crypto=crypto, poll=self._poll,
                strict=self._settings.profile == "strict",
            )  # fmt: skip
            await self._until_one_ends(self._sync, self._sender)
        finally:
            if self._sync is not None:
                await self._sync.close()
            crypto.close()

    async def _until_one_ends(self, sync: SyncLoop, sender: Sender) -> None:
        tasks = [asyncio.create_task(work) for work in (sync.run(), sender.run(), self._keep_lease())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _open_crypto(self, http: Http, login: Login) -> CryptoMachine:
        pickle_key = await self._box.load("pickle key")
        if pickle_key is None:
            pickle_key = secrets.token_urlsafe(32)
            await self._box.save("pickle key", pickle_key)
        self._keys_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return CryptoMachine(
            http=http,
            user_id=login.user_id,
            device_id=login.device_id,
            store_dir=self._keys_dir,
            pickle_key=pickle_key,
            trust=self._settings.trust,
            secrets=self._box,
            identities=store.IdentityPins(self._database),
            password=login.password,
            clock=self._database.clock,
        )

    def _has_keys(self, user_id: str, device_id: str) -> bool:
        return store_file(self._keys_dir, user_id, device_id).exists()

    # For `curbside keys` ---------------------------------------------------------------------------

    async def key_status(self) -> tuple[str, ...]:
        """What clients show of this bot, in words."""
        if not await self._box.load("login"):
            return (f"{self.user_id} has not logged in yet: start it with `curbside run`.",)
        http = Http(self._settings.homeserver, self._session)
        login = await log_in(self.name, self._settings, http, self._box, self._has_keys)
        crypto = await self._open_crypto(http, login)
        try:
            return (await crypto.own_status()).lines
        finally:
            crypto.close()

    async def bootstrap_keys(self, *, reset: bool) -> tuple[str, ...]:
        """Set up cross-signing, or with `reset` replace the identity; returns what was done, in words."""
        try:
            await self._hold_device()
        except LeaseLost:
            raise CurbsideError(f"Bot {self.name} is running: stop `curbside run` first.") from None
        http = Http(self._settings.homeserver, self._session)
        try:
            login = await log_in(self.name, self._settings, http, self._box, self._has_keys)
            crypto = await self._open_crypto(http, login)
            try:
                report = await crypto.start()
                if reset:
                    await crypto.reset_identity()
                return (*report.advice, *(await crypto.own_status()).lines)
            finally:
                crypto.close()
        finally:
            await self._close()

    # One owner for each device -------------------------------------------------------------------

    async def _hold_device(self) -> None:
        """Become the only process that speaks as this bot's device.

        The file lock decides between processes on one key store; the lease in the database between
        machines. The owner's name stays with the key store, so a killed process is replaced at once.
        """
        self._keys_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._lock_file is None:
            handle = os.open(self._keys_dir / f"{self.name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                raise LeaseLost from None
            self._lock_file = handle
        await self._renew(_owner(self._keys_dir))

    async def _renew(self, owner: str) -> None:
        async with self._database.begin() as tx:
            held = await store.lease(tx, self.name, owner, tx.now + _LEASE)
        if not held:
            raise LeaseLost

    async def _keep_lease(self) -> None:
        owner = _owner(self._keys_dir)
        while True:
            await asyncio.sleep(_LEASE.total_seconds() / 3)
            await self._renew(owner)

    async def _close(self) -> None:
        """Give the device back; where the database is away, the lease runs out by itself."""
        self._sync = self._sender = None
        if self._lock_file is not None:
            try:
                async with self._database.begin() as tx:
                    await store.release(tx, self.name, _owner(self._keys_dir))
            except DatabaseTrouble:
                log.warning("the lease could not be given back", extra={"bot": self.name})
            finally:
                os.close(self._lock_file)
                self._lock_file = None


def _owner(keys_dir: Path) -> str:
    """The name of this key store, made once."""
    file = keys_dir / "owner"
    if not file.exists():
        file.write_text(secrets.token_hex(16), "ascii")
    return file.read_text("ascii")
