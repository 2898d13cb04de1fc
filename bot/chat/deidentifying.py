"""The de-identification engine and the cleaner of files, as features use them: in a thread, with a time-out.

Both take from milliseconds to seconds of processor time, so they are called by workers, outside of
transactions. Whatever goes wrong is an exception: there is no result, and nothing may be shown to others.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from bot.deid.engine import Engine
    from bot.deid.model import Result

_T = TypeVar("_T")

TEXT_SECONDS = 10.0
MOST_STUCK = 4


class Stuck(Exception):
    """Too many calls have run past their time and never came back: nothing is begun until a restart."""


class Threads:
    """Runs functions in threads of their own, so that one that never returns holds up no other.

    The threads are daemons: a call that hangs does not keep the process from ending.
    """

    def __init__(self, most_stuck: int = MOST_STUCK) -> None:
        self._most = most_stuck
        self._stuck = 0
        self._lock = threading.Lock()
        self._under_way: set[threading.Thread] = set()

    async def run(self, work: Callable[[], _T], seconds: float) -> _T:
        """The result of `work`; raises TimeoutError, Stuck, or what `work` raises."""
        if self._stuck >= self._most:
            raise Stuck
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()
        late = False

        def call() -> None:
            nonlocal late
            try:
                result = work()
            except BaseException as error:
                self._tell(loop, done, None, error)
            else:
                self._tell(loop, done, result, None)
            with self._lock:
                if late:
                    self._stuck -= 1
                late = True

        thread = threading.Thread(target=call, name="deid", daemon=True)
        with self._lock:
            self._under_way = {one for one in self._under_way if one.is_alive()} | {thread}
            thread.start()
        try:
            async with asyncio.timeout(seconds):
                return await done
        except TimeoutError:
            with self._lock:
                if not late:
                    late = True
                    self._stuck += 1
            raise

    async def ended(self, seconds: float) -> bool:
        """Wait for what is under way, before the process ends; False if something is left after `seconds`.

        A daemon that is within the model's C++ when the interpreter goes away aborts the whole process.
        """
        until = time.monotonic() + seconds

        def join() -> bool:
            for thread in self._under_way:
                thread.join(max(0.0, until - time.monotonic()))
            return not any(thread.is_alive() for thread in self._under_way)

        return await asyncio.to_thread(join)

    @staticmethod
    def _tell(
        loop: asyncio.AbstractEventLoop,
        done: asyncio.Future[_T],
        result: _T | None,
        error: BaseException | None,
    ) -> None:
        def tell() -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error if isinstance(error, Exception) else RuntimeError())
            else:
                done.set_result(result)  # type: ignore[arg-type]

        try:
            loop.call_soon_threadsafe(tell)
        except RuntimeError:
            return  # the loop has ended


class Deidentifier:
    """The one engine of the process, loaded when it is first needed or by `warm`."""

    def __init__(
        self,
        load: Callable[[], Engine],
        seconds: float = TEXT_SECONDS,
        versions: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        """`seconds`: after so long a text is given up. `versions` tells those of an engine not yet loaded."""
        self._load = load
        self._versions = versions
        self._told: Mapping[str, str] | None = None
        self._seconds = seconds
        self._engine: Engine | None = None
        self._loading = threading.Lock()
        self.threads = Threads()

    @property
    def versions(self) -> Mapping[str, str] | None:
        """What finds, or would find if it were loaded; None if that cannot be told."""
        if self._engine is not None:
            return dict(self._engine.versions)
        tell, self._versions = self._versions, None  # asked once: it reads files
        if tell is not None:
            try:
                self._told = tell()
            except OSError:
                self._told = None
        return self._told

    @property
    def loaded(self) -> bool:
        """Whether the engine is there: the first look does not wait for it."""
        return self._engine is not None

    async def warm(self) -> None:
        """Load the engine."""
        await self.threads.run(self.engine, 60.0)

    async def find(
        self, text: str, language: str | None = None, *, default: str = "en", seconds: float | None = None
    ) -> Result:
        """As `Engine.find`; raises its errors, TimeoutError and Stuck."""
        if not self.loaded:
            await self.warm()
        look = partial(self.engine().find, text, language, default=default)
        return await self.threads.run(look, seconds or self._seconds)

    def engine(self) -> Engine:
        """The engine itself, for those who work in a thread already; loads it if it is not."""
        with self._loading:
            if self._engine is None:
                self._engine = self._load()
            return self._engine


def shipped() -> Engine:
    """The engine with what is shipped; imported here, so that a start without it is faster."""
    from bot.deid.engine import Engine

    return Engine.load()
