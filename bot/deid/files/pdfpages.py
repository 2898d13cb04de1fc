"""Reading a PDF: for each page its text, its look, and what is drawn on it besides. By PDFium."""

from __future__ import annotations

import ctypes
import logging
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from bot.deid.files.model import Limits, Pixels, Reason, Refused

SHOWN_WIDTH = 720  # pixels of a page in the comparison
_DRAWN_DPI = 150.0
_DRAWN_LONGEST = 2200  # pixels
_MOST_OBJECTS = 50_000  # on a page
_DEEPEST = 40  # forms within forms
_RULES = 40  # so many paths and nothing else: lines and boxes around text, no drawing
_SEGMENTS = 5  # of a path: a line or a box; with more it is a drawing
_UNMAPPED = 0.05  # of a page's characters: with more that have no meaning, its text is covered as a picture
_BLANK = 250  # of 255: paper
_SMALLEST = 24  # pixels of a drawing: less is a rule
_SEEN = 2  # of 255: a smaller difference is none
_FINE = 16  # steps of a pixel: PDFium tells places in whole numbers
_LOST = "\ufffd"

Sides = tuple[float, float, float, float]  # left, top, right, bottom, in pixels of the page as it is shown


@dataclass(frozen=True, slots=True)
class Page:
    """A page: how it looked, its text with the place of each character, and what is drawn besides."""

    shown: Pixels
    text: str
    boxes: tuple[Sides, ...]
    drawn: Pixels | None  # without its text


def read(data: bytes, limits: Limits) -> tuple[list[Page], int]:
    """The pages, and how many things besides pages are left behind. Raises Refused."""
    import pypdfium2
    import pypdfium2.raw as raw

    logging.getLogger("pypdfium2").setLevel(logging.CRITICAL)
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD
        raise Refused(Reason.ENCRYPTED if locked else Reason.BROKEN) from error
    try:
        if raw.FPDF_GetSecurityHandlerRevision(document.raw) != -1:
            raise Refused(Reason.ENCRYPTED)
        if len(document) > limits.pages:
            raise Refused(Reason.TOO_MANY_PAGES)
        if not len(document):
            raise Refused(Reason.BROKEN)
        thrown = len([value for value in document.get_metadata_dict(skip_empty=True).values() if value])
        thrown += document.count_attachments() + raw.FPDFDoc_GetJavaScriptActionCount(document.raw)
        pages = []
        for index in range(len(document)):
            page = document[index]
            thrown += max(0, raw.FPDFPage_GetAnnotCount(page.raw))
            pages.append(_page(page, limits))
            page.close()
        return pages, thrown
    finally:
        document.close()


def _page(page: Any, limits: Limits) -> Page:
    import pypdfium2.raw as raw

    width, height = page.get_size()
    if width < 1 or height < 1:
        raise Refused(Reason.BROKEN)
    texts = []
    paths = pictures = others = 0
    drawing = False
    for number, one in enumerate(page.get_objects(max_depth=_DEEPEST)):
        if number > _MOST_OBJECTS:
            raise Refused(Reason.TOO_LARGE)
        if one.type == raw.FPDF_PAGEOBJ_TEXT:
            texts.append(one)
        elif one.type == raw.FPDF_PAGEOBJ_PATH:
            paths += 1
            drawing = drawing or raw.FPDFPath_CountSegments(one.raw) > _SEGMENTS
        elif one.type == raw.FPDF_PAGEOBJ_IMAGE:
            pictures += 1
            if int(np.prod(one.get_px_size())) > limits.pixels:
                raise Refused(Reason.TOO_LARGE)
        else:
            others += 1
    shown = render(page, scale_for(width, height, SHOWN_WIDTH / width))
    text, boxes = _text(page, shown.shape[1], shown.shape[0])
    scale = scale_for(width, height, _DRAWN_DPI / 72)
    whole = bare = render(page, scale)
    if texts:
        for one in texts:  # those in forms cannot be removed
            raw.FPDFPageObj_SetIsActive(one.raw, False)
        bare = render(page, scale)
    seen = _seen(text, boxes, shown, whole, bare, pictures > 0)
    if _unreadable(text, seen):
        return Page(shown, "", (), _cropped(whole, least=1))
    kept = _kept(text, seen)
    text, boxes = "".join(text[at] for at in kept), tuple(boxes[at] for at in kept)
    drawn = _cropped(bare) if pictures or others or drawing or paths > _RULES else None
    return Page(shown, text, boxes, drawn)


def scale_for(width: float, height: float, wanted: float) -> float:
    """Pixels for a point: as wanted, unless the page is very large."""
    return min(wanted, _DRAWN_LONGEST / max(width, height))


def render(page: Any, scale: float) -> Pixels:
    """A page as it looks, without annotations and forms."""
    bitmap = page.render(scale=scale, draw_annots=False, may_draw_forms=False, rev_byteorder=True)
    pixels = np.array(bitmap.to_numpy()[:, :, :3], dtype=np.uint8)
    bitmap.close()
    return pixels


def _text(page: Any, width: int, height: int) -> tuple[str, tuple[Sides, ...]]:
    """A page's characters, each with its place on the page when that is shown in so many pixels."""
    import pypdfium2.raw as raw

    text = page.get_textpage()
    signs: list[str] = []
    boxes: list[Sides] = []
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    loose = raw.FS_RECTF()

    def placed(x: float, y: float) -> tuple[float, float]:
        across, down = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(page.raw, 0, 0, width * _FINE, height * _FINE, 0, x, y, across, down)
        return across.value / _FINE, down.value / _FINE

    codes = [raw.FPDFText_GetUnicode(text.raw, index) for index in range(text.count_chars())]
    for index, code in enumerate(_joined(codes)):
        sign = _sign(code, raw.FPDFText_HasUnicodeMapError(text.raw, index) == 1)
        if not sign:
            continue
        raw.FPDFText_GetCharBox(text.raw, index, left, right, bottom, top)
        sides = (left.value, bottom.value, right.value, top.value)
        if (sides[0] == sides[2] or sides[1] == sides[3]) and not sign.isspace():
            # A font may not tell how large its characters are.
            raw.FPDFText_GetLooseCharBox(text.raw, index, loose)
            sides = (loose.left, loose.bottom, loose.right, loose.top)
        (x0, y0), (x1, y1) = placed(sides[0], sides[1]), placed(sides[2], sides[3])
        signs.append(sign)
        boxes.append((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
    text.close()
    return "".join(signs), tuple(boxes)


def _joined(codes: Sequence[int]) -> list[int]:
    """Characters that PDFium tells in two halves as one; the second half becomes a \\r, which falls."""
    joined = list(codes)
    for at, (high, low) in enumerate(pairwise(codes)):
        if 0xD800 <= high < 0xDC00 <= low < 0xE000:
            joined[at : at + 2] = 0x10000 + ((high - 0xD800) << 10) + low - 0xDC00, ord("\r")
    return joined


def _sign(code: int, unmapped: bool) -> str:
    """A character; _LOST for one without a meaning: its code is a number in a font, which tells nothing."""
    if unmapped or not 0 < code < 0x110000 or 0xD800 <= code <= 0xDFFF:
        return _LOST
    sign = chr(code)
    if sign in "\r\x02":  # PDFium's mark for a hyphen at the end of a line is 0x02
        return "" if sign == "\r" else "-"
    return _LOST if unicodedata.category(sign) in ("Co", "Cn", "Cc") and sign not in "\n\t" else sign


def _seen(
    text: str, boxes: tuple[Sides, ...], shown: Pixels, whole: Pixels, bare: Pixels, pictured: bool
) -> list[bool]:
    """Which characters are to be seen: where they stand, the page looks otherwise without its text.

    Text over a picture may be what was read in a scan: it shows nothing of its own. A word of it stays unless
    there is nothing in the picture either, or a box covers the most of it.
    """
    other = np.abs(whole.astype(np.int16) - bare).max(axis=2) >= _SEEN
    by = (whole.shape[1] / shown.shape[1], whole.shape[0] / shown.shape[0])
    seen: list[bool] = []
    places: list[tuple[int, int, int, int]] = []
    for sides in boxes:
        left, top, right, bottom = (int(side * by[at % 2]) for at, side in enumerate(sides))
        place = (max(0, left), max(0, top), max(0, right + 1), max(0, bottom + 1))
        places.append(place)
        seen.append(bool(other[max(0, top - 1) : place[3] + 1, max(0, left - 1) : place[2] + 1].any()))
    if pictured:
        for word in re.finditer(r"\S+", text):
            inside = range(*word.span())
            if all(seen[at] for at in inside):
                continue
            if 2 * sum(_inked(bare, places[at]) for at in inside) >= len(inside):
                seen[word.start() : word.end()] = [True] * len(inside)
    return seen


def _inked(pixels: Pixels, place: tuple[int, int, int, int]) -> bool:
    """Whether a place has more than one colour. Its middle: a box over text may be as low as the text."""
    left, top, right, bottom = place
    quarter = (bottom - top) // 4
    part = pixels[top + quarter : bottom - quarter, left:right].reshape(-1, 3)
    return bool(len(part)) and int(np.ptp(part, axis=0).max()) >= _SEEN


def _unreadable(text: str, seen: list[bool]) -> bool:
    """Whether text to be seen has characters without a meaning: a name may be half of them.

    One that stands alone is a bullet or a tick, as word processors draw them; a few of those may be.
    """
    lost = [at for at, sign in enumerate(text) if sign == _LOST and seen[at]]
    return len(lost) > _UNMAPPED * len(text) or any(
        text[max(0, at - 1) : at + 2].strip() != _LOST for at in lost
    )


def _kept(text: str, seen: list[bool]) -> list[int]:
    """Which characters stay: all but the hidden ones.

    Fewer than two hidden letters in a row stay, too: a point that was overlooked would make 25 of 2.5.
    """
    kept: list[int] = []
    hidden: list[int] = []

    def end() -> None:
        if sum(text[at].isalnum() or text[at] == _LOST for at in hidden) < 2:
            kept.extend(hidden)
        hidden.clear()

    for at, sign in enumerate(text):
        if sign.isspace():
            kept.append(at)
        elif seen[at]:
            end()
            kept.append(at)
        else:
            hidden.append(at)
    end()
    return sorted(kept)


def _cropped(pixels: Pixels, least: int = _SMALLEST) -> Pixels | None:
    """What is drawn, without the paper around it; None if there is nothing of so many pixels."""
    ink = np.any(pixels < _BLANK, axis=2)
    if not ink.any():
        return None
    rows, columns = np.nonzero(ink.any(axis=1))[0], np.nonzero(ink.any(axis=0))[0]
    top, left = max(0, int(rows[0]) - 4), max(0, int(columns[0]) - 4)
    part = pixels[top : int(rows[-1]) + 5, left : int(columns[-1]) + 5]
    return None if min(part.shape[:2]) < least else np.ascontiguousarray(part)
