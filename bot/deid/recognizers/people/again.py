"""Names that were found once, everywhere else in the text. Linear time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.deid.lexicon import cues, terms
from bot.deid.lexicon.tokens import Token, begins, tokens
from bot.deid.merging import Found
from bot.deid.model import Hit, Kind, Source, Tier, Trust


def everywhere(source: Source, found: Sequence[Found]) -> Sequence[Hit]:
    """The other places of the names that were found: what stands once in a post as a name is one again."""
    words = source.once(tokens)
    people = [one for one in found if one.kind in (Kind.NAME, Kind.CLINICIAN)]
    known: dict[str, Found] = {}
    covered = _covered(words, found)
    for token, one in zip(words, _owners(words, people), strict=True):
        if (
            one is not None
            and token.word
            and len(token.text) > 2
            and not cues.is_stop(token.key)
            and not token.is_term(source.language)
        ):
            for key in {token.key, *(part for part in token.parts if len(part) > 3)}:
                if key not in known or known[key].tier is Tier.UNCERTAIN:
                    known[key] = one
    hits = []
    for at, token in enumerate(words):
        one = known.get(token.key)
        if (
            one is None
            or at in covered
            or (token.lower and (token.is_ordinary(source.language) or cues.is_stop(token.key)))
        ):
            continue
        if (
            terms.is_eponym(token.key)
            and at
            and terms.speaks_of_eponym(words[at - 1].key, words[at + 1].key if at + 1 < len(words) else "")
        ):
            continue
        named = "f" in token.flags or "l" in token.flags
        if token.is_ordinary(source.language) and (
            not named or (begins(words, at) and source.language == "de")
        ):
            continue
        trust = Trust.SURE if one.tier is Tier.CERTAIN else Trust.SOFT
        hits.append(Hit(token.start, token.end, one.kind, trust, "name: again"))
    return hits


def _owners(words: Sequence[Token], people: Sequence[Found]) -> Iterator[Found | None]:
    """For each token the person's span that it lies in."""
    spans = iter(sorted(people, key=lambda one: one.start))
    span = next(spans, None)
    for token in words:
        while span is not None and span.end <= token.start:
            span = next(spans, None)
        yield span if span is not None and span.start <= token.start and token.end <= span.end else None


def _covered(words: Sequence[Token], found: Sequence[Found]) -> frozenset[int]:
    """Which tokens lie in any span already."""
    return frozenset(at for at, one in enumerate(_owners(words, found)) if one is not None)
