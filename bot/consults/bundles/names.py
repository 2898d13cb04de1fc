"""The timer by which somebody's bundle goes out."""

from __future__ import annotations

import hashlib
from datetime import datetime

BUNDLE_TIMER = "consults.bundle"


def bundle_key(bot: str, user: str, at: datetime) -> str:
    """The key of the bundle that goes out to somebody at a moment, from one bot.

    Each moment has a timer of its own: two workers that decide at once on different moments do not put
    each other's off. A digest, since a user id may be longer than a key.
    """
    return hashlib.sha256(f"{bot} {user} {at.isoformat()}".encode()).hexdigest()[:32]
