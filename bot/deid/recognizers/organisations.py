"""Named hospitals, practices and homes; employers, schools, clubs. Linear time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from bot.deid.lexicon import cues, terms
from bot.deid.lexicon.cues import Cue
from bot.deid.lexicon.sections import LANGUAGES, section
from bot.deid.lexicon.tokens import Token, begins, gap, is_mark, key_at, tokens
from bot.deid.lexicon.words import fold
from bot.deid.model import Hit, Kind, Source, Trust

_LISTED = Path(__file__).parents[1] / "lexicon" / "hospitals.txt"
_LONGEST = 6  # words of one organisation's name


def _set(words: str) -> frozenset[str]:
    return frozenset(map(fold, words.split()))


# What ends a name: "Tamarack Regional", "Galway Hospice", "Oakdale Elem".
_HEALTH = section("organisation ends health")
_OTHER = section("organisation ends other")
# What begins one: "Klinikum Fulda", "Spedition Krage", "Kita Pusteblume".
_HEALTH_FIRST = section("organisation begins health")
_OTHER_FIRST = section("organisation begins other")
_SMALL_HEALTH = _set("hospital hospice clinic surgery infirmary polyclinic")
_SAINTS = _set("st saint sankt san santa sainte")
_TAILS = ("krankenhaus", "klinikum", "spital", "hospital", "hospiz", "gymnasium", "schule", "klinik")
_GENERIC = section("organisation generic")
_JOINERS = section("organisation joiners")
_WORK = {language: section(f"organisation work {language}") for language in LANGUAGES}
_WORK_AT = section("organisation work at")
_AT = {language: section(f"organisation at {language}") for language in LANGUAGES}
_AT_CUES = {"en": ("at",), "de": ("im", "am", "ans"), "es": ("del",), "fr": ("au",)}
_KNOWN = section("organisation known")
_LABEL = section("organisation label")
_NO_PLACE = section("organisation no place")


@lru_cache(maxsize=1)
def _hospitals() -> tuple[frozenset[str], frozenset[str]]:
    """Abbreviations, and short names folded."""
    lines = _LISTED.read_text("utf-8").splitlines()
    words = [word for line in lines if not line.startswith("#") for word in line.split()]
    return frozenset(word for word in words if word.isupper()), frozenset(
        fold(word) for word in words if not word.isupper()
    )


@lru_cache(maxsize=8)
def _small(language: str) -> frozenset[str]:
    """The words that tell of an organisation even without a capital."""
    _short, long = _hospitals()
    owned = frozenset(word.removesuffix("s") for word in long)
    first = _HEALTH_FIRST | _OTHER_FIRST | {"university"}
    return _SMALL_HEALTH | first | _SAINTS | long | owned | _WORK[language] | _LABEL


def find(source: Source) -> Iterable[Hit]:
    """Hospitals, practices, homes, employers, schools and clubs that have a name."""
    words = source.once(tokens)
    small = _small(source.language)
    for at, token in enumerate(words):
        if not token.word or (token.lower and token.key not in small):
            continue
        for found in (
            _ended(words, at, source.language),
            _begun(words, at, source.language),
            _saint(words, at),
            _listed(words, at, source.language),
            _works(words, at, source.language),
            _at(words, at, source.language),
            _labelled(words, at),
        ):
            if found is not None:
                yield found


def _ended(words: tuple[Token, ...], at: int, language: str) -> Hit | None:
    """A run of capitalised words that ends with what organisations are: "Penrose Hospital", "Milton HS"."""
    token = words[at]
    if not (token.capital or token.upper):
        if (
            token.key in _SMALL_HEALTH
            and at
            and words[at - 1].capital
            and not terms.is_other(words[at - 1].key)
        ):
            return _run_before(words, at, Kind.HOSPITAL, Trust.SOFT, language, include=False)
        return None
    if (
        language == "de"
        and len(token.key) > 9
        and token.key.endswith(_TAILS)
        and token.key not in _GENERIC
        and "-" not in token.text[-8:]
    ):
        kind = Kind.ORG if token.key.endswith(("schule", "gymnasium")) else Kind.HOSPITAL
        head = (
            token.key.removesuffix("schule")
            .removesuffix("klinik")
            .removesuffix("krankenhaus")
            .removesuffix("spital")
            .rstrip("-")
        )
        if not terms.is_clinical(head):
            found = _run_before(words, at, kind, Trust.SOFT, language, include=True)
            return found or Hit(token.start, token.end, kind, Trust.SOFT, "organisation: compound")
    ending = Kind.HOSPITAL if token.key in _HEALTH else Kind.ORG if token.key in _OTHER else None
    if (
        ending is None
        or at == 0
        or (
            token.upper
            and len(token.text) < 3
            and token.key not in ("hs", "fc", "ag", "kg", "gh", "ed", "er")
        )
    ):
        return None
    if token.key in ("ed", "er", "a&e"):
        return None
    if token.key in (
        "general",
        "medical",
        "health",
        "high",
        "primary",
        "rest",
        "practice",
        "union",
        "nursing",
        "regional",
        "surgery",
        "imaging",
        "pathology",
        "radiology",
        "peds",
        "club",
        "yard",
        "girls",
        "boys",
    ):
        trust = Trust.SOFT
    else:
        trust = Trust.SURE
    return _run_before(words, at, ending, trust, language, include=True)


def _run_before(
    words: tuple[Token, ...], at: int, kind: Kind, trust: Trust, language: str, *, include: bool
) -> Hit | None:
    """The capitalised words before, over joining ones, and those of the organisation that follow."""
    start = at
    while start and at - start < _LONGEST and gap(words, start) <= 1 + 2 * words[start - 1].owner:
        before = words[start - 1]
        if (
            language == "de"
            and before.capital
            and (before.is_ordinary("de") or cues.cue(before.key, "de") is not Cue.NONE)
        ):
            break
        joined = before.text in "&.'-" or (
            before.lower and before.key in _JOINERS and start > 1 and words[start - 2].capital
        )
        if not (before.capital or before.upper or joined) or words[start].line:
            break
        if before.text == "." and not (start > 1 and words[start - 2].key in ("st", "mt", "ft", "dr")):
            break
        if (
            before.capital
            and (cues.is_stop(before.key) or cues.cue(before.key, "en") in (Cue.DOCTOR,))
            and before.key not in ("st", "new", "good", "great")
        ):
            break
        start -= 1
    while start < at and (
        words[start].text in "&.'-" or (words[start].lower and words[start].key in _JOINERS)
    ):
        start += 1
    if (
        start < at
        and begins(words, start)
        and "w" in words[start].flags
        and not ("l" in words[start].flags and at - start == 1)
        and at - start == 1
    ):
        return None
    named = [token for token in words[start:at] if token.word]
    if [token.key for token in named[-1:]] == ["royal"]:
        return None  # a college that writes guidelines
    if not named or all(
        terms.is_other(token.key) or token.key in _HEALTH or token.is_term("en") for token in named
    ):
        return None
    end = at + 1 if include else at
    while (
        include
        and end < len(words)
        and end - at < 4
        and words[end].capital
        and not words[end].line
        and (
            words[end].key in _HEALTH
            or words[end].key
            in ("center", "centre", "home", "group", "foundation", "system", "services", "care", "unit")
        )
    ):
        end += 1
    return Hit(words[start].start, words[end - 1].end, kind, trust, "organisation: suffix")


def _begun(words: tuple[Token, ...], at: int, language: str) -> Hit | None:
    """ "Klinikum Fulda", "Spedition Krage", "University of Iowa", "Hospital La Paz"."""
    token = words[at]
    kind = Kind.HOSPITAL if token.key in _HEALTH_FIRST else Kind.ORG if token.key in _OTHER_FIRST else None
    if token.key == "university" and at + 1 < len(words) and words[at + 1].key == "of":
        kind = Kind.ORG
    if kind is None or (language in ("en", "de") and not token.text[0].isupper()):
        return None
    if len(token.text) < 3 and (
        token.text.islower() or (token.key in ("ch", "h", "cs", "hu") and language == "de")
    ):
        return None
    end = at + 1
    last = at
    while (
        end < len(words)
        and end - at < _LONGEST
        and words[end].start - words[end - 1].end <= 1
        and not words[end].line
    ):
        after = words[end]
        if after.capital or (after.upper and len(after.text) > 2):
            if (cues.is_stop(after.key) and after.key not in ("la", "el", "am", "st")) or (
                language == "de"
                and "d" in after.flags
                and not {"l", "t", "f"} & set(after.flags)
                and last == at
                and token.key in ("praxis", "klinik", "schule", "spital", "krankenhaus")
            ):
                break
            last = end
        elif not (
            (after.lower and after.key in _JOINERS)
            or after.text in "-&"
            or (after.text == "." and words[end - 1].key in ("st", "dr", "prof"))
        ):
            break
        end += 1
    if last == at:
        return None
    first = token.start if language in ("de", "en") or token.text[0].isupper() else words[at + 1].start
    return Hit(
        first,
        words[last].end,
        kind,
        Trust.SURE if kind is Kind.HOSPITAL else Trust.SOFT,
        "organisation: prefix",
    )


def _saint(words: tuple[Token, ...], at: int) -> Hit | None:
    """ "St. Josef-Krankenhaus", "St Mary's", "st. e's"."""
    token = words[at]
    if token.key not in _SAINTS or at + 1 >= len(words):
        return None
    after = at + 1
    if words[after].text in ".-":
        after += 1
    if after >= len(words) or not words[after].word or words[after].start - words[after - 1].end > 1:
        return None
    name = words[after]
    if not (
        name.capital
        or name.owner
        or (token.lower and token.key == "st" and ("f" in name.flags) and words[after - 1].text == ".")
    ):
        return None
    if (
        (token.key in ("san", "santa") and not token.capital)
        or name.is_term("en")
        or (cues.is_stop(name.key) and not name.owner)
    ):
        return None
    end = name.end + 2 * name.owner
    last = after
    while (
        last + 1 < len(words)
        and last - after < 3
        and words[last + 1].capital
        and words[last + 1].key in _HEALTH | _OTHER
    ):
        last += 1
        end = words[last].end
    return Hit(
        token.start,
        end,
        Kind.HOSPITAL,
        Trust.SURE if name.owner or last > after else Trust.SOFT,
        "organisation: saint",
    )


def _listed(words: tuple[Token, ...], at: int, language: str) -> Hit | None:
    """An abbreviation or short name of the list, where a place is spoken of."""
    token = words[at]
    short, long = _hospitals()
    before = words[at - 1].key if at else ""
    cued = before in _AT[language] or before in ("the", "das", "le", "la", "el")
    follows = words[at + 1].key if at + 1 < len(words) else ""
    if terms.is_eponym(token.key) and before not in ("at", "im", "am", "from", "to"):
        return None
    if token.text in short and not (at + 1 < len(words) and words[at + 1].number and not cued):
        if cued or (len(token.text) > 2 and not cues.is_short_term(token.key)):
            return Hit(
                token.start,
                token.end,
                Kind.HOSPITAL,
                Trust.SURE if cued else Trust.SOFT,
                "organisation: listed",
            )
        return None
    if token.key in long or (token.owner and f"{token.key}s" in long):
        if (
            token.capital
            and (cued or not token.is_ordinary("en"))
            and not terms.speaks_of_eponym("", follows)
        ):
            return Hit(
                token.start,
                token.end + 2 * token.owner,
                Kind.HOSPITAL,
                Trust.SURE if cued else Trust.SOFT,
                "organisation: listed",
            )
        if token.lower and cued and before in ("at", "im", "am") and not token.is_ordinary("en"):
            return Hit(token.start, token.end, Kind.HOSPITAL, Trust.SURE, "organisation: listed")
    return None


def _works(words: tuple[Token, ...], at: int, language: str) -> Hit | None:
    """After "works at", "arbeitet bei", "goes to": employers, schools, clubs."""
    if words[at].key not in _WORK[language]:
        return None
    after = at + 1
    seen = False
    for _ in range(6):
        if after < len(words) and not words[after].line and words[after].lower:
            seen = seen or words[after].key in _WORK_AT
            after += 1
    if (
        not seen
        or after >= len(words)
        or not (words[after].capital or words[after].upper)
        or words[after - 1].key not in _WORK_AT | {"the"}
    ):
        return None
    if words[after].is_term(language) or (
        language == "de" and "d" in words[after].flags and not {"f", "l"} & set(words[after].flags)
    ):
        return None
    end = after + 1
    while (
        end < len(words)
        and end - after < _LONGEST
        and words[end].start - words[end - 1].end <= 1
        and not words[end].line
    ):
        token = words[end]
        joined = token.text in "&-" or (token.lower and token.key in ("of", "de", "und", "and"))
        following = end + 1 < len(words) and words[end + 1].capital
        if not (token.capital or token.upper or (joined and following)) or (
            cues.is_stop(token.key) and not joined
        ):
            break
        end += 1
    return Hit(
        words[after].start,
        words[end - 1].end + 2 * words[end - 1].owner,
        Kind.ORG,
        Trust.SURE,
        "organisation: work",
    )


def _at(words: tuple[Token, ...], at: int, language: str) -> Hit | None:
    """After "at" and "im": an abbreviation, a word that is no ordinary one, or capitals side by side."""
    token = words[at]
    before = key_at(words, at - 1)
    article = before in ("the", "das")
    if article and language == "en":
        before = key_at(words, at - 2)
    if before not in _AT_CUES[language] or token.key in _NO_PLACE:
        return None
    if token.is_term(language) or cues.is_stop(token.key) or terms.is_eponym(token.key):
        return None
    if token.upper and (article or len(token.text) > 2) and len(token.text) < 6:
        if cues.is_short_term(token.key) or (at + 1 < len(words) and words[at + 1].number):
            return None
        return Hit(token.start, token.end, Kind.HOSPITAL, Trust.SOFT, "organisation: at")
    end = _capitals(words, at)
    several = language == "en" and end - at > 1 and not words[end - 1].is_term(language)
    if token.capital and (not token.is_ordinary(language) or several):
        return Hit(token.start, words[end - 1].end, Kind.HOSPITAL, Trust.SOFT, "organisation: at")
    return None


def _capitals(words: tuple[Token, ...], at: int) -> int:
    """The index after the capitalised words that begin here."""
    end = at + 1
    while end < len(words) and end - at < _LONGEST and gap(words, end) == 1 and not words[end].line:
        if not (words[end].capital or words[end].upper) or cues.is_stop(words[end].key):
            break
        end += 1
    return end


def _labelled(words: tuple[Token, ...], at: int) -> Hit | None:
    """After "Loc:", "Hospital:", "Employer:" in pasted headers; chains that everybody knows."""
    token = words[at]
    if token.key in _KNOWN and token.capital and not (begins(words, at) and "w" in token.flags):
        end = _capitals(words, at) if token.key in ("rite", "whole") else at + 1
        return Hit(token.start, words[end - 1].end, Kind.ORG, Trust.SOFT, "organisation: known")
    if token.key not in _LABEL or not is_mark(words, at + 1, ":") or at + 2 >= len(words):
        return None
    first = words[at + 2]
    if first.line or not (first.capital or (first.upper and not cues.is_short_term(first.key))):
        return None
    if cues.is_stop(first.key) or (first.capital and first.is_term("en")):
        return None
    kind = Kind.ORG if token.key in ("employer", "school", "arbeitgeber", "schule") else Kind.HOSPITAL
    return Hit(first.start, words[_capitals(words, at + 2) - 1].end, kind, Trust.SURE, "organisation: label")
