"""`make demo`: two hospitals on this machine, and the main jobs played with real clients.

The story is a list of chapters, in `bot.dev.chapters`. With `--once` the exit code says whether it
played to the end; without, the hospitals stay up for anybody with a Matrix client.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any

import click

from bot import logs
from bot.dev.chapters import CHAPTERS
from bot.dev.department import set_pace
from bot.dev.people import make_clinician
from bot.dev.story import Cast, heading, line, remark
from bot.dev.synapse import SynapseError
from bot.dev.up import down, up
from bot.kernel.errors import CurbsideError


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
    state = up(directory, hospitals=2, department=True)
    first, *others = state["hospitals"]
    servers = [entry["server_name"] for entry in others]
    department = Path(first["config"]).parent, first["server_name"], servers
    set_pace(*department, fast=True)
    remark(f"Ready after {time.monotonic() - began:.0f} s.")
    asyncio.run(play(directory, state))
    remark(f"The whole story took {time.monotonic() - began:.0f} s.")
    if not once:
        set_pace(*department, fast=False)
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
