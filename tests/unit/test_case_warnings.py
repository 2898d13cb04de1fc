"""Every reason for which something may still identify somebody has a text, in both languages."""

import pytest

from bot.cases import CASES
from bot.cases.drafting import views
from bot.cases.model import Shown
from bot.chat.i18n import Texts, Translator
from bot.chat.store import Person
from bot.deid import quasi, quasiwords

OTHERS = ("restored",)  # of the author’s own corrections


def translator(language: str) -> Translator:
    assert CASES.locale is not None
    return Texts([CASES.locale]).translator(Person("@eve:hs", language, "UTC"))


def said(reason: str, language: str) -> str:
    (line,) = views.warnings(translator(language), Shown("…", "en", warnings=((reason, "words"),)))
    return line.plain


def test_the_word_lists_have_no_reason_that_is_not_declared() -> None:
    assert {reason for words in quasiwords.ALL.values() for reason in words} <= set(quasi.REASONS)


@pytest.mark.parametrize("reason", [*quasi.REASONS, *OTHERS])
def test_every_reason_has_a_text_of_its_own(reason: str) -> None:
    assert said(reason, "en") != said("", "en")
    assert said(reason, "de") not in (said("", "de"), said(reason, "en"))
