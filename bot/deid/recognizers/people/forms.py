"""Forms of names that need no dictionary: initials, "Surname, Given", an age behind. Linear time."""

from __future__ import annotations

import re

from bot.deid.lexicon import cues
from bot.deid.lexicon.cues import Cue
from bot.deid.lexicon.sections import section
from bot.deid.lexicon.tokens import Token, gap, is_mark, key_at, touches
from bot.deid.recognizers.people import phrases

_AGE = re.compile(r"\d{1,3}(?:m|f|w|a|j|y|yo|yr|yrs|yom|yof|mo|/?[mf])?", re.I)
_AGED = section("name aged")
_ABBREVIATED = section("name dotted abbreviation")


def initials_and_name(words: tuple[Token, ...], at: int, language: str) -> int:
    """The index after "J. Smith", "S PAPADIMITRIOU", "J.S.", "R. K. Denny-Cremo"; 0 if there is none."""
    after = at
    while after < min(at + 6, len(words)) and len(words[after].text) == 1 and words[after].text.isalpha():
        after += 1
        if is_mark(words, after, ".") and touches(words, after):
            after += 1
        if is_mark(words, after, "-") and after + 1 < len(words) and len(words[after + 1].text) == 1:
            after += 1
    one = words[at]
    dotted = ".".join(token.key for token in words[at:after] if token.word)
    if after == at or dotted in _ABBREVIATED or (language == "fr" and dotted == "m"):
        return 0
    if after < len(words) and not words[after].line and words[after].start - words[after - 1].end <= 1:
        token = words[after]
        if (
            one.text.isupper()
            and (token.capital or (token.upper and len(token.text) > 2))
            and not (cues.is_stop(token.key) or token.is_term(language))
            and ("l" in token.flags or not token.is_ordinary(language))
        ):
            return phrases.reach(words, after, language)
        if one.text == "v" and token.capital and "d" not in token.flags:
            return after + 1
        if one.text.islower() and token.lower and is_mark(words, at + 1, ".") and token.is_name(language):
            return after + 1
    end = phrases.initials(words, at)
    return end if end > at else 0


def surname_first(words: tuple[Token, ...], at: int, language: str, *, labelled: bool = False) -> int:
    """The index after "Smith, John K", "pham, d.", "ZWICKER, BURNLEY"; 0 if it is none."""
    end = at + 1
    while (
        end < len(words)
        and end - at < 4
        and not words[end].line
        and words[end].word
        and (words[end].upper or words[end].capital)
        and gap(words, end) == 1
    ):
        end += 1
    if not is_mark(words, end, ",") or end + 1 >= len(words) or words[end + 1].line:
        return 0
    last, given = words[end - 1], words[end + 1]
    if (
        len(given.text) == 1
        and given.text.isalpha()
        and is_mark(words, end + 2, ".")
        and touches(words, end + 2)
    ):
        named = words[at].is_name(language) or (language != "de" and not words[at].is_ordinary(language))
        return end + 3 if named else 0
    if labelled and (given.capital or given.upper):
        return phrases.reach(words, end + 1, language)
    if end - at > 1 and (words[at].is_given(language) or cues.cue(words[at].key, language) is not Cue.NONE):
        return 0
    if words[at].is_term(language) or given.is_term(language) or cues.is_stop(given.key) or last.owner:
        return 0
    known = "f" in words[at].flags or "l" in words[at].flags
    named = "f" in given.flags and (known or (language != "de" and not words[at].is_ordinary(language)))
    if (
        words[at].upper
        and given.upper
        and len(given.text) > 1
        and (named or "f" in given.flags or not given.is_ordinary(language))
    ):
        return phrases.reach(words, end + 1, language)
    if (words[at].capital or words[at].upper) and given.capital and named and given.is_name(language):
        return phrases.reach(words, end + 1, language)
    return 0


def ages(words: tuple[Token, ...], at: int) -> bool:
    """Whether an age stands here: "44m", ", 54/M", "(8)", "26F"."""
    comma = is_mark(words, at, ",") or is_mark(words, at, "(")
    at += comma
    if at >= len(words) or not words[at].number or not _AGE.fullmatch(words[at].text):
        return False
    if not words[at].text.isdigit():
        return not words[at].text.lower().endswith("mo")
    if (key_at(words, at + 1) in _AGED and key_at(words, at + 1)) or is_mark(words, at + 1, "/"):
        return True
    return (
        bool(comma)
        and (is_mark(words, at + 1, ",") or is_mark(words, at + 1, ")"))
        and int(words[at].text) < 115
    )
