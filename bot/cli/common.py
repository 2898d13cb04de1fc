"""What several commands share: the settings, the database, what is installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from bot.kernel.db import Database
    from bot.settings import Settings


def with_config(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option --config, as its argument `config`."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("curbside.toml"),
        envvar="CURBSIDE_CONFIG",
        show_default=True,
        help="The settings file.",
    )(command)


def outside_migrations() -> list[Path]:
    """The revision folders of the capabilities that other packages bring; all tables are known after."""
    from bot.app import capabilities

    return [capability.migrations for capability in capabilities() if capability.migrations is not None]


def open_keys(settings: Settings) -> Any:
    """The at-rest key ring of this installation."""
    from bot.kernel.sealing import KeyRing

    return KeyRing.load(settings.path(settings.at_rest_keys))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The database; its being away is one sentence, not a traceback."""
    from sqlalchemy.exc import SQLAlchemyError

    from bot.app import open_database

    database = open_database(settings)
    try:
        yield database
    except (SQLAlchemyError, OSError) as error:
        where = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        # Not the driver's text: it may hold the URL with its password, or values.
        raise CurbsideError(
            f"database: cannot be used ({where}); see that it runs and the setting is right."
        ) from None
    finally:
        await database.close()
