"""Places in a picture: connected parts of a mask, and the smallest rectangle around each. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bot.deid.files.model import Box

_UPRIGHT = math.radians(3)  # a line that leans less is taken for upright

Runs = NDArray[np.int64]  # n × 3: row, first column, column after the last


def parts(mask: NDArray[np.bool_]) -> Iterator[Runs]:
    """The parts of a mask that hang together (eight neighbours), each as its runs along the rows."""
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    change = np.diff(padded, axis=1)
    rows, starts = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    if not len(rows):
        return
    root = list(range(len(rows)))

    def find(one: int) -> int:
        while root[one] != one:
            root[one] = root[root[one]]
            one = root[one]
        return one

    first = np.searchsorted(rows, np.arange(mask.shape[0] + 1)).tolist()
    begin, stop = starts.tolist(), ends.tolist()
    for row in range(1, mask.shape[0]):
        above, end_above = first[row - 1], first[row]
        here, end_here = first[row], first[row + 1]
        while above < end_above and here < end_here:
            if begin[here] <= stop[above] and begin[above] <= stop[here]:
                root[find(here)] = find(above)
            if stop[above] < stop[here]:
                above += 1
            else:
                here += 1
    label = np.array([find(one) for one in range(len(rows))])
    order = np.argsort(label, kind="stable")
    runs = np.stack([rows, starts, ends], axis=1)[order]
    borders = np.nonzero(np.diff(label[order]))[0] + 1
    yield from np.split(runs, borders)


def rectangle(runs: Runs) -> tuple[Box, float, float]:
    """The smallest rectangle around a part, with its width along the first side and its height."""
    points = np.concatenate(
        [runs[:, [1, 0]], runs[:, [2, 0]], runs[:, [1, 0]] + (0, 1), runs[:, [2, 0]] + (0, 1)]
    ).astype(np.float64)
    hull = _hull(points)
    best: tuple[float, float, NDArray[np.float64], NDArray[np.float64]] | None = None
    edges = np.diff(np.vstack([hull, hull[:1]]), axis=0)
    angles = np.unique(np.append(np.arctan2(edges[:, 1], edges[:, 0]) % (math.pi / 2), 0.0))
    for angle in angles:
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        turned = hull @ turn.T
        low, high = turned.min(axis=0), turned.max(axis=0)
        area = float(np.prod(high - low))
        if angle < _UPRIGHT or angle > math.pi / 2 - _UPRIGHT:
            area *= 0.9 if angle == 0 else 1.0  # upright when it is nearly as good
        if best is None or area < best[0]:
            best = area, float(angle), low, high
    assert best is not None
    _, angle, low, high = best
    back = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])]) @ back.T
    return Box((float(x), float(y)) for x, y in corners), float(high[0] - low[0]), float(high[1] - low[1])


def grown(box: Box, by: float, and_by: float | None = None) -> Box:
    """A rectangle made larger on all sides, by so many pixels along its first side and across it."""
    (x0, y0), (x1, y1), _, (x3, y3) = box
    along, across = math.hypot(x1 - x0, y1 - y0) or 1.0, math.hypot(x3 - x0, y3 - y0) or 1.0
    ax, ay = (x1 - x0) / along * by, (y1 - y0) / along * by
    more = by if and_by is None else and_by
    bx, by_ = (x3 - x0) / across * more, (y3 - y0) / across * more
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return Box((x + i * ax + j * bx, y + i * ay + j * by_) for (x, y), (i, j) in zip(box, signs, strict=True))


def within(inner: Box, outer: Box) -> bool:
    """Whether an upright rectangle holds (nearly) all of another place's bounds."""
    left, top, right, bottom = inner.bounds
    a, b, c, d = outer.bounds
    wide, high = min(right, c) - max(left, a), min(bottom, d) - max(top, b)
    return wide > 0 and high > 0 and wide * high >= 0.9 * (right - left) * (bottom - top)


def apart(boxes: Sequence[Box]) -> list[Box]:
    """Places without those that lie within an upright other one."""
    kept: list[Box] = []
    for box in sorted(boxes, key=_area, reverse=True):
        if not any(_upright(other) and within(box, other) for other in kept):
            kept.append(box)
    return kept


def on(box: Box, others: Sequence[Box]) -> bool:
    """Whether the middle of a place lies in the bounds of one of the others."""
    left, top, right, bottom = box.bounds
    x, y = (left + right) / 2, (top + bottom) / 2
    return any(a <= x <= c and b <= y <= d for a, b, c, d in (other.bounds for other in others))


def distinct(boxes: Sequence[Box]) -> int:
    """How many places these are, where several looks have found the same."""
    seen: list[Box] = []
    for box in boxes:
        if not on(box, seen) and not any(on(other, [box]) for other in seen):
            seen.append(box)
    return len(seen)


def _area(box: Box) -> float:
    left, top, right, bottom = box.bounds
    return (right - left) * (bottom - top)


def _upright(box: Box) -> bool:
    (x0, y0), (x1, y1), _, _ = box
    return min(abs(x1 - x0), abs(y1 - y0)) < 1.0


def _hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The convex hull, by Andrew's monotone chain."""
    ordered = np.unique(points, axis=0).tolist()

    def chain(some: list[list[float]]) -> list[list[float]]:
        line: list[list[float]] = []
        for x, y in some:
            while len(line) >= 2:
                (ax, ay), (bx, by) = line[-2], line[-1]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                line.pop()
            line.append([x, y])
        return line[:-1]

    return np.array(chain(ordered) + chain(ordered[::-1]))
