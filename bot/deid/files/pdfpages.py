"""Reading a PDF: for each page its text, its look, and what is drawn on it besides. By PDFium."""

from __future__ import annotations

import ctypes
import logging
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.deid.files.model import Limits, Pixels, Reason, Refused

SHOWN_WIDTH = 720  # pixels of a page in the comparison
_DRAWN_DPI = 150.0
_DRAWN_LONGEST = 2200  # pixels
_MOST_OBJECTS = 50_000  # on a page
_RULES = 40  # so many paths and nothing else: lines and boxes around text, no drawing
_UNMAPPED = 0.05  # of a page's characters: with more that have no meaning, its text is covered as a picture
_BLANK = 250  # of 255: paper

Corners = tuple[float, float, float, float]  # left, bottom, right, top, in points


@dataclass(frozen=True, slots=True)
class Page:
    """A page: how it looked, its text with the place of each character, and what is drawn besides."""

    shown: Pixels
    scale: float  # pixels of `shown` for a point
    height: float  # points
    text: str
    boxes: tuple[Corners, ...]
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
    objects = []
    kinds = {raw.FPDF_PAGEOBJ_TEXT: 0, raw.FPDF_PAGEOBJ_PATH: 0}
    for number, one in enumerate(page.get_objects(max_depth=4)):
        if number > _MOST_OBJECTS:
            raise Refused(Reason.TOO_LARGE)
        kinds[one.type] = kinds.get(one.type, 0) + 1
        if one.type == raw.FPDF_PAGEOBJ_IMAGE and int(np.prod(one.get_px_size())) > limits.pixels:
            raise Refused(Reason.TOO_LARGE)
        if one.type == raw.FPDF_PAGEOBJ_TEXT and one.level == 0:
            objects.append(one)
    scale = scale_for(width, height, SHOWN_WIDTH / width)
    shown = render(page, scale)
    text, boxes, unmapped = _text(page)
    if unmapped > _UNMAPPED:
        text, boxes = "", ()
    else:
        for one in objects:
            page.remove_obj(one)
    paths = kinds[raw.FPDF_PAGEOBJ_PATH]
    others = sum(kinds.values()) - kinds[raw.FPDF_PAGEOBJ_TEXT] - paths
    drawn = None
    if others or paths > _RULES or unmapped > _UNMAPPED:
        drawn = _cropped(render(page, scale_for(width, height, _DRAWN_DPI / 72)))
    return Page(shown, scale, height, text, boxes, drawn)


def scale_for(width: float, height: float, wanted: float) -> float:
    """Pixels for a point: as wanted, unless the page is very large."""
    return min(wanted, _DRAWN_LONGEST / max(width, height))


def render(page: Any, scale: float) -> Pixels:
    """A page as it looks, without annotations and forms."""
    bitmap = page.render(scale=scale, draw_annots=False, may_draw_forms=False, rev_byteorder=True)
    pixels = np.array(bitmap.to_numpy()[:, :, :3], dtype=np.uint8)
    bitmap.close()
    return pixels


def _text(page: Any) -> tuple[str, tuple[Corners, ...], float]:
    """A page's characters with their places, and which share of them has no meaning."""
    import pypdfium2.raw as raw

    text = page.get_textpage()
    signs: list[str] = []
    boxes: list[Corners] = []
    unmapped = 0
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    total = text.count_chars()
    for index in range(total):
        code = raw.FPDFText_GetUnicode(text.raw, index)
        sign = chr(code) if 0 < code < 0x110000 and not 0xD800 <= code <= 0xDFFF else "\ufffd"
        if sign in "\r\x02":  # PDFium's mark for a hyphen at the end of a line is 0x02
            sign = "" if sign == "\r" else "-"
        elif sign == "\ufffd" or (unicodedata.category(sign) in ("Co", "Cn", "Cc") and sign not in "\n\t"):
            unmapped += 1
            sign = "\ufffd"
        if sign:
            raw.FPDFText_GetCharBox(text.raw, index, left, right, bottom, top)
            signs.append(sign)
            boxes.append((left.value, bottom.value, right.value, top.value))
    text.close()
    return "".join(signs), tuple(boxes), unmapped / max(1, total)


def _cropped(pixels: Pixels) -> Pixels | None:
    """What is drawn, without the paper around it; None if there is nothing."""
    ink = np.any(pixels < _BLANK, axis=2)
    if not ink.any():
        return None
    rows, columns = np.nonzero(ink.any(axis=1))[0], np.nonzero(ink.any(axis=0))[0]
    top, left = max(0, int(rows[0]) - 4), max(0, int(columns[0]) - 4)
    part = pixels[top : int(rows[-1]) + 5, left : int(columns[-1]) + 5]
    return None if min(part.shape[:2]) < 24 else np.ascontiguousarray(part)
