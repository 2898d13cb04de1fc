"""Pictures for a phone: a table (a week's rota) and charts, as PNG. The text beside them says the same.

Colours are Okabe and Ito's, which people with any colour vision tell apart (jfly.uni-koeln.de/color, 2008);
no meaning is in a colour alone. matplotlib is imported when the first picture is drawn, in a thread, and a
picture takes part of a second: never draw in a transaction, but order the picture (`bot.chat.filing`).
"""

from __future__ import annotations

import asyncio
import io
import logging
import struct
import threading
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bot.chat.attachment import Attachment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

_DPI = 100
_LEAST, _MOST = 1000, 2600  # pixels across: a phone in hand, and what one can still zoom into
_LONGEST = 6000  # pixels down; Element shows no longer picture whole
_MOST_ROWS = 120
_TEXT, _TITLE = 21.0, 27.0  # points at 100 dpi: 2.5 mm on a phone 65 mm wide
_LINE = 1.32  # of a letter's height
_PAD = 14
_COLUMN = 430  # pixels that a column takes at most before its text is broken
_LONGEST_TEXT = 160  # characters, of anything
_LINES = 4  # in a cell; what is longer ends in an ellipsis
_INK, _PALE, _RULE, _HEAD = "#1a1a1a", "#f3f5f7", "#c9d1d8", "#0b4f7a"
_SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
_HATCHES = ("", "//", "..", "xx", "\\\\", "--")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DRAWING = threading.Lock()  # matplotlib's caches of fonts are not made for several threads


class Tone(StrEnum):
    """What a cell is, beside its text."""

    PLAIN = "plain"
    NOW = "now"
    CHANGED = "changed"
    WARNING = "warning"
    QUIET = "quiet"


_TONES = {
    Tone.PLAIN: (None, _INK, "normal"),
    Tone.NOW: ("#cfe8f7", _INK, "bold"),
    Tone.CHANGED: ("#fbeccb", _INK, "normal"),
    Tone.WARNING: ("#f6d3c1", "#8a2c00", "bold"),
    Tone.QUIET: (None, "#5d6770", "normal"),
}


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    tone: Tone = Tone.PLAIN


def picture(name: str, png: bytes) -> Attachment:
    """A PNG as a file to people, with its size in pixels (PNG specification, 11.2.2: IHDR)."""
    width, height = struct.unpack(">II", png[16:24])
    return Attachment(name, "image/png", png, width, height)


async def table_png(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Cell]], *, note: str = ""
) -> bytes:
    """Draw a table: the first column leads, long texts are broken. At most 120 rows; `note` stands below.

    Letters that no font here has become □, other signs without a glyph are left out.
    """
    return await asyncio.to_thread(_draw, _table, title, columns, rows, note)


async def chart_png(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    form: Literal["bar", "line"] = "bar",
    write: Callable[[float], str] = "{:g}".format,
    logarithmic: bool = False,
    note: str = "",
) -> bytes:
    """Draw a chart: for each label one value of every series, None where there is none.

    Bars lie, the first label on top; lines run over the labels. `write` puts a value into words; it and
    the axis agree. `logarithmic` is for values that span minutes and days, and shows only those above 0.
    """
    return await asyncio.to_thread(_draw, _chart, title, labels, series, form, write, logarithmic, note)


def _draw(drawing: Callable[..., Figure], *arguments: Any) -> bytes:
    with _DRAWING:
        # What a library has to say about fonts is of no use to an operator.
        logging.getLogger("matplotlib").setLevel(logging.CRITICAL)
        figure = drawing(*arguments)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
        return out.getvalue()


# Fonts ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _fonts() -> tuple[Path, Path, frozenset[int]]:
    """DejaVu Sans, which comes with matplotlib, upright and bold; the signs that it has."""
    import matplotlib
    from matplotlib.ft2font import FT2Font

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    upright, bold = folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf"
    both = FT2Font(str(upright)).get_charmap().keys() & FT2Font(str(bold)).get_charmap().keys()
    return upright, bold, frozenset(both)


@lru_cache(maxsize=8)
def _font(size: float, weight: str = "normal") -> FontProperties:
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=str(_fonts()[weight == "bold"]), size=size * 72 / _DPI)


def shown(text: str) -> str:
    """A text as it can be drawn: composed, in one line, without signs that the font lacks."""
    known = _fonts()[2]
    drawn = []
    for char in unicodedata.normalize("NFC", " ".join(text[: 4 * _LONGEST_TEXT].split())):
        category = unicodedata.category(char)
        if ord(char) in known and category[0] != "C":
            drawn.append(char)
        elif category[0] in "LN":  # a name must not vanish: an empty cell would read as "nobody"
            drawn.append("□")
    text = " ".join("".join(drawn).split())
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


@lru_cache(maxsize=4096)
def _width(text: str, size: float, weight: str = "normal") -> float:
    """How wide a text is, in pixels."""
    from matplotlib.textpath import text_to_path

    width, _height, _descent = text_to_path.get_text_width_height_descent(
        text, _font(size, weight), ismath=False
    )
    return float(width) * _DPI / 72


def _width_to(text: str, size: float, weight: str, end: int) -> float:
    return _width(text[:end], size, weight)


def _broken(text: str, room: float, size: float, weight: str = "normal") -> list[str]:
    """A text in lines of at most so many pixels, broken at spaces or, if it must be, in a word."""
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}".strip()
        if _width(longer, size, weight) <= room:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while len(line) > 1 and _width(line, size, weight) > room:
            cut = max(1, bisect_right(range(1, len(line)), room, key=partial(_width_to, line, size, weight)))
            lines.append(line[:cut])
            line = line[cut:]
    lines.append(line)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], lines[_LINES - 1].rstrip()[:-1] + "…"]
    return lines


# Tables --------------------------------------------------------------------------------------------


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty picture of so many pixels, with the origin in its upper left corner."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    return figure, axes


def _put(axes: Axes, x: float, y: float, text: str, size: float, color: str, weight: str = "normal") -> None:
    axes.text(x, y, text, fontproperties=_font(size, weight), color=color, va="top", parse_math=False)


def _box(axes: Axes, x: float, y: float, width: float, height: float, color: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), width, height, facecolor=color, edgecolor="none", linewidth=0))


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Cell]], note: str) -> Figure:
    head = [Cell(shown(one)) for one in columns]
    body = [
        [
            Cell(shown(one), Tone.PLAIN) if isinstance(one, str) else Cell(shown(one.text), one.tone)
            for one in row
        ]
        for row in rows[:_MOST_ROWS]
    ]
    body = [[*row, *[Cell("")] * (len(head) - len(row))][: len(head)] for row in body]
    widths = _column_widths([head, *body])
    total = sum(widths)
    step = _TEXT * _LINE
    grid = [
        [_broken(cell.text, width - 2 * _PAD, _TEXT, _weight(cell, place)) for place, (cell, width) in
         enumerate(zip(row, widths, strict=True))]
        for row in [head, *body]
    ]  # fmt: skip
    heights = [max(len(lines) for lines in row) * step + 2 * _PAD for row in grid]
    titles = _broken(shown(title), total - 2 * _PAD, _TITLE, "bold")
    notes = _broken(shown(note), total - 2 * _PAD, _TEXT * 0.85) if note else []
    top = len(titles) * _TITLE * _LINE + 2 * _PAD
    below = len(notes) * _TEXT * 0.85 * _LINE + (2 * _PAD if notes else 0)
    figure, axes = _canvas(total, min(_LONGEST, top + sum(heights) + below))
    for number, line in enumerate(titles):
        _put(axes, _PAD, _PAD + number * _TITLE * _LINE, line, _TITLE, _INK, "bold")
    y = top
    for index, (row, lines, height) in enumerate(zip([head, *body], grid, heights, strict=True)):
        _box(axes, 0, y, total, height, _HEAD if index == 0 else _PALE if index % 2 == 0 else "white")
        x = 0.0
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            fill, ink, _ = _TONES[cell.tone]
            if fill is not None:
                _box(axes, x + 2, y + 2, width - 4, height - 4, fill)
            for number, line in enumerate(lines[place]):
                color = "white" if index == 0 else ink
                weight = "bold" if index == 0 else _weight(cell, place)
                _put(axes, x + _PAD, y + _PAD + number * step, line, _TEXT, color, weight)
            x += width
        y += height
        _box(axes, 0, y - 1, total, 1, _RULE)
    for number, line in enumerate(notes):
        _put(axes, _PAD, y + _PAD + number * _TEXT * 0.85 * _LINE, line, _TEXT * 0.85, "#5d6770")
    return figure


def _weight(cell: Cell, place: int) -> str:
    return "bold" if place == 0 else _TONES[cell.tone][2]


def _column_widths(rows: Sequence[Sequence[Cell]]) -> list[float]:
    """Wide enough for their texts, up to a point; together neither narrower nor wider than can be read."""
    wanted = []
    for place in range(len(rows[0])):
        widest = max(_width(row[place].text, _TEXT, "bold") for row in rows)
        wanted.append(min(widest, _COLUMN) + 2 * _PAD + 2)
    total = sum(wanted)
    scale = min(max(total, _LEAST), _MOST) / total
    return [float(round(width * scale)) for width in wanted]


# Charts --------------------------------------------------------------------------------------------


def _chart(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    form: str,
    write: Callable[[float], str],
    logarithmic: bool,
    note: str,
) -> Figure:
    names = [shown(label) for label in labels]
    titles = _broken(shown(title), _LEAST - 2 * _PAD, _TITLE, "bold")
    notes = _broken(shown(note), _LEAST - 2 * _PAD, _TEXT * 0.85) if note else []
    top = len(titles) * _TITLE * _LINE + 2 * _PAD + 50  # and the legend
    below = len(notes) * _TEXT * 0.85 * _LINE + 62  # and the axis
    plot = 520.0 if form == "line" else max(220.0, len(names) * (len(series) * 40 + 30))
    height = min(_LONGEST, top + plot + below)
    figure, axes = _canvas(_LEAST, height)
    for number, line in enumerate(titles):
        _put(axes, _PAD, _PAD + number * _TITLE * _LINE, line, _TITLE, _INK, "bold")
    for number, line in enumerate(notes):
        y = height - below + 62 + number * _TEXT * 0.85 * _LINE - _PAD
        _put(axes, _PAD, y, line, _TEXT * 0.85, "#5d6770")
    left = min(360.0, max((_width(name, _TEXT) for name in names), default=0.0)) + 2 * _PAD
    if form == "line":
        left = 110.0
    frame = figure.add_axes(
        (left / _LEAST, below / height, (_LEAST - left - 110) / _LEAST, plot / height), facecolor="white"
    )
    for side in ("top", "right"):
        frame.spines[side].set_visible(False)
    drawn = {shown(name): [_positive(one, logarithmic) for one in values] for name, values in series.items()}
    (_lines if form == "line" else _bars)(frame, names, drawn, write, logarithmic)
    if len(drawn) > 1:
        frame.legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(drawn), frameon=False, prop=_font(_TEXT)
        )
    return figure


def _positive(value: float | None, logarithmic: bool) -> float | None:
    return None if value is None or (logarithmic and value <= 0) else float(value)


def _bars(
    frame: Axes,
    names: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    write: Callable[[float], str],
    logarithmic: bool,
) -> None:
    thick = 0.8 / max(1, len(series))
    if logarithmic:
        frame.set_xscale("log")
    for number, values in enumerate(series.values()):
        places = [index - 0.4 + thick * (number + 0.5) for index in range(len(names))]
        frame.barh(
            places, [value or 0 for value in values], thick * 0.92, color=_SERIES[number % len(_SERIES)],
            hatch=_HATCHES[number % len(_HATCHES)], edgecolor="white", label=list(series)[number],
        )  # fmt: skip
        for place, value in zip(places, values, strict=True):
            if value is not None:
                frame.annotate(
                    shown(write(value)), (value, place), (7, 0), textcoords="offset points", va="center",
                    fontproperties=_font(_TEXT * 0.9), color=_INK, parse_math=False, annotation_clip=False,
                )  # fmt: skip
    frame.set_ylim(max(len(names), 1) - 0.5, -0.5)
    frame.set_yticks(range(len(names)), names, fontproperties=_font(_TEXT), parse_math=False)
    _scale(frame.xaxis, write)
    frame.grid(axis="x", color=_RULE, linewidth=0.8)
    frame.set_axisbelow(True)
    if logarithmic:
        found = [value for values in series.values() for value in values if value is not None]
        if found:
            frame.set_xlim(min(found) / 2, max(found) * 1.6)


def _lines(
    frame: Axes,
    names: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    write: Callable[[float], str],
    logarithmic: bool,
) -> None:
    if logarithmic:
        frame.set_yscale("log")
    for number, (name, values) in enumerate(series.items()):
        frame.plot(
            range(len(names)), [float("nan") if value is None else value for value in values], linewidth=2.5,
            marker=_MARKERS[number % len(_MARKERS)], markersize=8, color=_SERIES[number % len(_SERIES)],
            label=name,
        )  # fmt: skip
    every = max(1, -(-len(names) // 8))  # no more labels than stand beside each other
    frame.set_xticks(
        range(0, len(names), every), names[::every], fontproperties=_font(_TEXT * 0.85), parse_math=False
    )
    _scale(frame.yaxis, write)
    frame.grid(axis="y", color=_RULE, linewidth=0.8)


def _scale(axis: Any, write: Callable[[float], str]) -> None:
    """Put the values of an axis into words, few enough to be read."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _place: shown(write(value))))
    axis.set_minor_formatter(NullFormatter())
    for label in axis.get_ticklabels():
        label.set_fontproperties(_font(_TEXT * 0.8))
        label.set_parse_math(False)
