"""The engine as features use it: what it tells of itself before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bot.chat.deidentifying import Deidentifier
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
