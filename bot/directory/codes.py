"""Mail addresses that prove something, and the one-time codes sent to them. Pure, but for chance."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import timedelta

# Crockford's base 32: no I, L, O or U, so that nothing is misread; what is typed for them is known.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
VALID = timedelta(minutes=15)
TRIES = 5
LOCKED = timedelta(hours=1)
MAILS = 3
MAILS_PER = timedelta(hours=1)

_MISREAD = str.maketrans("OIL", "011")
# RFC 5321 allows more before the @ than institutions give to people; nothing here can break a header.
_ADDRESS = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._%+'-]{0,62}[A-Za-z0-9])?)@([A-Za-z0-9.-]{1,253})")
_TYPED = re.compile(r"\s*([0-9A-Za-z]{4})[-\u2010-\u2015 ]?([0-9A-Za-z]{4})\s*[.!]?\s*")


def new_code() -> str:
    """A fresh code: 40 random bits as eight letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    """A code as people read it: `ABCD-EFGH`."""
    return f"{code[:4]}-{code[4:]}"


def typed(text: str) -> str | None:
    """The code that somebody typed, in its one form; None if the text cannot be one."""
    match = _TYPED.fullmatch(text)
    if match is None:
        return None
    code = (match[1] + match[2]).upper().translate(_MISREAD)
    return code if set(code) <= set(ALPHABET) else None


def address(text: str) -> tuple[str, str] | None:
    """A mail address as one writes it, split at its @, the domain in lower case; None if it is none."""
    match = _ADDRESS.fullmatch(text.strip().strip("<>").removeprefix("mailto:"))
    if match is None or ".." in match[1] or ".." in match[2]:
        return None
    return match[1], match[2].lower().rstrip(".")


def allowed(domain: str, domains: Collection[str]) -> bool:
    """Whether a domain is one of those that prove something: itself, never one that contains it."""
    return domain in {known.lower() for known in domains}


def mailbox(local: str, domain: str) -> str:
    """The mailbox behind an address: what stands after a + is the person's own label (RFC 5233)."""
    return f"{local.partition('+')[0].casefold()}@{domain}"
