"""How much fits into one short message, and what becomes of letters that its alphabet lacks. Pure.

The alphabet is that of 3GPP TS 23.038, section 6.2.1: 7 bits a letter, and a few letters that take two.
"""

from __future__ import annotations

import unicodedata

_ONE = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWO = frozenset("^{}\\[~]|€\f")
_SIMPLER = {
    "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "…": "...", "„": '"', "“": '"', "”": '"', "‘": "'",
    "’": "'", "‚": "'", "«": '"', "»": '"', "·": "-", "•": "-", "\u00a0": " ", "\t": " ",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "œ": "oe", "Œ": "OE", "þ": "th", "ð": "d", "ẞ": "SS",
}  # fmt: skip

ONE_MESSAGE = 160  # septets; 70 letters of 16 bits where the alphabet does not do
ONE_WIDE_MESSAGE = 70


def septets(text: str) -> int | None:
    """How many septets a text takes; None if a letter of it is not in the alphabet."""
    if not all(letter in _ONE or letter in _TWO for letter in text):
        return None
    return sum(2 if letter in _TWO else 1 for letter in text)


def simplified(text: str) -> str:
    """The text with simpler signs, and letters without marks that the alphabet lacks; others stay."""
    return "".join(_simple(letter) for letter in unicodedata.normalize("NFC", text))


def _simple(letter: str) -> str:
    if letter in _ONE or letter in _TWO:
        return letter
    if letter in _SIMPLER:
        return _SIMPLER[letter]
    bare = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
    return bare if bare and septets(bare) is not None else letter


def ascii_only(text: str) -> str:
    """The text in printable ASCII on one line, as pagers show it: `ä` becomes `ae`, what is unknown `?`."""
    umlauts = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
    shown = "".join(umlauts.get(letter) or _simple(letter) for letter in unicodedata.normalize("NFC", text))
    bare = "".join(one for one in unicodedata.normalize("NFKD", shown) if not unicodedata.combining(one))
    return " ".join("".join(one if " " <= one <= "~" or one.isspace() else "?" for one in bare).split())
