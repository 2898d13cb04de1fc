"""What of a message is looked at, and which finds count in a live room. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.deid.model import Kind, Span

_TEXTS = frozenset({"m.text", "m.notice", "m.emote"})
_FILES = frozenset({"m.image", "m.file", "m.video", "m.audio"})
_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"<(?:br|/p|/li|/h\d|/div|/tr|/blockquote)[^<>]*>", re.IGNORECASE)
_QUOTE_MARK = re.compile(r"^> ?", re.MULTILINE)
# Where events hold what people read, at whatever depth: messages, stickers and files (C-S API), polls
# (MSC3381), places (MSC3488), extensible texts (MSC1767).
_PLAIN = frozenset({"body", "description", "filename", "name", "m.text", "org.matrix.msc1767.text"})
_HTML = frozenset({"formatted_body", "m.html", "org.matrix.msc1767.html"})
# Everyday talk among colleagues: their own names and hospitals, a guideline's address.
_TALK = frozenset({Kind.CLINICIAN, Kind.HOSPITAL, Kind.ORG, Kind.PLACE, Kind.URL, Kind.IP, Kind.HANDLE})


@dataclass(frozen=True)
class Words:
    """What a message says: `shown` is what its author may post again, without identifiers.

    `beside` is what stands there too (a file's name, HTML, all of a poll), `quoted` what it repeats of the
    message that it replies to. `is_file` says that it comes with a file, `is_edit` that it takes the place of
    an earlier one.
    """

    shown: str = field(default="", repr=False)
    beside: tuple[str, ...] = field(default=(), repr=False)
    quoted: tuple[str, ...] = field(default=(), repr=False)
    is_file: bool = False
    is_edit: bool = False

    @property
    def all(self) -> tuple[str, ...]:
        """Everything to be looked at."""
        return tuple(text for text in (self.shown, *self.beside, *self.quoted) if text.strip())


def words_of(event: Mapping[str, Any], without_quote: Callable[[str], str]) -> Words | None:
    """What a room event says, an edit's new words; None if it is state, removed, or says nothing.

    Only texts and captions can be posted again: of a poll, a sticker, a place, or what we do not know,
    nothing is `shown`. `without_quote` drops what older clients quote of the message that one replies to.
    """
    content = _table(event.get("content"))
    if "state_key" in event:
        return None
    relation = _table(content.get("m.relates_to"))
    is_edit = relation.get("rel_type") == "m.replace"
    said = _table(content.get("m.new_content")) if is_edit else content
    kind = _text(said.get("msgtype")) if event.get("type") == "m.room.message" else ""
    body, shown, name = _text(said.get("body")), "", ""
    if kind in _TEXTS:
        shown = without_quote(body) if "m.in_reply_to" in relation else body
    elif kind in _FILES:
        # Without a `filename`, the body is one (C-S API v1.10, "Media captions").
        name = _text(said.get("filename")) or body
        shown = "" if body == name else body
    beside: list[str] = []
    quoted: list[str] = []
    seen = {"", _squeezed(shown)}
    if shown != body and kind in _TEXTS:
        quoted.append(_QUOTE_MARK.sub("", body.removesuffix(shown)))
        seen.add(_squeezed(body))
    for text, quote in _texts(content):
        for part, parts in ((text, beside), (quote, quoted)):
            if _squeezed(part) not in seen:
                seen.add(_squeezed(part))
                parts.append(_spaced(part) if part == name else part)
    found = Words(shown, tuple(beside), tuple(quoted), is_file=kind in _FILES, is_edit=is_edit)
    return found if found.all else None


def counted(spans: Iterable[Span]) -> tuple[Kind, ...]:
    """The kinds of identifiers for which a message is removed, each once."""
    return tuple(dict.fromkeys(Kind(span.kind) for span in spans if span.kind not in _TALK))


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object, key: str = "", *, is_html: bool = False) -> Iterator[tuple[str, str]]:
    """The known texts of a content, each with what it quotes; clients nest those of polls and places."""
    if isinstance(value, str):
        if key in _HTML or (is_html and key in _PLAIN):
            yield _plain(value)
        elif key in _PLAIN:
            yield value, ""
    elif isinstance(value, Mapping):
        is_html = value.get("mimetype") == "text/html"
        for name, inside in value.items():
            yield from _texts(inside, name, is_html=is_html)
    elif isinstance(value, list):
        for inside in value:
            yield from _texts(inside, key)


def _plain(formatted: str) -> tuple[str, str]:
    """The words of an HTML body, and those it quotes; in linear time, whatever stands there."""
    before, opened, quoted = formatted.partition("<mx-reply>")
    quote, closed, after = quoted.partition("</mx-reply>")
    if opened and closed:
        return _untagged(before + after), _untagged(quote)
    return _untagged(formatted), ""


def _untagged(formatted: str) -> str:
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", formatted))).strip()


def _squeezed(text: str) -> str:
    """A text as it is compared: without spaces, and without the star that stands before an edit."""
    return "".join(text.split()).removeprefix("*")


def _spaced(name: str) -> str:
    """A file's name as words: `keller_mrn_0815.pdf`."""
    return re.sub(r"[_.\-]+", " ", name)
