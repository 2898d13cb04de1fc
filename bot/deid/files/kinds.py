"""What a file is, by its first bytes: neither its name nor what its sender claims counts. Pure."""

from __future__ import annotations

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})


def kind_of(data: bytes) -> str | None:
    """jpeg, png, gif, webp, bmp, tiff, heic, dicom or pdf; None for everything else."""
    head = data[:2048]
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "heic"
    if head[128:132] == b"DICM":
        return "dicom"
    if head[:4] in (b"II*\x00", b"MM\x00*"):
        return "tiff"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "bmp"
    if b"%PDF-" in head[:1024]:
        return "pdf"
    return None
