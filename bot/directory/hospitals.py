"""Which hospitals may take part, and in what: as the operator has decided, as it is at this moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from bot.directory.hospital import store
from bot.directory.hospital.rules import Hospital, Policy, policy
from bot.directory.standing import Level
from bot.kernel.db import Database, DatabaseTrouble, Tx
from bot.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.4  # every process knows of a change within a second


class HospitalBook:
    """The hospitals of the settings and of the database, in memory; `keep` keeps it as the database is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own_proof = Level[settings.verification.own_accounts]
        self._hospitals: tuple[Hospital, ...] = ()
        self._revision: int | None = None
        self._policy: Policy
        self._servers: dict[str, frozenset[str]]
        self._use(datetime.min.replace(tzinfo=UTC))

    def servers(self, what: str = "talk") -> frozenset[str]:
        """The homeservers that may `talk` to the bots, or take part in `rooms`, `consults`, `invites`."""
        found = self._servers.get(what)
        if found is None:
            found = self._servers[what] = self._policy.servers(what)
        return found

    def state(self, server: str) -> str:
        """How a homeserver stands: `ours`, `listed`, `suspended` (or removed, or expired), or `unknown`."""
        return self._policy.state(server)

    def proves(self, server: str) -> Level:
        """What an account on a homeserver proves; L0 where nobody has vouched for its accounts."""
        return self._policy.proofs.get(server, Level.L0)

    @property
    def known(self) -> tuple[Hospital, ...]:
        """Every hospital that the database knows, suspended and removed ones too."""
        return self._hospitals

    async def refresh(self, tx: Tx) -> bool:
        """Read what has changed since; True if anything has."""
        revision = await store.revision(tx)
        if revision != self._revision:
            self._hospitals = tuple(await store.everyone(tx))
            self._revision = revision
        elif self._policy.changes is None or tx.now < self._policy.changes:
            return False
        self._use(tx.now)
        return True

    async def keep(self, database: Database, changed: Callable[[], None]) -> None:
        """Look for changes until cancelled, and call `changed` after one; a database away is waited for."""
        away = False
        while True:
            try:
                async with database.read() as tx:
                    fresh = await self.refresh(tx)
                away = False
            except DatabaseTrouble as error:
                if not away:
                    log.error("hospitals cannot be read", extra={"error": type(error).__name__})
                away, fresh = True, False
            if fresh:
                changed()
            await asyncio.sleep(LOOK_SECONDS)

    def _use(self, now: datetime) -> None:
        settings = self._settings
        self._policy = policy(settings.server_name, self._own_proof, settings.servers, self._hospitals, now)
        self._servers = {}
