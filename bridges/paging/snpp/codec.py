"""What is said to a paging terminal, and what its answers mean. Pure (RFC 1861, sections 4 and 5)."""

from __future__ import annotations

import re

from bridges.contract import Delivered, Outcome, Rejected, Retry
from bridges.paging.alphabet import ascii_only


def pager(address: str) -> str | None:
    """A pager's id as PAGE takes it, or None if it is none."""
    return address.strip() if re.fullmatch(r"\s*[A-Za-z0-9+*#._-]{1,64}\s*", address) else None


def message(text: str, length: int) -> str:
    """A text on one line of ASCII, no longer than the pagers show."""
    return ascii_only(text)[:length]


def refusal(command: str, code: int) -> Outcome | None:
    """What an answer before SEND means for the message; None if all is well."""
    if 200 <= code < 400:
        return None
    if code == 421 or 400 <= code < 500:
        return Retry(reason=f"snpp-{code}")
    if command == "LOGI":
        return Retry(30, "login")
    if command in ("PAGE", "MESS") and code in (550, 552, 553):
        return Rejected(f"snpp-{code}")
    return Retry(reason=f"snpp-{code}")


def sent(code: int) -> Outcome:
    """What the answer to SEND means: 2xx taken, 860 and 960 and their like delivered or queued (level 3)."""
    if 200 <= code < 300 or 860 <= code < 890 or 960 <= code < 970:
        return Delivered()
    return Rejected(f"snpp-{code}") if code in (550, 552, 553, 780) else Retry(reason=f"snpp-{code}")


def passive(answer: str) -> int | None:
    """The port of a data connection, from the answer to PASV (RFC 959, section 4.1.2)."""
    found = re.search(r"\((?:\d{1,3},){4}(\d{1,3}),(\d{1,3})\)", answer)
    return int(found[1]) * 256 + int(found[2]) if found else None
