"""The process in which files are decoded: `python -m bot.deid.files.decoding`, by `decoder` only.

Decoders are native code that has crashed on broken files before. Here a crash, a loop or a bomb costs one
process of limited memory and time, which holds nothing but the file. Input: a line of JSON, then the file.
Output: a line of JSON, then the pixels of all pictures. Nothing is written anywhere else, not even a core
dump.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import warnings
from typing import Any

from bot.deid.files import dicom, images, pdfpages
from bot.deid.files.model import Limits, Pixels, Reason, Refused

_MEMORY = 3 * 1024**3  # bytes of address space


def main() -> None:
    """Decode what comes in by standard input."""
    request = json.loads(sys.stdin.buffer.readline())
    seconds = max(1, int(request["seconds"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    # What decoders say of odd values quotes them.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    data = sys.stdin.buffer.read()
    reason, told, pictures = Reason.FAILED, {}, []  # type: tuple[Reason | None, dict[str, Any], list[Pixels]]
    try:
        told, pictures = _decoded(data, request["kind"], Limits(**request["limits"]))
        reason = None
    except Refused as refused:
        reason = refused.reason
    except MemoryError:
        reason = Reason.TOO_LARGE
    except Exception:
        reason = Reason.BROKEN
    answer = {"reason": reason and reason.name, "told": told, "sizes": [one.shape[:2] for one in pictures]}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    for one in pictures:
        sys.stdout.buffer.write(one.tobytes())


def _decoded(data: bytes, kind: str, limits: Limits) -> tuple[dict[str, Any], list[Pixels]]:
    if kind == "dicom":
        frames, total, metadata, modality = dicom.read(data, limits)
        return {"total": total, "metadata": metadata, "modality": modality}, frames
    if kind == "pdf":
        pages, thrown = pdfpages.read(data, limits)
        told = [
            {
                "text": page.text,
                "boxes": [[round(side, 1) for side in box] for box in page.boxes],
                "drawn": page.drawn is not None,
            }
            for page in pages
        ]
        pictures = [one for page in pages for one in (page.shown, page.drawn) if one is not None]
        return {"pages": told, "metadata": thrown}, pictures
    found = list(images.read(data, kind, limits))
    return {"metadata": sum(metadata for _, metadata in found)}, [pixels for pixels, _ in found]


if __name__ == "__main__":
    main()
