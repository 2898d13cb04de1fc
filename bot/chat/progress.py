"""Long work shown in one message that is edited as the work goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.chat.desk import Desk, House
from bot.chat.message import Message
from bot.chat.rich import Rich
from bot.kernel import outbox
from bot.kernel.db import Database


class Progress:
    """Tells how far long work has come, outside the transactions that do it.

    States in between are left out when they follow each other faster than `every`, or while the one
    before has not been delivered; the final state is always sent. `shown` is the outbox id of the
    message: work that goes on after a restart passes it in, so that no second message appears.
    """

    def __init__(
        self,
        database: Database,
        house: House,
        bot: str,
        room: str,
        *,
        thread: str | None = None,
        every: timedelta = timedelta(seconds=2),
        shown: str | None = None,
    ) -> None:
        self.shown = shown
        self._database = database
        self._house = house
        self._bot = bot
        self._room = room
        self._thread = thread
        self._every = every
        self._last: tuple[datetime, str] | None = None

    async def show(self, body: Rich) -> bool:
        """Show a state in between; False if it was left out."""
        async with self._database.begin() as tx:
            if self._last is not None:
                at, out = self._last
                if tx.now - at < self._every or await outbox.event_of(tx, out) is None:
                    return False
            await self._send(Desk(self._house, tx, self._bot), body, "running")
        return True

    async def finish(self, body: Rich, *, failed: bool = False) -> None:
        """Show how the work ended."""
        async with self._database.begin() as tx:
            await self._send(Desk(self._house, tx, self._bot), body, "failed" if failed else "done")

    async def _send(self, desk: Desk, body: Rich, state: str) -> None:
        message = Message("progress", body, state=state)
        out = await desk.send(self._room, message, thread=self._thread, edits=self.shown)
        self._last = (desk.now, out)
        self.shown = self.shown or out
