"""Finding processes by their arguments: a process id noted in a file is reused in time."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def running(*arguments: str) -> list[int]:
    """The ids of the processes that have all of these among their arguments."""
    return [pid for pid, given in _processes() if all(argument in given for argument in arguments)]


def _processes() -> Iterator[tuple[int, list[str]]]:
    if (_PROC / "self").exists():
        for folder in _PROC.iterdir():
            if folder.name.isdecimal():
                try:
                    command = (folder / "cmdline").read_bytes()  # empty for a zombie
                except OSError:
                    continue
                yield int(folder.name), command.decode(errors="replace").split("\0")
        return
    listing = subprocess.run(
        ["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    )
    for line in listing.stdout.splitlines():
        pid, _, rest = line.strip().partition(" ")
        yield int(pid), rest.split()
