"""Where a name begins and how far it goes: "Tran Thi Kim Lien", "R.-M. D.", "van der Berg". Linear time."""

from __future__ import annotations

import re
from enum import IntEnum

from bot.deid.lexicon import cues, terms
from bot.deid.lexicon.cues import Cue
from bot.deid.lexicon.sections import section
from bot.deid.lexicon.tokens import Token
from bot.deid.lexicon.words import flags

_LONGEST = 6  # words of one name
_PARTICLES = section("name particle")
_ARTICLES = frozenset(("der", "den", "la", "das", "el"))  # within a name only after another particle
_CONTRACTED = re.compile(  # "He'd", "J'ai"; not "O'Neil", "D'Souza", "Fa'asavalu"
    r"[^\W\d_]{1,10}['’](?:d|ll|ve|re|m|t|em|all|n|clock)\Z|(?:[jldcnsmtJLDCNSMT]|[Qq]u)['’][^\W\d_A-ZÄÖÜÀ-Þ]"
)
_TWO = section("name two letters")
_CAMEL = re.compile(
    r"(?!(?:Mc|Mac|De|Di|Du|La|Le|Van|Fitz|Vander)[A-Z])[^\W\d_]{0,20}[a-zß-ÿ][A-ZÄÖÜ]"
)  # "MedWatch"
_LETTER = re.compile(r"[^\W\d_][-‐‑]")  # "D-dimer"
_CAPITALS = re.compile(r"[^\W\d_a-zß-öø-ÿ][A-ZÄÖÜÀ-ÝŁŚŻČŠŽ]")  # two capitals side by side
_FOLLOWS = section("name follows")


class How(IntEnum):
    """What the words before say of the next one."""

    ANY = 0  # a name, unless it is a function word
    NAMED = 1  # a name, unless it is an ordinary word and no name
    LIKELY = 2  # a name, unless it is an ordinary word
    KNOWN = 3  # a name only if the dictionaries say so


_MOST_INITIALS = 5  # of one name


def is_initial(words: tuple[Token, ...], at: int) -> bool:
    """Whether a token is a single capital letter, as an initial is."""
    token = words[at]
    return len(token.text) == 1 and token.text.isalpha() and token.text.isupper()


def shaped(token: Token) -> bool:
    """Whether a word has capitals where names have them: "McPhee", "Al-Khatib"; not "QTc" or "iPad"."""
    if (
        not token.capital
        or _LETTER.match(token.text)
        or _CAMEL.match(token.text)
        or _CAPITALS.search(token.text)
    ):
        return False
    if (
        len(token.parts) > 1
        and len(token.parts[-1]) > 3
        and "w" in flags(token.parts[-1])
        and token.text[-len(token.parts[-1])].islower()
    ):
        return False  # "Bronchitol-sized"
    return _CONTRACTED.match(token.text) is None


def can_begin(words: tuple[Token, ...], at: int, language: str, how: How) -> bool:
    """Whether a name may begin with this token."""
    if at >= len(words):
        return False
    token = words[at]
    if not token.word or len(token.text) < 2:
        return False
    if how is How.ANY and token.key in _TWO and (token.capital or token.key == "ng"):
        return True
    if cues.is_stop(token.key) and not (
        how is How.ANY and token.capital and "f" in token.flags and _goes_on(words, at)
    ):
        return False
    named = "f" in token.flags or "l" in token.flags
    if token.lower:
        return _lower(words, at, language, how, named)
    if (
        token.upper
        and len(token.text) < 5
        and "'" not in token.text
        and "’" not in token.text
        and (cues.is_short_term(token.key) or not named)
    ):
        return False
    if how is How.ANY:
        return (token.capital and _CONTRACTED.match(token.text) is None) or token.upper
    if (
        cues.cue(token.key, language) in (Cue.TITLE, Cue.DOCTOR, Cue.KIN, Cue.PATIENT, Cue.STAFF)
        and how is not How.NAMED
    ):
        return False
    if not shaped(token) and not token.upper:
        return False
    if len(token.parts) > 1 and all(map(terms.is_eponym, token.parts)):
        return False  # "Dix-Hallpike"
    if terms.is_eponym(token.key) and (terms.is_only_eponym(token.key) or _eponym(words, at)):
        return False
    if how is How.NAMED and named and not (language == "de" and terms.is_clinical(token.key)):
        return True
    if token.is_term(language):
        return False
    if how is How.KNOWN:
        return token.is_name(language) and not terms.is_eponym(token.key)
    if token.is_ordinary(language):
        return "f" in token.flags and language != "de" and not token.upper
    return not token.upper or named


def _goes_on(words: tuple[Token, ...], at: int) -> bool:
    return at + 1 < len(words) and words[at + 1].capital and words[at + 1].start == words[at].end + 1


def _lower(words: tuple[Token, ...], at: int, language: str, how: How, named: bool) -> bool:
    token = words[at]
    if len(token.parts) > 1 and all(map(terms.is_eponym, token.parts)):
        return False
    if (
        token.is_term(language)
        or len(token.text) < (2 if how is How.ANY else 3)
        or _CONTRACTED.match(token.text)
    ):
        return False
    if how is How.ANY:
        if language in ("es", "fr") and token.is_ordinary(language):
            return False
        return named or not token.is_ordinary(language)
    if token.is_name(language):
        return not (terms.is_eponym(token.key) and _eponym(words, at))
    if how is not How.KNOWN and "f" in token.flags and len(token.text) > 3:
        return token.owner or (at + 1 < len(words) and words[at + 1].key in _FOLLOWS)
    return False


def acts(words: tuple[Token, ...], at: int) -> bool:
    """Whether the word after a token tells what a person does."""
    return at + 1 < len(words) and words[at + 1].key in _FOLLOWS


def _eponym(words: tuple[Token, ...], at: int) -> bool:
    before = words[at - 1].key if at else ""
    after = words[at + 1].key if at + 1 < len(words) else ""
    return terms.speaks_of_eponym(before, after)


def reach(words: tuple[Token, ...], at: int, language: str) -> int:
    """The index after the last token of the name that begins at `at`."""
    first = words[at]
    end = at + 1
    small = first.lower
    while end < len(words) and end - at < 2 * _LONGEST and not words[end - 1].owner:
        token, before = words[end], words[end - 1]
        gap = token.start - before.end
        if gap > 1 or token.line:
            break
        if (
            token.text in '"“”„'
            and end + 2 < len(words)
            and words[end + 2].text in '"”“'
            and words[end + 1].capital
        ):
            end += 3  # a nickname in quotation marks
        elif token.key in _PARTICLES and token.lower and gap and _particle(words, end, small):
            end += 1
        elif gap and len(token.text) == 1 and token.word and _stands_for_name(words, end, small):
            end += 1
            if end < len(words) and words[end].text == "." and words[end].start == words[end - 1].end:
                end += 1
                break
        elif gap and _continues(token, before, language, small):
            end += 1
        else:
            break
    return end


def _particle(words: tuple[Token, ...], at: int, small: bool) -> bool:
    """Whether a particle is followed by more of the name."""
    if words[at].key in _ARTICLES and words[at - 1].key not in _PARTICLES:
        return False
    for after in words[at + 1 : at + 4]:
        if after.key in _PARTICLES and after.lower:
            continue
        return after.capital or (
            small
            and after.word
            and "l" in after.flags
            and not cues.is_stop(after.key)
            and "w" not in after.flags
        )
    return False


def _stands_for_name(words: tuple[Token, ...], at: int, small: bool) -> bool:
    """Whether a single letter is an initial: not "K 6.8", not "a bed"."""
    letter = words[at].text
    after = words[at + 1] if at + 1 < len(words) else None
    dotted = after is not None and after.text == "." and after.start == words[at].end
    if small or letter.islower():
        return dotted and letter.islower()
    if after is None or dotted:
        return True
    return (
        not (after.number or after.text in "+-=<>/")
        and (letter not in "IA" or words[at - 1].upper)
        and (not after.lower or after.line)
    )


def _continues(token: Token, before: Token, language: str, small: bool) -> bool:
    """Whether a word goes on with a name."""
    if token.capital and token.key in _PARTICLES:
        return True
    if not token.word or len(token.text) < 2 or cues.is_stop(token.key) or token.is_term(language):
        return False
    if cues.cue(token.key, language) is Cue.KIN or (len(token.text) == 2 and cues.is_short_term(token.key)):
        return False
    named = "f" in token.flags or "l" in token.flags
    if token.lower:
        return small and token.is_name(language) and len(token.text) > 2
    if small:
        return False
    if token.upper and not before.upper:
        return (len(token.text) > 4 or "'" in token.text or "’" in token.text) and (
            named or not token.is_ordinary(language)
        )
    if token.upper:
        return not cues.is_short_term(token.key)
    given = before.is_given(language)
    if terms.is_only_eponym(token.key):
        return given
    if language == "de" and given and shaped(token) and not terms.is_clinical(token.key):
        return True
    if language == "de" and "d" in token.flags:
        return (named or "f" in before.flags) and not terms.is_clinical(token.key)
    return shaped(token) and (
        named
        or not token.is_ordinary(language)
        or (len(token.parts) > 1 and "w" not in flags(token.parts[-1]))
    )


def initials(words: tuple[Token, ...], at: int) -> int:
    """The index after initials such as "J.S.", "m.k.", "R.-M. D."; `at` if there are none."""
    end, letters = at, 0
    while (
        letters < _MOST_INITIALS
        and end + 1 < len(words)
        and len(words[end].text) == 1
        and words[end].word
        and words[end + 1].text == "."
    ):
        if words[end + 1].start != words[end].end or (letters and words[end].start - words[end - 1].end > 1):
            break
        if letters and words[end].text.islower() != words[at].text.islower():
            break
        letters += 1
        end += 2
        if end + 1 < len(words) and words[end].text == "-" and len(words[end + 1].text) == 1 and letters < 3:
            end += 1
    if letters and end < len(words) and is_initial(words, end) and words[end].start == words[end - 1].end:
        return end + 1  # "J.S" without the last dot
    return end if letters > 1 else at
