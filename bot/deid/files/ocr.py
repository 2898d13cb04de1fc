"""Text in a picture: where it stands, and what a line says. PP-OCRv4 (arXiv:2206.03001) by onnxruntime.

Finding: differentiable binarization (arXiv:1911.08947) gives the probability of text for each pixel; parts of
it above a threshold are grown back by the paper's offset, area × ratio / perimeter, and some more.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from bot.deid.files import nets
from bot.deid.files.geometry import Runs, apart, grown, parts, rectangle
from bot.deid.files.model import Box, Pixels

_PIXEL = 0.25  # the least probability of a pixel
_LINE = 0.5  # the least mean of a part
_SURE = 0.75  # with less, something must be legible there
_GROWTH = 1.9  # the paper trains with 1.5: what is covered is rather too much than too little
_THINNEST = 3.0  # pixels in the picture as the network saw it
_AT_ONCE = 1_100_000  # pixels that the network sees at once
_OVERLAP = 128  # pixels of two strips: what one cuts through, the other has whole
_READ_HEIGHT = 48  # pixels
_READ_LONGEST = 1200


def find(pixels: Pixels) -> list[Box]:
    """Every place with text, in pixels: upright, turned and inverted, dim and small text too.

    Three looks: as it is, inverted, and larger (never smaller than it is) with contrast evened out. A place
    of which the network is not sure and in which nothing can be read is none: grain, rivets, coins.
    """
    longest = max(pixels.shape[:2])
    found = _look(pixels, min(max(longest, 736), 1024))
    found += _look(255 - pixels, min(max(longest, 640), 800))
    found += _look(pixels, max(min(max(longest * 3 // 2, 1024), 2048), longest), even=True)
    sure = [box for box, belief in found if belief >= _SURE]
    sure += [box for box, belief in found if belief < _SURE and _legible(pixels, box)]
    return apart(sure)


def left(pixels: Pixels) -> list[Box]:
    """Places of a covered picture that can still be read: one more look, at what the others did not see."""
    longest = max(pixels.shape[:2])
    found = _look(pixels, min(max(longest, 736), 1440), even=True)
    return apart([box for box, _ in found if _legible(pixels, box, 2, 0.4)])


def _legible(pixels: Pixels, box: Box, least: int = 1, belief: float = 0.1) -> bool:
    text, sure = read(pixels, box)
    return sure >= belief and sum(sign.isalnum() and sign < "\u0250" for sign in text) >= least


def _look(pixels: Pixels, longest: int, *, even: bool = False) -> list[tuple[Box, float]]:
    """Places that the network finds, with its belief, when the picture's longer side has so many pixels."""
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    size = nets.size_for(width, height, scale)
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    if even:
        image = _even(image)
    belief = _belief(image)
    across, down = width / size[0], height / size[1]
    found: list[tuple[Box, float]] = []
    for runs in parts(belief > _PIXEL):
        mean = _mean(belief, runs)
        if mean < _LINE:
            continue
        box, wide, high = rectangle(runs)
        if min(wide, high) < _THINNEST:
            continue
        offset = wide * high * _GROWTH / (2 * (wide + high))
        box = grown(box, offset + 2.0)
        found.append((Box((x * across, y * down) for x, y in box), mean))
    return found


def _belief(image: Image.Image) -> nets.Floats:
    """The probability of text for each pixel; in strips, since the network takes 250 bytes for a pixel."""
    strip = max(_OVERLAP + 32, _AT_ONCE // image.width // 32 * 32)
    belief = np.zeros((image.height, image.width), dtype=np.float32)
    for top in range(0, max(1, image.height - _OVERLAP), strip - _OVERLAP):
        bottom = min(image.height, top + strip)
        part = nets.run("pp_ocr_v4_text", _batch(image.crop((0, top, image.width, bottom))))[0][0, 0]
        np.maximum(belief[top:bottom], part, out=belief[top:bottom])
    return belief


def _batch(image: Image.Image) -> nets.Floats:
    """A picture as both networks were trained: blue first, from -1 to 1."""
    values = np.asarray(image, dtype=np.float32)[:, :, ::-1] / np.float32(127.5) - np.float32(1.0)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def _mean(belief: nets.Floats, runs: Runs) -> float:
    values = [belief[row, start:end] for row, start, end in runs]
    return float(np.concatenate(values).mean())


def _even(image: Image.Image) -> Image.Image:
    """Grey, with the same contrast everywhere: dim text beside bright bone stands out."""
    grey = image.convert("L")
    blur = ImageFilter.BoxBlur(max(4, max(image.size) / 60))
    values = np.asarray(grey, dtype=np.float32)
    mean = np.asarray(grey.filter(blur), dtype=np.float32)
    far = np.abs(values - mean)
    spread = np.asarray(Image.fromarray(far.astype(np.uint8)).filter(blur), dtype=np.float32)
    shown = 128 + (values - mean) * (40 / (spread + 6))
    return Image.fromarray(np.clip(shown, 0, 255).astype(np.uint8)).convert("RGB")


def read(pixels: Pixels, box: Box) -> tuple[str, float]:
    """What stands in a place, and how sure that is (the least of its characters, 0 to 1)."""
    crop = _crop(pixels, box)
    belief = nets.run("pp_ocr_v4_reading", _batch(crop))[0][0]
    best = belief.argmax(axis=1)
    signs: list[str] = []
    sure = 1.0
    before = 0
    for step, index in enumerate(best.tolist()):
        if index not in (0, before):
            signs.append(_alphabet()[index])
            sure = min(sure, float(belief[step, index]))
        before = index
    return "".join(signs).strip(), sure if signs else 0.0


def _crop(pixels: Pixels, box: Box) -> Image.Image:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = box
    wide, high = math.hypot(x1 - x0, y1 - y0), math.hypot(x3 - x0, y3 - y0)
    if high > 1.5 * wide:
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (x1, y1), (x2, y2), (x3, y3), (x0, y0)
        wide, high = high, wide
    width = max(16, min(_READ_LONGEST, math.ceil(wide * _READ_HEIGHT / max(high, 1.0))))
    crop = Image.fromarray(pixels).transform(
        (width, _READ_HEIGHT),
        Image.Transform.QUAD,
        (x0, y0, x3, y3, x2, y2, x1, y1),
        Image.Resampling.BICUBIC,
    )
    # The network learned on lines of at least this width; narrower ones are filled up.
    filled = Image.new("RGB", (max(320, width), _READ_HEIGHT), (127, 127, 127))
    filled.paste(crop, (0, 0))
    return filled


@lru_cache(maxsize=1)
def _alphabet() -> tuple[str, ...]:
    characters = nets.session_of("pp_ocr_v4_reading").get_modelmeta().custom_metadata_map["character"]
    return ("", *characters.splitlines(), " ")
