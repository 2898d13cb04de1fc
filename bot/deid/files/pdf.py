"""PDFs: rebuilt from their text and from what is drawn on their pages. Nothing of the original file is
copied.

Text that can be seen is extracted, de-identified over all pages at once (so that one person has one tag), and
set anew; where a font does not tell what its characters mean, the page is covered as a picture. What is drawn
besides – pictures, scans, curves – is rendered without the text and covered like any other picture.
Annotations, forms, scripts, attachments, layers, links, outlines and metadata have no way into the new file.
Each page becomes one page, as high as it has to be, so that both can be compared side by side.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from bot.deid.files import decoder
from bot.deid.files.covering import Clock, Covered, comparison, cover, encode
from bot.deid.files.model import Box, Cleaned, CleanFile, Counts, Options, Pixels, Reason, Refused
from bot.deid.files.pdfpages import SHOWN_WIDTH, Page, Sides, render, scale_for
from bot.deid.model import Result, Span

_PDFIUM = threading.Lock()  # PDFium may be used by one thread at a time
_WIDTH, _MARGIN, _SIZE, _LEADING = 595.0, 40.0, 10.0, 13.0  # points
_FONT = "CurbsideDeid"


def clean(data: bytes, engine: Any, options: Options, clock: Clock) -> Cleaned:
    """Rebuild a PDF. Raises Refused."""
    pages, thrown = decoder.pages(data, options.limits, clock)
    offsets: list[int] = []
    whole = ""
    for page in pages:
        offsets.append(len(whole))
        whole += page.text + "\n\n"
    result = _find(whole, engine, options)
    if result is None and all(page.drawn is None for page in pages):
        raise Refused(Reason.NO_PICTURE)
    spans = () if result is None else result.spans
    covered: list[Covered | None] = []
    counts = Counts(metadata=thrown, spans=len(spans), shown=len(pages), of=len(pages))
    for page in pages:
        one = None if page.drawn is None else cover(page.drawn, options, clock)
        covered.append(one)
        if one is not None:
            counts += _only_found(one.counts)
    rebuilt = _rebuilt(
        [_marked(page.text, start, spans) for page, start in zip(pages, offsets, strict=True)],
        [None if one is None else one.pixels for one in covered],
    )
    clock.check()
    after = _shown(rebuilt)
    comparisons = tuple(
        comparison(
            page.shown,
            new,
            _frames(page, start, spans),
            f"comparison-{number}.jpg",
            boxes_after=(),
        )
        for number, (page, start, new) in enumerate(zip(pages, offsets, after, strict=True), 1)
    )
    file = CleanFile(rebuilt, "application/pdf", int(_WIDTH), _first_height(rebuilt), "document.pdf")
    return Cleaned("pdf", (file,), comparisons, counts, result)


def _only_found(counts: Counts) -> Counts:
    return Counts(0, counts.texts, counts.kept_texts, counts.faces, counts.codes, 0, 0, 0)


def _find(whole: str, engine: Any, options: Options) -> Result | None:
    from bot.deid.engine import TooLong, UnsupportedLanguage

    if not whole.strip():
        return None
    try:
        found = engine.find(whole, default=options.default_language)
    except UnsupportedLanguage as error:
        raise Refused(Reason.LANGUAGE) from error
    except TooLong as error:
        raise Refused(Reason.TOO_MUCH_TEXT) from error
    assert isinstance(found, Result)
    return found


def _marked(text: str, start: int, spans: Sequence[Span]) -> str:
    """A page's new text as mark-up of ReportLab: what was replaced stands out."""
    parts: list[str] = []
    at = 0
    for span in spans:
        begin, end = span.start - start, span.end - start
        if end <= 0 or begin >= len(text):
            continue
        parts.append(escape(text[at : max(0, begin)]))
        if begin >= 0:  # else its tag stands on the page before
            parts.append(f'<font backColor="#ffe08a">{escape(span.replacement)}</font>')
        at = min(end, len(text))
    parts.append(escape(text[at:]))
    return "".join(parts)


def _rebuilt(texts: Sequence[str], pictures: Sequence[Pixels | None]) -> bytes:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import Paragraph

    _font()
    style = ParagraphStyle("text", fontName=_FONT, fontSize=_SIZE, leading=_LEADING, splitLongWords=1)
    wide = _WIDTH - 2 * _MARGIN
    out = io.BytesIO()
    canvas = Canvas(out, pageCompression=1, invariant=1)
    for text, pixels in zip(texts, pictures, strict=True):
        lines = [Paragraph(line, style) for line in text.split("\n") if line.strip()]
        heights = [line.wrap(wide, 1e6)[1] for line in lines]
        height = 2 * _MARGIN + sum(heights)
        picture_size = (0.0, 0.0)
        if pixels is not None:
            by = min(wide / pixels.shape[1], 72 / 96)
            picture_size = (pixels.shape[1] * by, pixels.shape[0] * by)
            height += picture_size[1] + _LEADING
        canvas.setPageSize((_WIDTH, max(height, 120.0)))
        y = max(height, 120.0) - _MARGIN
        for line, high in zip(lines, heights, strict=True):
            y -= high
            line.drawOn(canvas, _MARGIN, y)
        if pixels is not None:
            picture = ImageReader(io.BytesIO(encode(pixels, "image/jpeg", quality=88)))
            canvas.drawImage(picture, _MARGIN, y - _LEADING - picture_size[1], *picture_size)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


@lru_cache(maxsize=1)
def _font() -> None:
    """DejaVu Sans, which comes with matplotlib."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    spec = find_spec("matplotlib")
    assert spec is not None and spec.submodule_search_locations is not None
    folder = Path(next(iter(spec.submodule_search_locations))) / "mpl-data" / "fonts" / "ttf"
    pdfmetrics.registerFont(TTFont(_FONT, str(folder / "DejaVuSans.ttf")))


def _shown(data: bytes) -> list[Pixels]:
    """The new file's pages as they will be seen."""
    import pypdfium2

    with _PDFIUM:
        document = pypdfium2.PdfDocument(data)
        try:
            pages = []
            for page in document:
                width, height = page.get_size()
                pages.append(render(page, scale_for(width, height, SHOWN_WIDTH / width)))
            return pages
        finally:
            document.close()


def _first_height(data: bytes) -> int:
    import pypdfium2

    with _PDFIUM:
        document = pypdfium2.PdfDocument(data)
        try:
            return int(document[0].get_height())
        finally:
            document.close()


def _frames(page: Page, start: int, spans: Sequence[Span]) -> list[Box]:
    """Where replaced text stood, line by line, in pixels of the page as it was shown."""
    found: list[Box] = []
    for span in spans:
        signs = page.boxes[max(0, span.start - start) : max(0, span.end - start)]
        signs = tuple(one for one in signs if one[0] < one[2] and one[1] < one[3])
        first, last = (0, 2) if _goes_down(signs) else (1, 3)
        line: list[Sides] = []
        for sign in signs:
            if line and (
                sign[first] > max(one[last] for one in line) or sign[last] < min(one[first] for one in line)
            ):
                found.append(_framed(line))
                line = []
            line.append(sign)
        if line:
            found.append(_framed(line))
    return found


def _goes_down(signs: Sequence[Sides]) -> bool:
    """Whether a line of these goes down or up, as on a page that lies on its side."""
    beside = sum(one[1] < other[3] and other[1] < one[3] for one, other in pairwise(signs))
    below = sum(one[0] < other[2] and other[0] < one[2] for one, other in pairwise(signs))
    return below > beside


def _framed(line: Sequence[Sides]) -> Box:
    lefts, tops, rights, bottoms = zip(*line, strict=True)
    return Box.around(min(lefts), min(tops), max(rights), max(bottoms))
