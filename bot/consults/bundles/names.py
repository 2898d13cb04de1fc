"""The timer by which somebody's bundle goes out."""

from __future__ import annotations

import hashlib

BUNDLE_TIMER = "consults.bundle"


def bundle_key(bot: str, user: str) -> str:
    """The key of somebody's bundle of one bot: a digest, since a user id may be longer than a key."""
    return hashlib.sha256(f"{bot} {user}".encode()).hexdigest()[:32]
