"""Which hospitals may take part, and in what: as the operator has decided, as it is at this moment."""

from __future__ import annotations

from bot.settings import Settings


class HospitalBook:
    """The hospitals of the settings: our own, and the allowed ones."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def servers(self, what: str = "talk") -> frozenset[str]:
        """The homeservers that may `talk` to the bots, or take part in `rooms`, `consults`, `invites`."""
        return self._settings.servers
