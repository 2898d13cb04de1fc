"""What a homeserver is asked and answers, as a small client reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

API = "/_matrix/client/v3"


class MatrixError(Exception):
    """The homeserver refused: its HTTP `status`, Matrix `errcode` and own words."""

    def __init__(self, status: int, errcode: str, text: str) -> None:
        super().__init__(f"{status} {errcode}: {text}")
        self.status = status
        self.errcode = errcode


def quoted(part: str) -> str:
    """One segment of a path or one value of a query."""
    return quote(part, safe="")


async def json_of(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """The JSON object of an answer; {} when it is none, as from a proxy."""
    try:
        answer = json.loads(await response.read())
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def retry_after_s(response: aiohttp.ClientResponse, answer: Mapping[str, Any]) -> float:
    """For how many seconds a rate limit holds; 0 if the answer does not say."""
    if isinstance(milliseconds := answer.get("retry_after_ms"), int):
        return milliseconds / 1000
    header = response.headers.get("Retry-After", "")
    return float(header) if header.isdecimal() else 0.0


def refusal(response: aiohttp.ClientResponse, answer: Mapping[str, Any]) -> MatrixError:
    """An answer that refuses, as an error."""
    return MatrixError(response.status, str(answer.get("errcode", "")), str(answer.get("error", "")))
