"""Text that exists twice: plain for any client and screen readers, HTML for those that show it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from urllib.parse import quote

_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
_CODE = re.compile(r"`([^`\n]{1,200})`")
_VALUE = re.compile("\ue000([0-9]+)\ue001")


@dataclass(frozen=True)
class Rich:
    """A piece of text in both forms."""

    plain: str
    html: str

    def __add__(self, other: Rich) -> Rich:
        return Rich(self.plain + other.plain, self.html + other.html)

    def __bool__(self) -> bool:
        return bool(self.plain)


def verbatim(text: str) -> Rich:
    """What a person wrote, as it is: nothing in it is markup."""
    return Rich(text, html.escape(text).replace("\n", "<br>"))


def markup(template: str, **values: object) -> Rich:
    """Fill a template of ours: `**bold**`, `` `code` `` and line breaks are markup, values never are."""
    plain, text, names = _read(template)
    pieces = [
        value if isinstance(value, Rich) else verbatim(str(value))
        for value in (values[name] for name in names)
    ]
    return Rich(
        _VALUE.sub(lambda match: pieces[int(match[1])].plain, plain),
        _VALUE.sub(lambda match: pieces[int(match[1])].html, text),
    )


def names_in(template: str) -> tuple[str, ...]:
    """The names of the values that a template takes."""
    return _read(template)[2]


@lru_cache(maxsize=4096)
def _read(template: str) -> tuple[str, str, tuple[str, ...]]:
    """A template of ours, plain and as HTML, and the names of its values, for which marks stand in it."""
    names: list[str] = []
    marked = []
    for literal, name, _spec, _conversion in Formatter().parse(template):
        marked.append(literal)
        if name is not None:
            # A private-use character stands for the value while the template's own markup is read.
            marked.append(f"\ue000{len(names)}\ue001")
            names.append(name)
    text = "".join(marked)
    plain = _CODE.sub(r"\1", _BOLD.sub(r"\1", text))
    text = html.escape(text, quote=False).replace("\n", "<br>")
    text = _CODE.sub(r"<code>\1</code>", _BOLD.sub(r"<strong>\1</strong>", text))
    return plain, text, tuple(names)


def lines(parts: Iterable[Rich]) -> Rich:
    """One below the other."""
    kept = [part for part in parts if part]
    return Rich("\n".join(part.plain for part in kept), "<br>".join(part.html for part in kept))


def joined(parts: Iterable[Rich], between: str) -> Rich:
    """One after the other."""
    kept = [part for part in parts if part]
    return Rich(
        between.join(part.plain for part in kept), html.escape(between).join(part.html for part in kept)
    )


def code(text: str) -> Rich:
    """Something to be typed as it stands."""
    return Rich(text, f"<code>{html.escape(text)}</code>")


def bullets(parts: Iterable[Rich]) -> Rich:
    """A list."""
    kept = [part for part in parts if part]
    if not kept:
        return Rich("", "")
    items = "".join(f"<li>{part.html}</li>" for part in kept)
    return Rich("\n".join(f"• {part.plain}" for part in kept), f"<ul>{items}</ul>")


def mention(user_id: str, name: str | None = None) -> Rich:
    """A person: their name where it is known, linked as Matrix clients expect (C-S API, user mentions)."""
    shown = name or user_id
    return Rich(shown, f'<a href="{_matrix_to(user_id)}">{html.escape(shown)}</a>')


def room_link(room_id: str, shown: str, via: Iterable[str] = ()) -> Rich:
    """A link that opens a room in any Matrix client."""
    query = "&".join(f"via={quote(server, safe=':[]')}" for server in via)
    url = _matrix_to(room_id) + (f"?{query}" if query else "")
    return Rich(f"{shown}: {url}", f'<a href="{html.escape(url)}">{html.escape(shown)}</a>')


def event_link(room_id: str, event_id: str, shown: str, via: Iterable[str] = ()) -> Rich:
    """A link that opens a room at one of its events in any Matrix client."""
    query = "&".join(f"via={quote(server, safe=':[]')}" for server in via)
    url = f"{_matrix_to(room_id)}/{quote(event_id, safe='$:-_')}" + (f"?{query}" if query else "")
    return Rich(f"{shown}: {url}", f'<a href="{html.escape(url)}">{html.escape(shown)}</a>')


def _matrix_to(identifier: str) -> str:
    return "https://matrix.to/#/" + quote(identifier, safe="@:!#$", errors="replace")
