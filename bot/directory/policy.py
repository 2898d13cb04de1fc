"""Which hospitals' people may talk to the bots: a question of the homeserver in their Matrix id."""

from __future__ import annotations

import re
from collections.abc import Set

# Matrix specification, appendices, "Server name" and "User identifiers".
_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,255})(?::[0-9]{1,5})?")
_LONGEST = 255


def server_of(user_id: str) -> str | None:
    """The homeserver in a Matrix user id, port and IPv6 literal included; None if it is no user id."""
    local, colon, server = user_id.partition(":")
    if not colon or not local.startswith("@") or len(user_id.encode("utf-8", "surrogatepass")) > _LONGEST:
        return None
    return server if _SERVER.fullmatch(server) else None


def may_talk(user_id: str, servers: Set[str]) -> bool:
    """Whether somebody's homeserver is among `servers`; server names are case-sensitive (same appendix)."""
    server = server_of(user_id)
    return server is not None and server in servers
