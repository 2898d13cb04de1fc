"""Whether a file that somebody posted can be kept with what they ask, and what of its event is kept. Pure.

Source: C-S API v1.11, "Sending encrypted attachments" (EncryptedFile), "Matrix Content (mxc://) URIs".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any

KINDS = ("m.image", "m.file", "m.video", "m.audio")
MOST_BYTES = 200 * 1024 * 1024  # what is said of its size, beyond which nobody opens it on a phone
_MOST_TEXT = 500  # characters of a name or caption
_URL = re.compile(r"mxc://(?P<server>[A-Za-z0-9.\-:\[\]]{1,255})/[A-Za-z0-9_\-]{1,255}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-]{1,64}={0,2}")
_TYPE = re.compile(r"[a-z0-9.+\-]{1,60}/[A-Za-z0-9.+\-]{1,100}")


class Unfit(Exception):
    """Why a file cannot be kept: a reason code, for views to put into words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def kept(content: Mapping[str, Any], servers: Set[str], *, encrypted: bool) -> dict[str, Any]:
    """What is kept of a file's content: enough to post it again, or to fetch it. Raises Unfit.

    `servers` are the homeservers that take part; `encrypted` says whether the room is in which it was posted.
    Nothing that is not known stays in it: thumbnails, mentions and relations are left out.
    """
    if not encrypted:
        raise Unfit("room")
    file = content.get("file")
    if not isinstance(file, Mapping):
        raise Unfit("clear" if isinstance(content.get("url"), str) else "address")
    url, key, hashes = file.get("url"), file.get("key"), file.get("hashes")
    match = _URL.fullmatch(url) if isinstance(url, str) else None
    if match is None:
        raise Unfit("address")
    if match["server"] not in servers:
        raise Unfit("server")
    if not isinstance(key, Mapping) or not isinstance(hashes, Mapping):
        raise Unfit("key")
    secrets = (key.get("k"), file.get("iv"), hashes.get("sha256"))
    if not all(isinstance(one, str) and _BASE64.fullmatch(one) for one in secrets):
        raise Unfit("key")
    info = _info(content.get("info"))
    if info.get("size", 0) > MOST_BYTES:
        raise Unfit("size")
    kept: dict[str, Any] = {
        "msgtype": content["msgtype"],
        "body": _text(content.get("body")) or "file",
        "info": info,
        "file": {
            "url": url,
            "key": {
                "kty": "oct",
                "alg": "A256CTR",
                "ext": True,
                "k": secrets[0],
                "key_ops": ["encrypt", "decrypt"],
            },
            "iv": secrets[1],
            "hashes": {"sha256": secrets[2]},
            "v": "v2",
        },
    }
    if name := _text(content.get("filename")):
        kept["filename"] = name
    return kept


def is_file(event: Mapping[str, Any]) -> bool:
    """Whether an event is a posted file."""
    content = event.get("content")
    return (
        event.get("type") == "m.room.message"
        and isinstance(content, Mapping)
        and content.get("msgtype") in KINDS
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return "".join(char for char in value if char.isprintable())[:_MOST_TEXT]


def _info(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    info: dict[str, Any] = {}
    kind = value.get("mimetype")
    if isinstance(kind, str) and _TYPE.fullmatch(kind):
        info["mimetype"] = kind
    for name in ("size", "w", "h", "duration"):
        number = value.get(name)
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**53:
            info[name] = number
    return info
