"""The entry point: which subcommands there are, and how an error reaches the operator."""

from __future__ import annotations

import importlib
import sys

import click

from bot import __version__
from bot.kernel.errors import CurbsideError
from bot.settings import BadSettings

_COMMANDS = (
    *("init", "check", "run", "db", "keys", "rooms", "audit", "bridge", "directory"),
    *("hospital", "offer", "oncall", "deid", "dev"),
)


class _OnDemand(click.Group):
    """Imports a subcommand's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"bot.cli.{cmd_name}").command
        return command


@click.group(cls=_OnDemand, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="curbside")
def curbside() -> None:
    """Matrix bots for clinician rooms: consults, on-call and more on your own homeserver."""


def main() -> None:
    """Run the command; an error is one sentence. Exit code 2: wrong settings or usage, 1: anything else."""
    try:
        curbside(prog_name="curbside")
    except BadSettings as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except CurbsideError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
