"""Bridges from their settings: which kinds there are, and one sentence for every wrong option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from bot.kernel.errors import CurbsideError
from bridges.contract import BadOption, Bridge, Maker, Place
from bridges.host import Bridging

GROUP = "curbside.bridges"


def makers() -> dict[str, Maker]:
    """The kinds of bridges that are installed, ours and those of other packages."""
    return {point.name: point.load() for point in entry_points(group=GROUP)}


def make(tables: Mapping[str, Mapping[str, Any]], bots: Sequence[str], folder: Path) -> Bridging:
    """The bridges of the settings' tables; raises CurbsideError with one sentence that names the option."""
    known = makers() if tables else {}
    made: dict[str, Bridge] = {}
    for name, table in tables.items():
        maker = known.get(str(table.get("kind")))
        if maker is None:
            kinds = ", ".join(sorted(known)) or "none"
            raise CurbsideError(f"bridges.{name}.kind: there is no such kind; installed are: {kinds}.")
        try:
            made[name] = maker(Place(name, table, folder))
        except BadOption as error:
            raise CurbsideError(f"bridges.{name}.{error.option}: {error.message}.") from None
    return Bridging(made, tuple(bots))
