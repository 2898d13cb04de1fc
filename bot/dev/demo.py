"""`make demo`: two hospitals on this machine, and the main jobs played with real clients.

The story is a list of chapters; each is a function that takes the cast. With `--once` the exit code
says whether it played to the end; without, the hospitals stay up for anybody with a Matrix client.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from bot import logs
from bot.dev.people import make_clinician
from bot.dev.story import Cast, heading, line, remark
from bot.dev.synapse import SynapseError
from bot.dev.up import down, up
from bot.kernel.errors import CurbsideError

Chapter = Callable[[Cast], Awaitable[None]]


async def first_words(cast: Cast) -> None:
    """Talking with the bot."""
    heading("A first word with the bot")
    ada = await cast.enter("Ada Lind", "north", specialty="internal medicine")
    await ada.types("!ping 7")
    await ada.reads("pong 7")
    await ada.types("!help")
    await ada.reads("!consult", kind="help")


async def consult_across_hospitals(cast: Cast) -> None:
    """A consult: the first on call declines, the second accepts, the loop is closed."""
    heading("A consult, across two hospitals")
    remark(
        "On call for cardiology at North Hospital: first Bo, whose account is on South Hospital's own "
        "homeserver, then Cleo. Jon at North asks."
    )
    on_call: dict[str, Any] = {"specialty": "cardiology", "on_call": True}
    bo = await cast.enter("Bo Stern", "south", roster_of="north", **on_call)
    cleo = await cast.enter("Cleo Hart", "north", **on_call)
    jon = await cast.enter("Jon Berg", "north", specialty="internal medicine")

    await jon.types("!consult cardiology urgent New AF, rate 140, BP 95/60: cardiovert or rate control?")
    asked = await jon.reads("asking", kind="consult.state")
    consult = str(asked["content"]["org.curbside"]["id"])

    page = await bo.reads(consult, kind="consult.page", ever=True)
    await bo.taps(page, "❌")
    await jon.reads("declined", kind="consult.state")

    page = await cleo.reads(consult, kind="consult.page", ever=True)
    await cleo.taps(page, "✅")
    await jon.reads("accepted", kind="consult.state")

    room = f"room of {consult}"
    opening = await cleo.reads(f"consult {consult}", kind="consult.question", where=room)
    room_id = opening["room_id"]
    await cleo.types(
        "!answer Unstable: synchronised shock now. If the pressure recovers, metoprolol.", room_id, room
    )
    await jon.reads("in your own words", room_id=room_id, where=room)
    await jon.types("!close Shock now; metoprolol only once the pressure is back.", room_id, room)
    await jon.reads(f"{consult} is closed", room_id=room_id, where=room)


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
    config = cast.state["hospitals"][0]["config"]
    for command in (["audit", "verify"], ["keys", "status"]):
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "bot", *command, "--config", config],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        line(
            f"curbside {' '.join(command)}", "terminal of North Hospital", (done.stdout + done.stderr).strip()
        )
        if done.returncode != 0:
            raise CurbsideError(f"`curbside {' '.join(command)}` failed.")


CHAPTERS: tuple[Chapter, ...] = (
    first_words,
    consult_across_hospitals,
    specialty_rooms,
    nothing_forgotten,
)


async def play(directory: Path, state: dict[str, Any]) -> None:
    """Play all chapters; raises when a step fails."""
    cast = Cast(directory, state)
    try:
        for chapter in CHAPTERS:
            await chapter(cast)
    finally:
        await cast.leave()


async def _guests(directory: Path, state: dict[str, Any]) -> None:
    """Accounts for whoever wants to try it, without anybody's keys yet: any client can set them up."""
    heading("Now you")
    remark(
        "Log in with any Matrix client, such as Element: choose another homeserver and give its URL. Start a "
        "chat with the bot and write !help. Ask dermatology from one account and answer as the other."
    )
    for entry in state["hospitals"]:
        guest = await make_clinician(
            directory,
            f"guest {entry['name']}",
            hospital=entry["name"],
            roster_of=state["hospitals"][0]["name"],
            specialty="dermatology",
            on_call=entry is not state["hospitals"][0],
        )
        line(
            f"{entry['name'].capitalize()} Hospital",
            entry["homeserver"],
            f"user {guest['user_id']}\npassword {guest['password']}\nbot {entry['bots']['curbside']}",
        )
        moderator = entry["moderator"]
        line(
            "its moderator",
            entry["homeserver"],
            f"user {moderator['user_id']}\npassword {moderator['password']}",
        )


@click.command()
@click.option("--once", is_flag=True, help="Play the story and end: exit code 0 if every step worked.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".demo"),
    show_default=True,
)
def main(once: bool, directory: Path) -> None:
    """Play Curbside's story on two hospitals of this machine."""
    directory = directory.resolve()
    logs.configure("error", "text")  # the clients' own complaints are no part of the story
    try:
        raise SystemExit(_run(directory, once))
    except (CurbsideError, SynapseError, TimeoutError) as error:
        click.echo(f"\nThe demo stopped: {error}\nThe logs are in {directory}.", err=True)
        raise SystemExit(1) from None
    finally:
        down(directory)


def _run(directory: Path, once: bool) -> int:
    heading("Two hospitals start: each a Synapse and its Curbside")
    began = time.monotonic()
    if down(directory):
        shutil.rmtree(directory)  # an earlier demo's
    directory.mkdir(parents=True, exist_ok=True)
    state = up(directory, hospitals=2)
    remark(f"Ready after {time.monotonic() - began:.0f} s.")
    asyncio.run(play(directory, state))
    remark(f"The whole story took {time.monotonic() - began:.0f} s.")
    if not once:
        asyncio.run(_guests(directory, state))
        remark("Everything stays up until you press Ctrl-C.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            remark("Stopping.")
    return 0


if __name__ == "__main__":
    main()
