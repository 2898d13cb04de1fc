"""Covering what identifies somebody in a picture, and showing its author what was covered."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from bot.deid.files import codes, faces, ocr
from bot.deid.files.geometry import distinct, grown, on
from bot.deid.files.model import Box, CleanFile, Counts, Options, Pixels, Reason, Refused

_INK = (64, 64, 64)  # neither black nor white, so that a box shows on any film
_FRAME = (255, 64, 0)
_SIDES = frozenset({"R", "L"})  # side markers
_LABELS = frozenset(
    {"AP", "PA", "LAT", "LL", "RL", "CC", "MLO", "AX", "COR", "SAG", "T1", "T2", "FLAIR", "ADC", "DWI"}
)
_UNITS = frozenset({"mm", "cm", "kV", "mA", "ms", "Hz", "MHz", "dB", "%"})
_SIDE_SURE, _LABEL_SURE = 0.9, 0.97
_MOST_SIDES = 2  # more single letters are a name written apart
_ROUNDS = 3  # looks at the covered picture until nothing more is found
_PANEL = (720, 1400)  # pixels of one half of a comparison at most: it is looked at on a phone
_GAP = 8


@dataclass(frozen=True, slots=True)
class Covered:
    """A picture with its covered places."""

    pixels: Pixels
    boxes: tuple[Box, ...]
    counts: Counts


class Clock:
    """Ends the work on a file that takes too long."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return self._end - time.monotonic()

    def check(self) -> None:
        """Raises Refused when the time is over."""
        if self.left <= 0:
            raise Refused(Reason.TOO_LARGE)


def cover(pixels: Pixels, options: Options, clock: Clock) -> Covered:
    """Cover text, faces and barcodes, and look again until nothing more is found. Raises Refused."""
    clock.check()
    found_faces = faces.find(pixels)
    clock.check()
    found_codes = codes.find(pixels)
    texts, kept = _texts(pixels, ocr.find(pixels), options)
    boxes = [*found_faces, *found_codes, *texts]
    shown = painted(pixels, boxes)
    for _ in range(_ROUNDS):
        if not boxes:
            break
        clock.check()
        again = ocr.left(_softened(shown, boxes))
        more = [box for box in again if not _painted_over(shown, box) and not on(box, kept)]
        if not more:
            break
        texts += more
        boxes += more
        shown = painted(shown, more)
    else:
        raise Refused(Reason.FAILED)  # text that comes back after each covering
    counts = Counts(
        texts=distinct(texts), kept_texts=distinct(kept), faces=len(found_faces), codes=len(found_codes)
    )
    return Covered(shown, tuple(boxes), counts)


def painted(pixels: Pixels, boxes: Sequence[Box]) -> Pixels:
    """A new picture with solid boxes over these places."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for box in boxes:
        draw.polygon(box, fill=_INK, outline=_INK, width=2)
    return np.asarray(image)


def _softened(pixels: Pixels, boxes: Sequence[Box]) -> Pixels:
    """A picture with each place filled with the colour around it: a solid box is a stroke to the network."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for box in boxes:
        left, top, right, bottom = (int(side) for side in grown(box, 6.0).bounds)
        part = pixels[max(0, top) : max(0, bottom), max(0, left) : max(0, right)].reshape(-1, 3)
        around = part[(part != _INK).any(axis=1)]
        if len(around):
            draw.polygon(grown(box, 1.0), fill=tuple(int(level) for level in np.median(around, axis=0)))
    return np.asarray(image)


def _texts(pixels: Pixels, found: Sequence[Box], options: Options) -> tuple[list[Box], list[Box]]:
    """Places to cover, and those that stay: side markers, and labels if the author wants it."""
    cover_these: list[Box] = []
    sides: list[Box] = []
    labels: list[Box] = []
    for box in found:
        if not options.keep_labels and not _squarish(box):
            cover_these.append(box)
            continue
        text, sure = ocr.read(pixels, box)
        if text in _SIDES and sure >= _SIDE_SURE and _squarish(box):
            sides.append(box)
        elif options.keep_labels and sure >= _LABEL_SURE and _is_label(text):
            labels.append(box)
        else:
            cover_these.append(box)
    if distinct(sides) > _MOST_SIDES:
        return [*cover_these, *sides], labels
    kept = [*sides, *labels]
    # What one look reads as a marker and another as more than that is covered.
    return cover_these, [box for box in kept if not on(box, cover_these)]


def _squarish(box: Box) -> bool:
    left, top, right, bottom = box.bounds
    return (right - left) <= 2.0 * (bottom - top) and (bottom - top) <= 2.2 * (right - left)


def _is_label(text: str) -> bool:
    """A clinical label, or a measure such as "5 cm"."""
    words = text.split()
    if len(words) == 1:
        if words[0].upper() in _LABELS:
            return True
        digits = words[0].rstrip("".join(set("".join(_UNITS))))
        words = [digits, words[0][len(digits) :]]
    if len(words) != 2:
        return False
    number, unit = words
    return unit in _UNITS and len(number) <= 4 and number.replace(".", "", 1).isdecimal() and number.isascii()


def _painted_over(pixels: Pixels, box: Box) -> bool:
    """Whether a place is mostly solid box."""
    left, top, right, bottom = (int(side) for side in box.bounds)
    part = pixels[max(0, top) : bottom, max(0, left) : right]
    return part.size == 0 or bool((part == _INK).all(axis=2).mean() > 0.5)


def comparison(
    before: Pixels,
    after: Pixels,
    boxes: Sequence[Box],
    name: str,
    *,
    boxes_after: Sequence[Box] | None = None,
) -> CleanFile:
    """Original left, cleaned right, covered places framed: a JPEG for the author's eyes."""
    left, right = _panel(before, boxes), _panel(after, boxes if boxes_after is None else boxes_after)
    high = max(left.height, right.height)
    sheet = Image.new("RGB", (left.width + right.width + _GAP, high), (255, 255, 255))
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + _GAP, 0))
    data = encode(np.asarray(sheet), "image/jpeg", quality=85)
    return CleanFile(data, "image/jpeg", sheet.width, sheet.height, name)


def _panel(pixels: Pixels, boxes: Sequence[Box]) -> Image.Image:
    image = Image.fromarray(pixels)
    scale = min(1.0, _PANEL[0] / image.width, _PANEL[1] / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    draw = ImageDraw.Draw(image)
    for box in boxes:
        draw.polygon(grown(box.scaled(scale), 2.0), outline=_FRAME, width=2)
    return image


def encode(pixels: Pixels, mimetype: str, *, quality: int = 92) -> bytes:
    """A new JPEG or PNG of these pixels, with nothing else in it."""
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    if mimetype == "image/jpeg":
        image.save(out, "JPEG", quality=quality)
    else:
        image.save(out, "PNG", compress_level=6)
    return out.getvalue()


def scaled_down(pixels: Pixels, side: int) -> Pixels:
    """A picture whose longer side has at most so many pixels."""
    height, width = pixels.shape[:2]
    if max(height, width) <= side:
        return pixels
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
