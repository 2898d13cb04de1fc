"""The text of a case as its author sees it, with numbers and colours; and long texts in pieces."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cases.model import Shown
from bot.chat.rich import Rich, joined, verbatim
from bot.deid.model import Span, Tier

_PIECE = 4000  # characters of a preview in one message: with its colours it fits into an encrypted event
_SMALL = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
# Background and text of a tag: contrast above 6:1. Third, the text where an app shows no background: about
# 4:1 on white and on dark, since it may be either. The two tiers also differ by the “?”.
_COLOURS: Mapping[str, tuple[str, str, str]] = {
    "certain": ("#b3261e", "#ffffff", "#e0352b"),
    "uncertain": ("#ffd54f", "#000000", "#b26a00"),
    "author": ("#0b57d0", "#ffffff", "#2f7fe0"),
}


def texts(shown: Shown) -> list[Rich]:
    """The text with its tags numbered and coloured, in pieces that fit into one message each."""
    bodies: list[list[Rich]] = [[]]
    room = _PIECE
    for piece in shown.pieces():
        if isinstance(piece, Span):
            bodies[-1].append(_tag(piece))
            room -= 40  # its colours count, too
            continue
        while piece:
            if len(piece) <= room:
                cut = len(piece)
            else:
                cut = max(piece.rfind("\n", 0, max(room, 0)), piece.rfind(" ", 0, max(room, 0))) + 1
            if not cut and room < _PIECE:
                bodies.append([])
                room = _PIECE
                continue
            cut = cut or room
            bodies[-1].append(verbatim(piece[:cut]))
            room -= cut
            piece = piece[cut:]
    return [joined(body, "") for body in bodies if body]


def _tag(span: Span) -> Rich:
    """What took the place of a span: its number, and “?” where it is not certain."""
    how = "author" if span.rule == "author" else "certain" if span.tier is Tier.CERTAIN else "uncertain"
    words = span.replacement or "[–]"
    doubt = "?" if how == "uncertain" else ""
    ground, ink, alone = _COLOURS[how]
    shown = f"<strong>{verbatim(words).html}</strong>"
    return Rich(
        f"{words}{str(span.number).translate(_SMALL)}{doubt}",
        # Many apps know no other colour than that of <font>; where data-mx-color is known, it wins.
        f'<font color="{alone}" data-mx-bg-color="{ground}" data-mx-color="{ink}">{shown}</font>'
        f"<sup>{span.number}</sup>{doubt}",
    )


def in_pieces(text: str) -> list[str]:
    """A text in pieces that fit into one message each."""
    pieces, left = [], text
    while len(left) > _PIECE:
        cut = max(left.rfind("\n", 0, _PIECE), left.rfind(" ", 0, _PIECE)) + 1 or _PIECE
        pieces.append(left[:cut])
        left = left[cut:]
    return [*pieces, left]
