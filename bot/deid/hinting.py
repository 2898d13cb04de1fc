"""What the rules say of each character, as the tagger reads it beside the text. Pure.

The tagger weighs the rules' word with its own: what they merely suspect it can turn down, what they missed it
can add, and where they are right it need not know the form of a number.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.deid.model import Hit, Kind, Trust

VALUES = 12  # how many values a hint has: nothing, what is exempt, and five groups that are suspected or sure
_EXEMPT = 1
_FIRST = {
    **dict.fromkeys((Kind.NAME, Kind.CLINICIAN), 2),
    **dict.fromkeys((Kind.HOSPITAL, Kind.PLACE, Kind.ORG), 4),
    **dict.fromkeys((Kind.DATE, Kind.AGE), 6),
    **dict.fromkeys((Kind.EMAIL, Kind.URL, Kind.IP, Kind.HANDLE, Kind.PHONE, Kind.FAX), 8),
}
_NUMBER = 10


def hints(length: int, hits: Iterable[Hit], exempt: Iterable[tuple[int, int]]) -> bytes:
    """One value for each character of a text of this length; what is sure hides what is not."""
    said = bytearray(length)
    sure: list[Hit] = []
    for hit in hits:
        if hit.trust is Trust.SOFT:
            _say(said, hit.start, hit.end, _FIRST.get(hit.kind, _NUMBER))
        else:
            sure.append(hit)
    for start, end in exempt:
        _say(said, start, end, _EXEMPT)
    for hit in sure:
        _say(said, hit.start, hit.end, _FIRST.get(hit.kind, _NUMBER) + 1)
    return bytes(said)


def _say(said: bytearray, start: int, end: int, value: int) -> None:
    said[start:end] = bytes((value,)) * (min(end, len(said)) - start)
