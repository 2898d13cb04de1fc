"""What comes out of a file that was cleaned, and why one is refused: plain values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bot.deid.model import Result

Pixels = NDArray[np.uint8]  # height × width × 3, sRGB


class Reason(StrEnum):
    """Why a file is refused; nothing of it may leave."""

    UNSUPPORTED = "This kind of file is not supported."
    BROKEN = "The file is broken."
    ENCRYPTED = "The file is encrypted."
    TOO_LARGE = "The file is too large."
    TOO_MANY_PAGES = "The file has too many pages."
    ANIMATED = "The picture is animated; send a still one."
    NO_PICTURE = "The file holds no picture and no text."
    COMPRESSION = "The pictures in the file are compressed in a way that is not supported."
    LANGUAGE = "The text is in a language that is not supported."
    TOO_MUCH_TEXT = "The file holds too much text."
    FAILED = "The file could not be cleaned."


class Refused(Exception):
    """A file that is not passed on. The text is a fixed sentence: it tells nothing of the file."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may have at most; `seconds` bounds the work on one file, roughly."""

    bytes: int = 50 * 1024 * 1024
    pixels: int = 50_000_000  # of one picture, before it is scaled down
    side: int = 3072  # pixels; larger pictures are scaled down to it
    pages: int = 20  # of a PDF or a TIFF
    frames: int = 8  # of a DICOM object: of more, so many are shown, evenly spread
    frames_at_most: int = 5_000
    seconds: float = 240.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the author may choose."""

    keep_labels: bool = False  # short clinical labels (AP, 5 cm) stay where they were read beyond doubt
    dicom: bool = False  # a cleaned .dcm beside the pictures
    default_language: str = "en"  # of texts too short to tell
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class CleanFile:
    """A new file that may leave once its author has looked at it."""

    data: bytes
    mimetype: str
    width: int  # pixels; of a PDF, points of its first page
    height: int
    name: str  # neutral: picture-1.jpg


@dataclass(frozen=True, slots=True)
class Counts:
    """What was done; safe to keep, as it says nothing of what the file held."""

    metadata: int = 0  # blocks of metadata, elements, attachments and the like that are gone
    texts: int = 0  # places with text that were covered
    kept_texts: int = 0  # side markers and labels that stayed
    faces: int = 0
    codes: int = 0  # barcodes and QR codes
    spans: int = 0  # identifiers replaced in the text of a PDF
    shown: int = 1  # pictures, pages or frames in the result …
    of: int = 1  # … of so many in the file

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.metadata + other.metadata,
            self.texts + other.texts,
            self.kept_texts + other.kept_texts,
            self.faces + other.faces,
            self.codes + other.codes,
            self.spans + other.spans,
            self.shown + other.shown,
            self.of + other.of,
        )


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned file.

    `comparisons`: for each picture or page, original left, cleaned right, covered places framed (JPEG). They
    show the original: they are for its author only. `text` is what was found in the text of a PDF.
    """

    kind: str  # jpeg, png, gif, webp, bmp, tiff, heic, dicom, pdf
    files: tuple[CleanFile, ...]
    comparisons: tuple[CleanFile, ...]
    counts: Counts
    text: Result | None = None


class Box(tuple[tuple[float, float], ...]):
    """Four corners of a place in a picture, in pixels, clockwise."""

    __slots__ = ()

    @classmethod
    def around(cls, left: float, top: float, right: float, bottom: float) -> Box:
        """An upright one."""
        return cls(((left, top), (right, top), (right, bottom), (left, bottom)))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the upright rectangle around it."""
        xs, ys = [x for x, _ in self], [y for _, y in self]
        return min(xs), min(ys), max(xs), max(ys)

    def scaled(self, by: float) -> Box:
        """The same place in a picture of another size."""
        return Box((x * by, y * by) for x, y in self)
