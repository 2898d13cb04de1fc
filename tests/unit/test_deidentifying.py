"""The engine as features use it: what it tells of itself before it is loaded."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Mapping

import pytest

from bot.chat.deidentifying import Deidentifier, Threads
from bot.deid.engine import Engine


class Telling:
    """What tells the versions of an engine not yet loaded, and how often it was asked."""

    def __init__(self, versions: Mapping[str, str] | None) -> None:
        self.versions = versions
        self.asked = 0

    def __call__(self) -> Mapping[str, str]:
        self.asked += 1
        if self.versions is None:
            raise FileNotFoundError("above.onnx")
        return self.versions


@pytest.mark.parametrize("versions", [{"engine": "2", "model": "abc"}, None])
async def test_versions_are_asked_for_once_and_may_be_missing(versions: Mapping[str, str] | None) -> None:
    telling, engine = Telling(versions), Engine(None)
    deidentifier = Deidentifier(lambda: engine, versions=telling)
    assert telling.asked == 0
    assert [deidentifier.versions, deidentifier.versions] == [versions, versions]
    assert telling.asked == 1
    await deidentifier.warm()
    assert deidentifier.versions == engine.versions and telling.asked == 1


async def test_it_is_not_loaded_because_its_versions_are_known() -> None:
    deidentifier = Deidentifier(lambda: Engine(None), versions=Telling({"engine": "2"}))
    assert deidentifier.versions is not None and not deidentifier.loaded
    await deidentifier.warm()
    assert deidentifier.loaded


async def _given_up(threads: Threads) -> threading.Event:
    """Begin what nobody waits for any more, and that ends when the event is set."""
    release = threading.Event()
    with pytest.raises(TimeoutError):
        await threads.run(release.wait, 0.05)
    return release


async def test_what_is_under_way_is_waited_for_but_not_for_ever() -> None:
    threads = Threads()
    assert await threads.ended(0.0)
    release = await _given_up(threads)
    assert not await threads.ended(0.05)
    ending = asyncio.create_task(threads.ended(30.0))
    release.set()
    assert await ending


_STOPPED = """
import asyncio, sys
from bot.chat.deidentifying import Deidentifier, shipped

async def main():
    deidentifier = Deidentifier(shipped)
    warming = asyncio.create_task(deidentifier.warm())
    await asyncio.sleep(float(sys.argv[1]))
    warming.cancel()
    await asyncio.gather(warming, return_exceptions=True)
    assert await deidentifier.threads.ended(60.0)

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [0.02, 0.2, 0.35])
def test_a_process_stopped_while_it_loads_the_model_does_not_abort(after: float) -> None:
    stopped = subprocess.run(
        [sys.executable, "-c", _STOPPED, str(after)], capture_output=True, text=True, timeout=120
    )
    assert stopped.returncode == 0, stopped.stderr
