"""The command `curbside`. Each subcommand's module is imported only when it is used."""

from bot.cli.main import main

__all__ = ["main"]
