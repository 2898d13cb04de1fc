"""Exports of what nobody should write: long, hostile and unprintable texts become files all the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pypdfium2
import pytest
from fhir.resources.R4B.bundle import Bundle

from bot.chat.i18n import Texts
from bot.chat.store import Person
from bot.consults.export import fhir, pdf
from bot.consults.export.extract import Extract, Said
from bot.consults.model import FHIR, Consult, State, Urgency
from bot.directory.policies import Policy

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
REQ, BEN = "@req:hs", "@bén/ü:hs"


def extract(text: str, state: State = State.IN_PROGRESS) -> Extract:
    consult = Consult("C-7F3K", "x", Urgency.STAT, REQ, Policy(()), NOW, state=state, consultant=BEN)
    return Extract(
        consult=consult, service=text[:80] or "x", hospital="North", server="hs:8448", question=text or "?",
        parts=(("Situation", text or "?"),), ward=text[:40], attachments=3,
        words=(Said("interim", BEN, NOW, text or "?"),), answer=text, read_back=text, pages=(), trail=(),
        names={REQ: text[:60] or "Q"}, bots=frozenset({"@curbside:hs"}), made_at=NOW, made_for=REQ,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "W" * 3000,
        "心" * 500,
        "a\u0301\u0302\u0303" * 500,
        "שלום " * 400,
        "مرحبا" * 100,
        "😀" * 200,
        "\x00\x07\u202e\ud800 x",
        "<para><b>&amp;</i> ${jndi} %s {0} \\u0000",
        "\t\n\n\n x \n" * 50,
    ],
    ids=["nothing", "one word", "Han", "marks", "Hebrew", "Arabic", "emoji", "unfit", "markup", "lines"],
)
def test_any_text_becomes_both_files(text: str) -> None:
    made = extract(text)
    rendered = pdf.render(made, Texts([]).translator(Person(REQ, "en", "UTC")), "Europe/Berlin", "AB CD")
    assert len(pypdfium2.PdfDocument(rendered)) >= 1
    bundle = json.loads(json.dumps(fhir.bundle(made), ensure_ascii=False).encode())
    Bundle.model_validate(bundle)
    assert "\x00" not in bundle["entry"][0]["resource"]["reasonCode"][0]["text"]


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_codes(state: State) -> None:
    bundle = fhir.bundle(extract("q", state))
    Bundle.model_validate(bundle)
    found = {one["resource"]["resourceType"]: one["resource"] for one in bundle["entry"]}
    status, business = FHIR[state]
    assert found["Task"]["status"] == status
    codes = [one["code"] for one in found["Task"].get("businessStatus", {}).get("coding", [])]
    assert codes == ([business] if business else [])
    wrong = state is State.ENTERED_IN_ERROR
    assert (found["ServiceRequest"]["status"] == "entered-in-error") is wrong
    assert (found["Communication"]["status"] == "entered-in-error") is wrong


def test_people_are_matrix_uris() -> None:
    bundle = fhir.bundle(extract("q"))
    people = [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Practitioner"]
    assert [one["identifier"][0]["value"] for one in people] == [
        "matrix:u/req:hs",
        "matrix:u/b%C3%A9n%2F%C3%BC:hs",
    ]
    again = fhir.bundle(extract("another text"))
    assert [one["fullUrl"] for one in again["entry"]] == [one["fullUrl"] for one in bundle["entry"]]
