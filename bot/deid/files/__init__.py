"""Pictures, DICOM objects and PDFs without identifiers: only newly made files leave.

`clean` takes a file's bytes and gives new ones, with a comparison for its author, or raises Refused. It works
for seconds on one core: call it in a worker thread. Several threads may; models load once, when first needed.
Decoders run in a process of their own (`decoder`), so that a file that crashes one, or fills its memory, is
refused like others.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from bot.deid.files import decoder, dicom, images, pdf
from bot.deid.files.covering import Clock, comparison, cover, encode, painted
from bot.deid.files.kinds import kind_of
from bot.deid.files.model import (
    Cleaned,
    CleanFile,
    Counts,
    Limits,
    Options,
    Pixels,
    Reason,
    Refused,
)

__all__ = ["CleanFile", "Cleaned", "Counts", "Limits", "Options", "Reason", "Refused", "clean", "kind_of"]

log = logging.getLogger(__name__)

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png"}


def clean(data: bytes, mimetype: str, name: str, engine: Any, options: Options | None = None) -> Cleaned:
    """Make a new file without identifiers of this one.

    What it is, is told by its bytes; `mimetype` and `name` are what the sender claims, and count for nothing.
    `engine` is a `bot.deid.engine.Engine`, for the text of PDFs. Raises Refused for everything unsupported,
    broken, encrypted or too large, and whenever any step errs: then there is nothing to pass on.
    """
    del mimetype, name
    options = options or Options()
    try:
        return _cleaned(data, engine, options)
    except Refused as refused:
        reason = refused.reason
    except Exception as error:
        log.warning("A file could not be cleaned: %s", type(error).__name__)
        reason = Reason.FAILED
    raise Refused(reason)  # here, where no error that quotes the file hangs on


def _cleaned(data: bytes, engine: Any, options: Options) -> Cleaned:
    if len(data) > options.limits.bytes:
        raise Refused(Reason.TOO_LARGE)
    kind = kind_of(data)
    clock = Clock(options.limits.seconds)
    if kind is None:
        raise Refused(Reason.UNSUPPORTED)
    if kind == "pdf":
        return pdf.clean(data, engine, options, clock)
    if kind == "dicom":
        return _of_dicom(data, options, clock)
    files: list[CleanFile] = []
    comparisons: list[CleanFile] = []
    counts = Counts(shown=0, of=0)
    pictures, metadata = decoder.pictures(data, kind, options.limits, clock)
    for number, pixels in enumerate(pictures, 1):
        covered = cover(pixels, options, clock)
        files.append(_picture(covered.pixels, images.mimetype_for(kind), number))
        comparisons.append(comparison(pixels, covered.pixels, covered.boxes, f"comparison-{number}.jpg"))
        counts += covered.counts
    return Cleaned(kind, tuple(files), tuple(comparisons), replace(counts, metadata=metadata))


def _of_dicom(data: bytes, options: Options, clock: Clock) -> Cleaned:
    before, total, metadata, modality = decoder.frames(data, options.limits, clock)
    covered = [cover(pixels, options, clock) for pixels in before]
    # A banner that one frame hides from the network stands in its neighbours: all places go in all frames.
    boxes = [box for one in covered for box in one.boxes]
    after = [painted(one.pixels, boxes) for one in covered]
    files = [_picture(pixels, "image/png", number) for number, pixels in enumerate(after, 1)]
    if options.dicom:
        files.append(dicom.capture(after, modality, "object.dcm"))
    comparisons = [
        comparison(pixels, new, boxes, f"comparison-{number}.jpg")
        for number, (pixels, new) in enumerate(zip(before, after, strict=True), 1)
    ]
    counts = sum((one.counts for one in covered), Counts(metadata=metadata, shown=0, of=0))
    return Cleaned("dicom", tuple(files), tuple(comparisons), replace(counts, of=total))


def _picture(pixels: Pixels, mimetype: str, number: int) -> CleanFile:
    data = encode(pixels, mimetype)
    return CleanFile(
        data, mimetype, int(pixels.shape[1]), int(pixels.shape[0]), f"picture-{number}.{_ENDINGS[mimetype]}"
    )
