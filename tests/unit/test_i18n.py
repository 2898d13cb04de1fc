"""The catalogues are complete: every text that people see exists in every language shipped."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from bot.chat.i18n import LANGUAGES, Texts
from bot.chat.store import Person

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "bot", ROOT / "bridges"]
OPERATORS = {"cli", "dev"}  # they speak to operators, in English
ENGINE = ROOT / "bot" / "deid"  # it speaks to nobody
TRANSLATED = sorted(code for code in LANGUAGES if code != "en")

# Which arguments of a call are message ids: by place and by name.
_CALLS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "t": ((0,), ()),
    "say": ((0,), ()),
    "message_id": ((0,), ()),
    "plural": ((0, 1), ()),
    "Misunderstood": ((0,), ()),
    "Command": ((1,), ("help", "details", "group")),
    "Arg": ((2,), ("prompt",)),
}
_MAKERS = {"translator", "house_translator", "Translator"}


def modules() -> dict[Path, ast.Module]:
    files = [
        file
        for folder in FOLDERS
        for file in folder.rglob("*.py")
        if file.parent.name not in OPERATORS and not file.is_relative_to(ENGINE)
    ]
    return {file: ast.parse(file.read_text("utf-8"), str(file)) for file in files}


MODULES = modules()


def name_of(node: ast.expr | None) -> str:
    """The last name of an expression: `t` of `self.t`, `translator` of `await desk.translator(…)`."""
    if isinstance(node, ast.Await):
        node = node.value
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def translators(tree: ast.Module) -> set[str]:
    """Names in a module that hold a translator."""
    names = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, (ast.Call, ast.Await))
            and name_of(node.value) in _MAKERS
        ):
            names |= {name_of(target) for target in node.targets}
        if isinstance(node, ast.arg) and name_of(node.annotation) == "Translator":
            names.add(node.arg)
    return names


def constants() -> dict[str, ast.expr]:
    """The module-level constants by name: tables of message ids among them."""
    found: dict[str, ast.expr] = {}
    for tree in MODULES.values():
        for node in tree.body:
            if isinstance(node, ast.Assign):
                found |= {name_of(target): node.value for target in node.targets}
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                found[name_of(node.target)] = node.value
    return found


CONSTANTS = constants()


def texts_in(node: ast.expr | None) -> Iterator[str]:
    """The message ids that an argument may be: a text, a choice of two, or any value of a constant table."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts_in(node.body)
        yield from texts_in(node.orelse)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from texts_in(value)
    elif isinstance(node, (ast.Tuple, ast.List)):
        for value in node.elts:
            yield from texts_in(value)
    elif isinstance(node, ast.Subscript):
        yield from texts_in(node.value)
    elif isinstance(node, ast.Name) and node.id.lstrip("_").isupper():
        yield from texts_in(CONSTANTS.get(node.id))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        yield from texts_in(node.func.value)


def message_ids(tree: ast.Module) -> set[str]:
    """Every message id that a module uses."""
    calls = {**_CALLS, **dict.fromkeys(translators(tree), ((0,), ()))}
    found: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        places, names = calls.get(name_of(node.func), ((), ()))
        for place in places:
            found.update(*[texts_in(node.args[place])] if place < len(node.args) else [])
        for keyword in node.keywords:
            if keyword.arg in names or (name_of(node.func) == "Choice" and keyword.arg == "labels"):
                found.update(texts_in(keyword.value))
    return found - {""}


def placeholders(text: str) -> set[str]:
    return {name for _literal, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}


USED = {text: file for file, tree in MODULES.items() for text in message_ids(tree)}
WRITTEN = {
    node.value
    for tree in MODULES.values()
    for node in ast.walk(tree)
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
}


def catalogues(language: str) -> Iterator[tuple[Path, list[tuple[str, str, bool]]]]:
    """Each catalogue of a language with its entries: message id, translation, whether it is fuzzy."""
    for folder in FOLDERS:
        for file in folder.rglob(f"{language}.po"):
            entries = []
            with file.open("rb") as source:
                for message in read_po(source, locale=language):
                    ids = message.id if isinstance(message.id, (list, tuple)) else [message.id]
                    said = message.string if isinstance(message.string, (list, tuple)) else [message.string]
                    both = zip(ids, said, strict=True)
                    entries += [(str(one), str(other), message.fuzzy) for one, other in both if one]
            yield file, entries


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated(language: str) -> None:
    known = {one for _file, entries in catalogues(language) for one, other, _fuzzy in entries if other}
    missing = sorted(f"{file.relative_to(ROOT)}: {text}" for text, file in USED.items() if text not in known)
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("language", TRANSLATED)
def test_placeholders_and_markup_agree(language: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {one}"
        for file, entries in catalogues(language)
        for one, other, _fuzzy in entries
        if placeholders(one) != placeholders(other)
        or any(one.count(mark) != other.count(mark) for mark in ("`", "**"))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_entry_is_fuzzy_or_left_over(language: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {one}"
        for file, entries in catalogues(language)
        for one, _other, fuzzy in entries
        if fuzzy or one not in WRITTEN
    ]
    assert not wrong, "\n".join(wrong)


def test_a_translator_speaks_and_tells_the_time() -> None:
    texts = Texts(sorted(folder for root in FOLDERS for folder in root.rglob("locale")))
    german = texts.translator(Person("@anna:north.example", "de", "Europe/Berlin"))
    english = texts.translator(Person("@anna:north.example", "tlh", "Europe/London"))
    morning = datetime(2026, 11, 21, 8, 5, tzinfo=UTC)
    assert english("your language and time zone").plain == "your language and time zone"
    assert german("your language and time zone").plain == "Ihre Sprache und Zeitzone"
    assert german("A text that nobody translated").plain == "A text that nobody translated"
    assert german("").plain == ""
    assert german.time(morning, morning) == "09:05"
    assert german.time(morning, morning - timedelta(days=1)) == "Sa. 21. Nov., 09:05"
    assert english.time(morning, morning - timedelta(days=1)) == "Sat 21 Nov, 8:05\u202fAM".replace(
        "\u202f", " "
    )
    assert german.span(timedelta(minutes=10)) == "10 Minuten"
    assert german.plural("{number} text", "{number} texts", 2).plain == "2 texts"
