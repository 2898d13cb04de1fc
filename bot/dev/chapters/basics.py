"""The bot's first words, a specialty room, and what is left at the end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from bot.dev.story import Cast, heading, line, remark
from bot.kernel.errors import CurbsideError

_SECONDS = 180  # for a command, on a busy machine


async def first_words(cast: Cast) -> None:
    """Talking with the bot."""
    heading("A first word with the bot")
    jon = await cast.enter("Jon Berg", "north", specialty="internal medicine")
    await jon.types("!ping 7")
    await jon.reads("pong 7")
    await jon.types("!help")
    await jon.reads("!consult", kind="help")


async def specialty_rooms(cast: Cast) -> None:
    """Finding a room, and being let in: the hospital says who its clinicians are."""
    heading("A specialty room")
    remark(
        "Each hospital has declared its rooms in a file. Eve is on North Hospital's roster, so its rooms are "
        "open to her; Sam's name stands there too, but nobody has confirmed who he is."
    )
    eve = await cast.enter("Eve Holm", "north", specialty="cardiology")
    await eve.types("!join cards")
    rules = await eve.reads("No patient names")
    await eve.taps(rules, "✅")
    await eve.reads("You are invited", kind="rooms.invited")
    sam = await cast.enter("Sam Roth", "north", specialty="cardiology", level="L0")
    await sam.types("!join cards")
    await sam.reads("!verify")


async def nothing_forgotten(cast: Cast) -> None:
    """The audit trail of what was just played."""
    heading("What is left of it")
    north = cast.hospital("north")
    commands = (["audit", "verify"], ["keys", "status"])
    for command, text in zip(
        commands, await asyncio.gather(*(curbside(north, *one) for one in commands)), strict=True
    ):
        line(f"curbside {' '.join(command)}", "terminal of North Hospital", text.stdout.strip())


async def curbside(
    entry: Mapping[str, Any], *command: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a hospital; raises CurbsideError when it fails."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "bot", *command, "--config", entry["config"]],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise CurbsideError(f"`curbside {' '.join(command[:2])}` failed: {done.stderr.strip()}")
    return done
