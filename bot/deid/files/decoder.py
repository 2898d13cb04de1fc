"""Decoding files in a process of its own (`decoding`): our side of it. Blocks; may be called by several
threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import numpy as np

from bot.deid.files.covering import Clock
from bot.deid.files.model import Limits, Pixels, Reason, Refused
from bot.deid.files.pdfpages import Page

_SECONDS = 60.0  # at most, for one file


def pictures(data: bytes, kind: str, limits: Limits, clock: Clock) -> tuple[list[Pixels], int]:
    """The pictures of an image file, and how much metadata there was. Raises Refused."""
    told, found = _decoded(data, kind, limits, clock)
    return found, int(told["metadata"])


def frames(data: bytes, limits: Limits, clock: Clock) -> tuple[list[Pixels], int, int, str]:
    """A DICOM object's frames, how many it has, how many elements fell, and its modality. Raises Refused."""
    told, found = _decoded(data, "dicom", limits, clock)
    return found, int(told["total"]), int(told["metadata"]), str(told["modality"])


def pages(data: bytes, limits: Limits, clock: Clock) -> tuple[list[Page], int]:
    """A PDF's pages, and how many things besides pages fell. Raises Refused."""
    told, found = _decoded(data, "pdf", limits, clock)
    each = iter(found)
    read = []
    for page in told["pages"]:
        shown = next(each)
        drawn = next(each) if page["drawn"] else None
        boxes = tuple((left, top, right, bottom) for left, top, right, bottom in page["boxes"])
        read.append(Page(shown, str(page["text"]), boxes, drawn))
    return read, int(told["metadata"])


def _decoded(data: bytes, kind: str, limits: Limits, clock: Clock) -> tuple[dict[str, Any], list[Pixels]]:
    clock.check()
    seconds = min(_SECONDS, clock.left)
    request = json.dumps({"kind": kind, "limits": asdict(limits), "seconds": seconds}).encode()
    # It gets no environment of ours: no secret can be in it.
    environment = {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OPENBLAS_NUM_THREADS": "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-B", "-m", "bot.deid.files.decoding"],
            input=request + b"\n" + data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused(Reason.TOO_LARGE) from None
    if done.returncode != 0:
        raise Refused(Reason.BROKEN)
    head, _, body = done.stdout.partition(b"\n")
    answer = json.loads(head)
    if answer["reason"] is not None:
        raise Refused(Reason[answer["reason"]])
    return answer["told"], _pictures(memoryview(body), answer["sizes"])


def _pictures(body: memoryview, sizes: list[list[int]]) -> list[Pixels]:
    """What the process wrote, cut into pictures. It is not believed: sizes must fit to the byte."""
    found: list[Pixels] = []
    at = 0
    for height, width in sizes:
        length = int(height) * int(width) * 3
        if height < 1 or width < 1 or at + length > len(body):
            raise Refused(Reason.FAILED)
        found.append(np.frombuffer(body[at : at + length], dtype=np.uint8).reshape(height, width, 3))
        at += length
    if at != len(body) or not found:
        raise Refused(Reason.FAILED)
    return found
