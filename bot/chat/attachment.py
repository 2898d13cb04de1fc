"""A file that a bot gives to people: what it is, and the content of the event that shows it.

Source: C-S API v1.11, "m.file", "m.image", "Media captions" (since v1.10), "Sending encrypted attachments".
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.chat.message import Message, content_of
from bot.chat.rich import verbatim
from bot.kernel.errors import CurbsideError

MOST_BYTES = 8 * 1024 * 1024
_MOST_NAME = 120
_PATHS = re.compile(r'[\\/:*?"<>|]+')


class FileTooLarge(CurbsideError):
    """A file is larger than what the bots send."""


@dataclass(frozen=True)
class Attachment:
    """A file in memory: at most MOST_BYTES, else FileTooLarge.

    `name` is what people see and save it under; `width` and `height` in pixels, for pictures.
    """

    name: str
    mimetype: str
    data: bytes = field(repr=False)
    width: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        if len(self.data) > MOST_BYTES:
            raise FileTooLarge(f"A file has {len(self.data)} bytes; {MOST_BYTES} are the most that is sent.")
        object.__setattr__(self, "name", _safe_name(self.name))

    @property
    def info(self) -> dict[str, Any]:
        """What clients want to know before they fetch it."""
        info: dict[str, Any] = {"mimetype": self.mimetype, "size": len(self.data)}
        if self.width and self.height:
            info |= {"w": self.width, "h": self.height}
        return info

    @property
    def packed(self) -> dict[str, str]:
        """The file as it waits in the outbox; `unpacked` reads it."""
        return {"mimetype": self.mimetype, "data": base64.b64encode(self.data).decode("ascii")}


def unpacked(packed: Mapping[str, Any]) -> tuple[str, bytes]:
    """The type and the bytes of a file that waits in the outbox."""
    return str(packed["mimetype"]), base64.b64decode(packed["data"])


def contents_of(
    attachment: Attachment, caption: Message | None, *, thread: str | None, encrypted: bool
) -> list[dict[str, Any]]:
    """Build the event that shows a file, and those of a caption too long for it.

    The sender adds `url` or `file` once the file is uploaded. Without a caption the body is the name.
    """
    message = caption or Message("file", verbatim(attachment.name))
    first, *rest = content_of(message, thread=thread, encrypted=encrypted)
    msgtype = "m.image" if attachment.mimetype.startswith("image/") else "m.file"
    return [{**first, "msgtype": msgtype, "filename": attachment.name, "info": attachment.info}, *rest]


def _safe_name(name: str) -> str:
    """A name that any file system takes and that shows what it is: no path, no control or direction signs."""
    kept = "".join(char for char in name if unicodedata.category(char)[0] != "C")
    kept = _PATHS.sub("-", kept).strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if dot and len(ending) <= 8:
        return f"{stem[: _MOST_NAME - len(ending) - 1]}.{ending}" if stem else f"file.{ending}"
    return kept[:_MOST_NAME] or "file"
