"""Kannel's words and ours. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote_to_bytes, urlencode

from bridges.contract import Delivered, Inbound, Outbound, Outcome, Rejected, Report, Retry, Stage
from bridges.paging.alphabet import septets, simplified

ALL_REPORTS = 31  # dlr-mask: delivered, not delivered, buffered, taken by the centre, refused by it
_STAGES = {
    "1": Stage.DELIVERED,
    "2": Stage.FAILED,
    "4": Stage.UNDERWAY,
    "8": Stage.UNDERWAY,
    "16": Stage.FAILED,
    "34": Stage.FAILED,  # expired
}
_VALID = timedelta(minutes=30)  # for a message that does not say for how long it is of use


def number(address: str) -> str | None:
    """A telephone number as Kannel takes it, or None if it is none: `+49 170 123-4567` is `+491701234567`."""
    bare = re.sub(r"[\s\-/().]", "", address)
    return bare if re.fullmatch(r"\+?\d{3,15}", bare) else None


def sign(secret: str, out_id: str) -> str:
    """What proves that a delivery report was asked for by us."""
    return hmac.new(secret.encode(), f"report {out_id}".encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True)
class Login:
    """What Kannel knows us by: a `sendsms-user`, and the number or name that messages come from."""

    user: str
    password: str
    sender: str


def sendsms(
    out: Outbound, to: str, login: Login, callback: str, secret: str, now: datetime
) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a POST to `sendsms`, so that neither login nor text stands in a URL."""
    text = simplified(out.text)
    left = (out.until - now) if out.until is not None else _VALID
    report = urlencode({"id": out.id, "key": sign(secret, out.id)})
    headers = {
        "X-Kannel-Username": login.user,
        "X-Kannel-Password": login.password,
        "X-Kannel-From": login.sender,
        "X-Kannel-To": to,
        "X-Kannel-Coding": "0" if septets(text) is not None else "2",
        # The centre drops it as well once it is of no use.
        "X-Kannel-Validity": str(max(1, int(left.total_seconds() // 60))),
        "X-Kannel-DLR-Mask": str(ALL_REPORTS),
        "X-Kannel-DLR-Url": f"{callback}/report?{report}&type=%d",
        "Content-Type": "text/plain; charset=UTF-8",
    }
    return headers, text.encode("utf-8", "replace")


def outcome(status: int, text: str) -> Outcome:
    """What Kannel's answer to `sendsms` means; accepted is not delivered."""
    if status in (200, 202):
        return Delivered(final=False)
    if status == 403 and "uthorization" in text:
        return Retry(30, "login")
    if 400 <= status < 500 and status not in (408, 429):
        return Rejected(f"kannel-{status}")
    return Retry(reason=f"kannel-{status}")


def report(query: Mapping[str, str]) -> Report | None:
    """A delivery report from the query of its URL; None if it says nothing."""
    stage = _STAGES.get(query.get("type", ""))
    out_id = query.get("id", "")
    return Report(out_id, stage, f"type-{query['type']}") if stage is not None and out_id else None


def received(query: Mapping[str, str]) -> Inbound | None:
    """A message from a telephone, from the query of its URL; None if it is not whole."""
    message_id, sender = query.get("id", ""), number(query.get("from", ""))
    return Inbound(message_id, sender, query.get("text", "")) if message_id and sender else None


def is_queued(store: str, to: str, text: str) -> bool:
    """Whether Kannel's store (`store-status.txt`) holds a message to somebody, or its first part."""
    wanted = simplified(text)
    for line in store.splitlines():
        fields = re.findall(r"\[([^\]]*)\]", line)
        if len(fields) < 10 or not fields[1].startswith("MT") or fields[4] != to:
            continue
        raw = unquote_to_bytes(fields[9].replace("+", " "))
        shown = {raw.decode("utf-8", "replace"), raw.decode("utf-16-be", "replace")} - {""}
        if any(wanted.startswith(one) for one in shown):
            return True
    return False
