"""Faces in a picture, by CenterFace (arXiv:1911.03599) with onnxruntime."""

from __future__ import annotations

import numpy as np
from PIL import Image

from bot.deid.files import nets
from bot.deid.files.geometry import grown
from bot.deid.files.model import Box, Pixels

_LEAST = 0.35  # belief; the authors use 0.5 for few false alarms
_STRIDE = 4
_SAME = 0.3  # two finds that overlap by more are one
_MARGIN = 0.25  # of a face's width and height, on each side: hair and ears go too


def find(pixels: Pixels) -> list[Box]:
    """Every face with a margin, in pixels: upright, lying and upside down, since patients lie."""
    height, width = pixels.shape[:2]
    found = _look(pixels, 640)
    if max(height, width) > 900:
        found += _look(pixels, 1440)
    for turns in (1, 2, 3):
        for box, belief in _look(np.ascontiguousarray(np.rot90(pixels, turns)), 640):
            found.append((_back(box, turns, width, height), belief))
    kept: list[Box] = []
    for box, _ in sorted(found, key=lambda one: one[1], reverse=True):
        if all(_overlap(box, other) < _SAME for other in kept):
            kept.append(box)
    faces = []
    for box in kept:
        left, top, right, bottom = box.bounds
        faces.append(grown(box, _MARGIN * (right - left), _MARGIN * (bottom - top)))
    return faces


def _look(pixels: Pixels, longest: int) -> list[tuple[Box, float]]:
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    size = nets.size_for(width, height, scale)
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    batch = np.ascontiguousarray(np.asarray(image, dtype=np.float32).transpose(2, 0, 1)[None])
    heat, sizes, offsets, _ = nets.run("centerface", batch)
    across, down = width / size[0], height / size[1]
    found: list[tuple[Box, float]] = []
    for row, column in np.argwhere(heat[0, 0] > _LEAST).tolist():
        high, wide = np.exp(np.minimum(sizes[0, :, row, column], 8.0)).tolist()
        high, wide = high * _STRIDE, wide * _STRIDE
        y = (row + float(offsets[0, 0, row, column]) + 0.5) * _STRIDE
        x = (column + float(offsets[0, 1, row, column]) + 0.5) * _STRIDE
        box = Box.around(
            max(0.0, x - wide / 2) * across,
            max(0.0, y - high / 2) * down,
            min(size[0], x + wide / 2) * across,
            min(size[1], y + high / 2) * down,
        )
        found.append((box, float(heat[0, 0, row, column])))
    return found


def _back(box: Box, turns: int, width: int, height: int) -> Box:
    """A place in a picture turned anticlockwise so many times, in the picture as it was."""
    left, top, right, bottom = box.bounds
    if turns == 1:
        return Box.around(width - bottom, left, width - top, right)
    if turns == 2:
        return Box.around(width - right, height - bottom, width - left, height - top)
    return Box.around(top, height - right, bottom, height - left)


def _overlap(one: Box, other: Box) -> float:
    a, b = one.bounds, other.bounds
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * high
    return wide * high / both
