"""Barcodes and QR codes in a picture: wristbands and labels carry record numbers in them. By ZXing."""

from __future__ import annotations

import math

import numpy as np

from bot.deid.files.geometry import grown
from bot.deid.files.model import Box, Pixels

_LINEAR_GROWTH = 0.4  # of its length: a linear code is found along one line through it
_GROWTH = 0.1


def find(pixels: Pixels) -> list[Box]:
    """Every code that can be made out, in pixels; of most kinds damaged ones too."""
    import zxingcpp

    grey = np.ascontiguousarray(pixels.mean(axis=2).astype(np.uint8))
    found: list[Box] = []
    for code in zxingcpp.read_barcodes(grey, return_errors=True):
        if not code.valid and code.format == zxingcpp.BarcodeFormat.DataMatrix:
            continue  # any two edges at a right angle begin one
        place = code.position
        corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
        box = Box((float(corner.x), float(corner.y)) for corner in corners)
        (x0, y0), (x1, y1), _, (x3, y3) = box
        wide, high = math.hypot(x1 - x0, y1 - y0), math.hypot(x3 - x0, y3 - y0)
        if max(wide, high) < 8:
            continue
        if high < wide / 3:
            # Nearly a line: its own second side has no length to grow along.
            left, top, right, bottom = box.bounds
            found.append(grown(Box.around(left, top, right, bottom), _LINEAR_GROWTH * wide))
        else:
            found.append(grown(box, max(4.0, _GROWTH * max(wide, high))))
    return found
