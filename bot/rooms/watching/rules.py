"""What of a message is looked at, and which finds count in a live room. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.deid.model import Kind, Span

_TEXTS = frozenset({"m.text", "m.notice", "m.emote"})
_FILES = frozenset({"m.image", "m.file", "m.video", "m.audio"})
_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"<(?:br|/p|/li|/h\d|/div|/tr)[^<>]*>", re.IGNORECASE)
# Everyday talk among colleagues: their own names and hospitals, a guideline's address.
_TALK = frozenset({Kind.CLINICIAN, Kind.HOSPITAL, Kind.ORG, Kind.PLACE, Kind.URL, Kind.IP, Kind.HANDLE})


@dataclass(frozen=True)
class Words:
    """What a message says: `shown` is what people read, `beside` what stands there too (a file's name, HTML).

    `is_file` says that it comes with a file, `is_edit` that it takes the place of an earlier one.
    """

    shown: str = field(repr=False)
    beside: tuple[str, ...] = field(default=(), repr=False)
    is_file: bool = False
    is_edit: bool = False

    @property
    def all(self) -> tuple[str, ...]:
        """Everything to be looked at."""
        return tuple(text for text in (self.shown, *self.beside) if text.strip())


def words_of(event: Mapping[str, Any], without_quote: Callable[[str], str]) -> Words | None:
    """What a room event says, an edit's new words; None if it is a bot's, removed, or says nothing.

    `without_quote` drops what older clients quote of the message that one replies to.
    """
    content = _table(event.get("content"))
    if event.get("type") != "m.room.message" or "state_key" in event or "org.curbside" in content:
        return None
    is_edit = _table(content.get("m.relates_to")).get("rel_type") == "m.replace"
    said = _table(content.get("m.new_content")) if is_edit else content
    body, kind = _text(said.get("body")), said.get("msgtype")
    formatted = _plain(_text(said.get("formatted_body")))
    if kind in _TEXTS:
        shown = without_quote(body)
        beside = () if _squeezed(formatted) == _squeezed(shown) else (formatted,)
        found = Words(shown, beside, is_edit=is_edit)
    elif kind in _FILES:
        # Without a `filename`, the body is one (C-S API v1.10, "Media captions").
        name = _text(said.get("filename"))
        caption = body if name and body != name else ""
        found = Words(caption, (_spaced(name or body), formatted), is_file=True, is_edit=is_edit)
    else:
        return None
    return found if found.all else None


def counted(spans: Iterable[Span]) -> tuple[Kind, ...]:
    """The kinds of identifiers for which a message is removed, each once."""
    return tuple(dict.fromkeys(Kind(span.kind) for span in spans if span.kind not in _TALK))


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _plain(formatted: str) -> str:
    """The words of an HTML body; in linear time, whatever stands there."""
    before, opened, quoted = formatted.partition("<mx-reply>")
    _quote, closed, after = quoted.partition("</mx-reply>")
    if opened and closed:
        formatted = before + after
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", formatted))).strip()


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _spaced(name: str) -> str:
    """A file's name as words: `keller_mrn_0815.pdf`."""
    return re.sub(r"[_.\-]+", " ", name)
