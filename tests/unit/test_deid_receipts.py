"""Receipts: what they say, what they keep to themselves, and that nothing in them can be changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.deid import receipts
from bot.deid.receipts import Attested, BadReceipt, Looked

SEED, OTHER, SECRET = b"s" * 32, b"o" * 32, b"h" * 32
AT = datetime(2026, 11, 21, 9, 41, 7, tzinfo=UTC)
BEFORE, AFTER = "91 yo Mr Miller, fell on Monday", "90+ [PATIENT], fell on [DATE]"
LOOKED = Looked(
    BEFORE, AFTER, "en", {"A": 1, "C": 2}, {"C": 1}, ("rare job", "rare job", "family"),
    {"model": "m1", "engine": "1"}, (("image/png", b"pixels"),),
)  # fmt: skip
ATTESTED = Attested("Grey Heron 41", "@eve:hs", AT, "not needed")


def made(**change: Any) -> str:
    content, nonce = receipts.draw_up("K-7F3K", "North", AT, LOOKED, ATTESTED, secret=SECRET)
    return receipts.write({**content, **change}, SEED, nonce=nonce)


def test_it_says_what_was_found_and_who_looked() -> None:
    found = receipts.read(made(), key=receipts.public_key(SEED))
    said = found.content
    assert list(said["found"]) == list("ABCDEFGHIJKLMNOPQR")
    assert (said["found"]["A"], said["found"]["C"], said["found"]["B"]) == (1, 2, 0)
    assert said["restored"] == {"C": 1}
    assert said["warnings"] == {"family": 1, "rare job": 2}
    assert said["versions"] == {"engine": "1", "model": "m1"}
    assert said["attested"]["as"] == "Grey Heron 41"
    assert said["made_at"] == said["attested"]["at"] == "2026-11-21T09:00+00:00"  # to the hour


def test_the_text_shown_is_recognised_to_the_letter_and_no_other() -> None:
    found = receipts.read(made())
    assert receipts.is_after(found, AFTER)
    assert not receipts.is_after(found, AFTER + " ")
    assert not receipts.is_after(found, BEFORE)
    assert receipts.is_file(found, b"pixels") and not receipts.is_file(found, b"others")


def test_the_original_and_the_author_are_recognised_by_those_who_have_the_key() -> None:
    found = receipts.read(made())
    assert receipts.is_before(found, BEFORE, SECRET)
    assert not receipts.is_before(found, BEFORE, OTHER)
    assert receipts.is_by(found, "@eve:hs") and not receipts.is_by(found, "@ada:hs")
    content, _nonce = receipts.draw_up("K-7F3K", "North", AT, LOOKED, ATTESTED, secret=SECRET)
    assert not receipts.is_by(receipts.read(receipts.write(content, SEED)), "@eve:hs")


def test_it_holds_no_word_of_the_texts_and_no_promise() -> None:
    text = made()
    for word in ("Miller", "Monday", "PATIENT", "@eve", "anonym", "compliant", "de-identified"):
        assert word not in text


def test_two_receipts_of_one_text_have_nothing_in_common_to_compare() -> None:
    one, other = (receipts.read(made()).content for _ in range(2))
    assert one["after"] != other["after"]
    assert one["attested"]["by"] != other["attested"]["by"]
    third = receipts.draw_up("K-0000", "North", AT, LOOKED, ATTESTED, secret=SECRET)[0]
    assert one["before"] != third["before"]


@pytest.mark.parametrize("path", [("found", "A"), ("attested", "as"), ("id",), ("after", "hmac_sha256")])
def test_a_change_is_seen(path: tuple[str, ...]) -> None:
    whole = json.loads(made())
    at = whole["receipt"]
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = 7
    with pytest.raises(BadReceipt, match="altered"):
        receipts.read(json.dumps(whole))


def test_another_key_is_refused_where_one_is_named() -> None:
    content = json.loads(made())["receipt"]
    forged = receipts.write(content, OTHER)
    assert receipts.read(forged).key == receipts.public_key(OTHER)
    with pytest.raises(BadReceipt, match="another key"):
        receipts.read(forged, key=receipts.public_key(SEED))
    with pytest.raises(BadReceipt, match="another key"):
        receipts.read(forged, key="no key at all")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "[" * 100_000,
        '{"receipt": {}, "signature": {}}',
        "x" * (receipts.MOST_BYTES + 1),
    ],
    ids=["empty", "object", "list", "null", "deep", "bare", "long"],
)
def test_what_is_no_receipt_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadReceipt):
        receipts.read(text)


@pytest.mark.parametrize("change", [{"files": 3}, {"after": {}}, {"before": None}, {"v": 2}, {"type": "x"}])
def test_signed_nonsense_is_refused_too(change: dict[str, Any]) -> None:
    with pytest.raises(BadReceipt):
        receipts.read(made(**change))
