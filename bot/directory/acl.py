"""Which homeservers may take part in a room: the content of m.room.server_acl. Pure.

Source: C-S API, "Server Access Control Lists (ACLs) for rooms". Ports do not count; `*` stands for any
number of characters, `?` for one; what is denied wins over what is allowed; who is in neither is kept out.
Homeservers compare without regard to case (Synapse does), so we do as well.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

EVERYBODY = "*"
_PORT = re.compile(r":[0-9]{1,5}\Z")


class LockedOut(Exception):
    """An access list that would keep out ourselves, or people who moderate; the text is one sentence."""


def compute(
    own: str,
    allowed: Collection[str],
    denied: Collection[str] = (),
    *,
    bots_server: str,
    moderators: Collection[str] = (),
) -> dict[str, Any]:
    """The access list of a room: exact names, or `*` without the denied ones when `allowed` holds `*`.

    `denied` are globs; `moderators` user ids who must not lose the room. Our own server and that of the
    bots are always allowed. Raises LockedOut when a glob denies them, or a moderator's server is cut off.
    """
    ours = sorted({host_of(own), host_of(bots_server)})
    everybody = EVERYBODY in allowed
    exact = {host_of(server) for server in allowed if server != EVERYBODY}
    for server in ours:
        for glob in sorted(denied):
            if _matches(glob, server):
                raise LockedOut(f"The rule {glob} would keep out {server}, our own homeserver: take it back.")
    # Synapse sends no list that does not name it with its port, although ports do not count.
    named = exact.union(ours, (own, bots_server)) - {""}
    content: dict[str, Any] = {
        "allow": [EVERYBODY] if everybody else sorted(named),
        "deny": sorted(set(denied)) if everybody else _within(denied, exact),
        "allow_ip_literals": any(_is_ip_literal(server) for server in exact.union(ours)),
    }
    if not content["allow"]:
        raise LockedOut("The list of allowed servers is empty: everybody would be kept out, us too.")
    lost = cut_off(content, moderators)
    if lost:
        raise LockedOut(
            f"The access list would cut off {', '.join(lost)}, where moderators are: "
            "allow it, or take their power first."
        )
    return content


def permits(content: Mapping[str, Any], server: str) -> bool:
    """Whether an access list lets a server take part; the list may be anything that others wrote."""
    host = host_of(server)
    if content.get("allow_ip_literals") is False and _is_ip_literal(host):
        return False
    if any(_matches(glob, host) for glob in _globs(content.get("deny"))):
        return False
    return any(_matches(glob, host) for glob in _globs(content.get("allow")))


def cut_off(content: Mapping[str, Any], users: Iterable[str]) -> list[str]:
    """The servers of these users that an access list keeps out."""
    servers = {user.partition(":")[2] for user in users}
    return sorted(server for server in servers if not permits(content, server))


def host_of(server: str) -> str:
    """A server name without its port."""
    return _PORT.sub("", server)


def _within(denied: Collection[str], exact: Collection[str]) -> list[str]:
    """Of a closed list, only what denies one of those allowed needs saying."""
    return sorted({glob for glob in denied if any(_matches(glob, server) for server in exact)})


def _globs(value: object) -> list[str]:
    return [glob for glob in value if isinstance(glob, str)] if isinstance(value, list | tuple) else []


def _is_ip_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _matches(glob: str, host: str) -> bool:
    """Whether a glob covers a host; the time it takes is at most the product of their lengths."""
    glob, host = glob.lower(), host.lower()
    at = place = 0
    star, mark = -1, 0  # the last star, and how far it reaches
    while at < len(host):
        if place < len(glob) and glob[place] == "*":
            star, mark = place, at
            place += 1
        elif place < len(glob) and glob[place] in ("?", host[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            mark += 1
            at, place = mark, star + 1
        else:
            return False
    return not glob[place:].strip("*")
