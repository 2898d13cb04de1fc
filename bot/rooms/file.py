"""The network file, in which a network of hospitals declares its rooms: TOML, read again when it changes.

    name = "Lakeland"

    [templates.default]
    join = "knock_restricted"
    level = "L2"
    history = "invited"
    retention = "365d"
    rules = "No patient names. Be kind."
    mute = true

    [spaces.medicine]
    name = "Medicine"
    level = "L2"
    rooms = ["cardiology", "neurology", "HNO"]

    [rooms.cardiology]
    topic = "Heart and vessels"

A room that a space lists needs no table of its own when it is a specialty of the taxonomy.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.rooms.entries import BadNetwork, NetworkEntries, sentence
from bot.rooms.model import Network
from bot.rooms.reading import network_of


def load_network(path: Path, language: str = "en") -> Network:
    """Read a network file; one that does not exist declares nothing.

    `language` names the rooms whose file says nothing else. Raises BadNetwork with one sentence.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Network()
    except (OSError, UnicodeDecodeError) as error:
        raise BadNetwork(f"The network file {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadNetwork(f"The network file {path} is not valid TOML: {error}.") from None
    return read_network(values, path.parent, language)


def read_network(values: Mapping[str, Any], folder: Path = Path(), language: str = "en") -> Network:
    """A network from the values of its file in `folder`; raises BadNetwork naming the entry."""
    try:
        entries = NetworkEntries.model_validate(dict(values))
    except ValidationError as error:
        raise BadNetwork(sentence(error)) from None
    return network_of(entries, folder, language)


class NetworkFile:
    """The network as it is declared now; while the file is broken, as it last was whole."""

    def __init__(self, path: Path, language: str = "en") -> None:
        self.path = path
        self._language = language
        self._seen: tuple[int, ...] | None = None
        self._network = Network()
        self._error: str | None = None

    @property
    def current(self) -> Network:
        """The network, read again if the file has changed since; empty if there is no file."""
        self._refresh()
        return self._network

    @property
    def error(self) -> str | None:
        """What is wrong with the file as it is now, in one sentence; None if nothing is."""
        self._refresh()
        return self._error

    def _refresh(self) -> None:
        try:
            stat = self.path.stat()
            seen: tuple[int, ...] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except OSError:
            seen = ()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._network = load_network(self.path, self._language)
            self._error = None
        except BadNetwork as error:
            self._error = str(error)
