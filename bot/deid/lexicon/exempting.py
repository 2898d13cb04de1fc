"""Places that look like names and are none: eponyms, drugs, German clinical nouns. Linear time."""

from __future__ import annotations

from collections.abc import Sequence

from bot.deid.lexicon import cues, terms
from bot.deid.lexicon.cues import Cue
from bot.deid.lexicon.tokens import Token, tokens
from bot.deid.model import Source

_PEOPLE = (Cue.TITLE, Cue.DOCTOR, Cue.PATIENT, Cue.KIN, Cue.STAFF, Cue.NAMED)


def exempt(source: Source) -> Sequence[tuple[int, int]]:
    """Where eponyms are used as such, and drugs and clinical terms."""
    words = tokens(source.text)
    found: list[tuple[int, int]] = []
    for at, token in enumerate(words):
        if not token.word or len(token.text) < 2:
            continue
        before = words[at - 1] if at else None
        cued = before is not None and cues.cue(_cue_before(words, at), source.language) in _PEOPLE
        if terms.is_listed_drug(token.key) or (
            terms.is_drug(token.key) and not set("flt") & set(token.flags)
        ):
            if not cued:
                found.append((token.start, token.end))
            continue
        if cued:
            continue
        key = (
            token.key if terms.is_eponym(token.key) else token.parts[0] if len(token.parts) > 1 else token.key
        )
        if terms.is_eponym(key):
            after = words[at + 1].key if at + 1 < len(words) else ""
            pair = len(token.parts) > 1 and all(terms.is_eponym(part) for part in token.parts)
            if (
                pair
                or (len(token.parts) > 1 and terms.speaks_of_eponym("", token.parts[-1]))
                or (terms.is_only_eponym(key) and not set("ft") & set(token.flags))
                or terms.speaks_of_eponym(before.key if before else "", after)
            ):
                found.append((token.start, token.end + 2 * token.owner))
        elif (
            source.language == "de"
            and token.capital
            and terms.is_clinical(token.parts[-1])
            and not set("flt") & set(token.flags)
        ):
            found.append((token.start, token.end))
    return found


def _cue_before(words: tuple[Token, ...], at: int) -> str:
    """The word before, over a full stop that belongs to it."""
    if at > 1 and words[at - 1].text == "." and words[at - 1].start == words[at - 2].end:
        return words[at - 2].key
    return words[at - 1].key
