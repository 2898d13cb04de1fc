"""The worked example of a department: what docs/department.md explains and the demo plays with."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from bot.dev.roster_edit import write_atomically

FOLDER = "departments"  # beside the roster, which includes what lies there
EXAMPLE = Path(__file__).with_name(FOLDER) / "cardiology.toml"

_SERVER = "hospital.example"
_LENGTH = re.compile(r'"(\d+)([mh])"')
_SHORTER = {"m": "s", "h": "m"}


def example(server_name: str) -> str:
    """The file of the example department, for the people of a homeserver."""
    return EXAMPLE.read_text("utf-8").replace(_SERVER, server_name)


def hastened(text: str) -> str:
    """The same department, where a minute of its policies lasts a second, and an hour a minute."""
    return _LENGTH.sub(lambda length: f'"{length[1]}{_SHORTER[length[2]]}"', text)


def offered(text: str, servers: Sequence[str]) -> str:
    """The same department, whose service other hospitals may ask."""
    return text.replace("\npolicy = ", f"\noffered_to = {json.dumps(list(servers))}\npolicy = ", 1)


def set_pace(folder: Path, server_name: str, others: Sequence[str], *, fast: bool) -> None:
    """Write the example department beside a roster, in a hurry or as it is, offered to other hospitals."""
    text = offered(example(server_name), others)
    write_atomically(folder / FOLDER / EXAMPLE.name, hastened(text) if fast else text)
