"""A case's id as people write it. Pure."""

from __future__ import annotations

import re

_ID = re.compile(r"K[-\u2010-\u2015 ]?([0-9A-Z]{4}|[0-9A-Z]{6})")
_MISREAD = str.maketrans("OIL", "011")
_EDGES = " .,;:!?()"


def read_id(word: str) -> str | None:
    """The id in its one form, `K-7F3K`; None for what is none."""
    match = _ID.fullmatch(word.strip(_EDGES).upper())
    return None if match is None else f"K-{match[1].translate(_MISREAD)}"
