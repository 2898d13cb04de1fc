"""Pictures: JPEG, PNG, WebP, HEIC, TIFF, BMP and GIF become new pixels, and nothing else.

What is kept is what a person sees: orientation and colour profile are applied, transparency is laid on white.
Metadata, comments, thumbnails, further pictures in the file and bytes after its end are not read into the
result.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, ImageSequence

from bot.deid.files.covering import scaled_down
from bot.deid.files.model import Limits, Pixels, Reason, Refused

# How Pillow names what a kind of file may hold; only these decoders are tried.
_DECODERS = {
    "jpeg": ("JPEG", "MPO"),  # MPO: a JPEG with further pictures behind it, as some phones write
    "png": ("PNG",),
    "webp": ("WEBP",),
    "tiff": ("TIFF",),
    "bmp": ("BMP",),
    "gif": ("GIF",),
}
_LOSSY = frozenset({"jpeg", "heic", "webp"})
_SIDE_OF_PAGES = 1800  # pixels, when a TIFF has several
_OPAQUE = 16  # pixels with less alpha than this show nothing
_STRUCTURE = frozenset(  # what Pillow tells of a file's own structure: no metadata
    {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression", "gamma", "interlace",
     "transparency", "background", "version", "duration", "loop", "timestamp", "compression", "dpi", "srgb",
     "extension", "adobe", "adobe_transform", "aspect", "primary", "bit_depth", "chroma", "resolution"}
)  # fmt: skip


def mimetype_for(kind: str) -> str:
    """What a picture of this kind becomes."""
    return "image/jpeg" if kind in _LOSSY else "image/png"


def read(data: bytes, kind: str, limits: Limits) -> Iterator[tuple[Pixels, int]]:
    """The pictures in a file, one after the other, with how much metadata each had. Raises Refused.

    One, unless it is a TIFF of several pages; animated pictures are refused.
    """
    with _opened(data, kind, limits) as image:
        frames = int(getattr(image, "n_frames", 1))
        if kind in ("gif", "webp", "png") and frames > 1:
            raise Refused(Reason.ANIMATED)
        if kind != "tiff":
            yield _new(image, limits.side)
            return
        if frames > limits.pages:
            raise Refused(Reason.TOO_MANY_PAGES)
        side = limits.side if frames == 1 else min(limits.side, _SIDE_OF_PAGES)
        for frame in ImageSequence.Iterator(image):
            _check(frame, limits)
            yield _new(frame, side)


def _opened(data: bytes, kind: str, limits: Limits) -> Image.Image:
    try:
        image: Image.Image
        if kind == "heic":
            from pi_heif import HeifImageFile

            image = HeifImageFile(io.BytesIO(data))
        else:
            image = Image.open(io.BytesIO(data), formats=_DECODERS[kind])
    except Image.DecompressionBombError as error:
        raise Refused(Reason.TOO_LARGE) from error
    except Exception as error:
        raise Refused(Reason.BROKEN) from error
    _check(image, limits)
    return image


def _check(image: Image.Image, limits: Limits) -> None:
    if image.width < 1 or image.height < 1:
        raise Refused(Reason.BROKEN)
    if image.width * image.height > limits.pixels or max(image.size) > 60_000:
        raise Refused(Reason.TOO_LARGE)


def _new(image: Image.Image, side: int) -> tuple[Pixels, int]:
    """New pixels of what a person sees, 8 bits of red, green and blue (sRGB)."""
    try:
        image.load()
    except Image.DecompressionBombError as error:
        raise Refused(Reason.TOO_LARGE) from error
    except Exception as error:  # decoders raise whatever they please
        raise Refused(Reason.BROKEN) from error
    metadata = _metadata(image)
    profile = image.info.get("icc_profile")
    shown = ImageOps.exif_transpose(image)
    flat = _flat(shown, profile)
    pixels = np.array(flat, dtype=np.uint8)  # a copy: nothing of the decoder's buffers goes on
    return scaled_down(pixels, side), metadata


def _flat(image: Image.Image, profile: Any) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        return _stretched(image)
    alpha: Image.Image | None = None
    if image.mode == "P" or image.mode == "PA":
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    elif "transparency" in image.info and image.mode in ("L", "RGB", "1"):
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA", "RGBa", "La"):
        image = image.convert("RGBA")
        alpha = image.getchannel("A").point([0 if level < _OPAQUE else level for level in range(256)])
        image = image.convert("RGB")
    coloured = _srgb(image, profile)
    if alpha is None:
        return coloured
    return Image.composite(coloured, Image.new("RGB", coloured.size, (255, 255, 255)), alpha)


def _srgb(image: Image.Image, profile: Any) -> Image.Image:
    """A picture in sRGB; with a profile that does not fit, its values are taken as they are."""
    if isinstance(profile, bytes) and profile and image.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """More than 8 bits of grey, stretched over what there is, without the outermost half percent."""
    values = np.asarray(image, dtype=np.float32)
    low, high = (float(one) for one in np.nanpercentile(values, (0.5, 99.5)))
    scaled = np.nan_to_num((values - low) * (255.0 / max(high - low, 1e-6)))
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8)).convert("RGB")


def _metadata(image: Image.Image) -> int:
    """How many pieces of metadata a picture has, as far as the decoder tells."""
    tags = len(dict(image.getexif()))
    return tags + sum(1 for key, value in image.info.items() if str(key).lower() not in _STRUCTURE and value)
