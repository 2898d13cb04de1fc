"""A consult exported: who may, what both files hold, and that others can verify them."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from fhir.resources.R4B.bundle import Bundle
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from bot.cli import findings
from bot.consults.export import service as export
from bot.consults.export import signing
from bot.consults.model import FHIR, State
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.errors import CurbsideError
from bot.kernel.sealing import KeyRing
from bot.settings import ExportSettings
from tests.store.conftest import START
from tests.support.fhirserver import fhir_server
from tests.support.files_ward import FilesWard
from tests.support.ward import ANNA, BEN, CARA, MOD, REQ

RTL = "שלום, מה שלומך? AF 140"
ARABIC = "السلام عليكم 12"
QUESTION = f"new AF & <b>rate 140</b>: cardiovert?\nΩ ñ ß ł ж 心 \U0001d4b3\n{RTL}\n{ARABIC}"
WORDS = ("Ω ñ ß ł ж", "[U+1D4B3]", "fluids first", "shock at 200 J", "shock, then metoprolol", "Not mine")


@pytest.fixture
def ward(db: Database, clock: ManualClock, tmp_path: Path) -> FilesWard:
    return FilesWard(db, clock, tmp_path)


async def whole_loop(ward: FilesWard) -> str:
    """Anna declines, Ben takes it, answers, and the requester reads it back; the consult's id."""
    await ward.asks(f"!consult cardiology urgent {QUESTION}")
    await ward.says(ANNA, "!decline Not mine")
    await ward.passes(minutes=3)
    await ward.says(BEN, "!accept")
    await ward.says(BEN, "!interim fluids first")
    await ward.passes(minutes=30)
    await ward.says(BEN, "!answer shock at 200 J")
    await ward.says(REQ, "!close shock, then metoprolol")
    return ward.consult_id


async def exported(ward: FilesWard, who: str, consult_id: str) -> tuple[bytes, dict[str, Any]]:
    """Both files as somebody got them."""
    before = len(ward.files)
    await ward.says(who, f"!export {consult_id}")
    await ward.works()
    (room, pdf_name, pdf_type, pdf), (_, json_name, json_type, bundle) = ward.files[before:]
    assert ward.room_id(room) == ward.room_id(f"dm:{who}")
    assert (pdf_name, pdf_type) == (f"{consult_id}.pdf", "application/pdf")
    assert (json_name, json_type) == (f"{consult_id}.fhir.json", "application/fhir+json")
    return pdf, json.loads(bundle)


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def status_of(pdf: bytes, *roots: bytes) -> PdfSignatureStatus:
    """What an independent look at the signature finds, under the certificates trusted."""
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    context = ValidationContext(trust_roots=[Certificate.load(root) for root in roots], moment=START)
    return validate_pdf_signature(signature, context)


async def test_both_files_hold_the_whole_consult_and_others_can_verify_them(
    ward: FilesWard, tmp_path: Path, backend: str
) -> None:
    consult_id = await whole_loop(ward)
    pdf, bundle = await exported(ward, REQ, consult_id)
    text = " ".join(text_of(pdf).split())
    for words in (consult_id, "new AF & <b>rate 140</b>: cardiovert?", *WORDS, "Dr Anna Berg", "@ben:hs"):
        assert words in text, words
    for step in ("open", "decline", "accept", "interim", "answer", "close", "export"):
        assert f"{step} " in text, step
    assert "It is not the record itself" in text

    signer = signing.identity(ward.house.settings, ward.db.keys)
    assert signer.fingerprint.split()[-1] in text
    caption = next(one for one in ward.texts(f"dm:{REQ}") if "signed PDF" in one)
    assert signer.fingerprint in caption
    status = await asyncio.to_thread(status_of, pdf, signer.certificate)
    assert status.bottom_line and status.intact and status.valid and status.trusted
    assert status.coverage.name == "ENTIRE_FILE"
    stranger = signing.identity(ward.house.settings, KeyRing([b"x" * 32]))
    assert not (await asyncio.to_thread(status_of, pdf, stranger.certificate)).trusted
    altered = pdf.replace(b"/Title", b"/Tit1e", 1)
    assert altered != pdf
    assert not (await asyncio.to_thread(status_of, altered, signer.certificate)).intact
    _openssl_agrees(pdf, signer.certificate, tmp_path)

    Bundle.model_validate(bundle)
    of_type: dict[str, list[dict[str, Any]]] = {}
    for entry in bundle["entry"]:
        of_type.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    (request,), (task,) = of_type["ServiceRequest"], of_type["Task"]
    assert request["reasonCode"][0]["text"] == QUESTION, "to the letter"
    assert (request["status"], task["status"], task["executionPeriod"]["end"]) == (
        "completed", "completed", "2026-11-21T10:03:00.000Z",
    )  # fmt: skip
    said = {one["category"][0]["coding"][0]["code"]: one for one in of_type["Communication"]}
    assert {kind: one["payload"][0]["contentString"] for kind, one in said.items()} == {
        "question": QUESTION,
        "decline": "Not mine",
        "interim": "fluids first",
        "answer": "shock at 200 J",
        "read-back": "shock, then metoprolol",
    }
    steps = [one["activity"]["coding"][0]["code"] for one in of_type["Provenance"]]
    assert [one for one in steps if one in ("open", "decline", "accept", "interim", "answer", "close")] == [
        "open", "decline", "accept", "interim", "answer", "close",
    ]  # fmt: skip
    known = {entry["fullUrl"] for entry in bundle["entry"]}
    assert set(_references(bundle)) <= known
    assert "Patient" not in of_type and "subject" in request
    if backend == "sqlite":  # once is enough
        await _a_real_server_takes(bundle, tmp_path)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [one for item in value.values() for one in _references(item)]
    return [one for item in value for one in _references(item)] if isinstance(value, list) else []


def _openssl_agrees(pdf: bytes, certificate: bytes, folder: Path) -> None:
    """OpenSSL verifies the CMS in the file over the bytes that it covers."""
    if shutil.which("openssl") is None:
        return
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    first, length, second, rest = (int(number) for number in signature.byte_range)
    (folder / "signed").write_bytes(pdf[first : first + length] + pdf[second : second + rest])
    (folder / "cms").write_bytes(signature.pkcs7_content)
    pem = x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM)
    (folder / "root.pem").write_bytes(pem)
    done = subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", "-content", "signed",
         "-CAfile", "root.pem", "-purpose", "any", "-out", "/dev/null"],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


async def _a_real_server_takes(bundle: dict[str, Any], folder: Path) -> None:
    """It validates every resource and the whole, and keeps them when they are posted as a transaction."""
    async with fhir_server(folder) as server:
        for resource in [bundle, *(entry["resource"] for entry in bundle["entry"])]:
            kind = resource["resourceType"]
            status, outcome = await server.post(f"{kind}/$validate", json.dumps(resource).encode())
            wrong = [one for one in outcome["issue"] if one["severity"] in ("error", "fatal")]
            assert status == 200 and not wrong, (kind, wrong)
        entries = [
            {**entry, "request": {"method": "POST", "url": entry["resource"]["resourceType"]}}
            for entry in bundle["entry"]
        ]
        transaction = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        status, answer = await server.post("", json.dumps(transaction).encode())
        assert status == 200, answer
        assert {entry["response"]["status"].split()[0] for entry in answer["entry"]} == {"201"}
        status, answer = await server.post("Bundle", json.dumps(bundle).encode())
        assert status == 201, answer


async def test_the_consultant_and_moderators_may_and_others_may_not(ward: FilesWard) -> None:
    consult_id = await whole_loop(ward)
    for who in (BEN, MOD):
        await exported(ward, who, consult_id)
    before = len(ward.files)
    await ward.says(ANNA, f"!export {consult_id}")  # was asked, and declined
    assert "can be exported by its requester" in ward.last(f"dm:{ANNA}")
    await ward.says(CARA, f"!export {consult_id}")
    assert f"I know no consult {consult_id}" in ward.last(f"dm:{CARA}")
    await ward.says(CARA, "!export C-0000")
    assert "I know no consult C-0000" in ward.last(f"dm:{CARA}")
    await ward.says(REQ, "!export")
    assert "Which consult?" in ward.last(f"dm:{REQ}")
    assert await ward.waiting(export.CHANNEL) == []
    room = f"room:consult-{consult_id}"
    await ward.says(BEN, "!export", room=room)
    assert ward.last(room) == f"The export of {consult_id} comes to our direct chat."
    await ward.works()
    assert len(ward.files) == before + 2
    assert {ward.room_id(place) for place, *_ in ward.files[before:]} == {ward.room_id(f"dm:{BEN}")}


async def test_never_into_a_chat_that_is_not_encrypted(ward: FilesWard) -> None:
    consult_id = await whole_loop(ward)
    ward.plain_rooms |= {ward.room_id(f"dm:{REQ}"), f"dm:{REQ}"}
    await ward.says(REQ, f"!export {consult_id}")
    assert "is not encrypted, so I do not send" in ward.last(f"dm:{REQ}")
    assert await ward.waiting(export.CHANNEL) == []


async def test_an_open_consult_in_german_says_what_is_missing(ward: FilesWard) -> None:
    await ward.asks()
    await ward.says(REQ, "!language de")
    pdf, bundle = await exported(ward, REQ, ward.consult_id)
    text = text_of(pdf)
    for words in (
        "Kardiologie · DRINGEND",
        "Es gibt noch keine Antwort.",
        "nicht rückbestätigt",
        "Eskalation",
    ):
        assert words in text, words
    Bundle.model_validate(bundle)
    (task,) = [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Task"]
    assert task["status"] == FHIR[State.REQUESTED][0] and "owner" not in task


def test_the_hospitals_own_certificate_signs(ward: FilesWard, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "North Hospital Records")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=9))
        .sign(key, SHA256())
    )  # fmt: skip
    packed = pkcs12.serialize_key_and_certificates(
        b"r", key, certificate, None, BestAvailableEncryption(b"pw")
    )
    (tmp_path / "records.p12").write_bytes(packed)
    (tmp_path / "pw").write_text("pw\n")
    settings = ward.house.settings.model_copy(
        update={"export": ExportSettings(certificate_file=Path("records.p12"), password_file=Path("pw"))}
    )
    signer = signing.identity(settings, ward.db.keys)
    assert signer.subject == "CN=North Hospital Records"
    (found,) = findings._export(settings, ward.db.keys)
    assert (found.level, found.subject) == ("warn", "export.certificate_file"), "it ends in nine days"
    (tmp_path / "pw").write_text("wrong\n")
    with pytest.raises(CurbsideError, match=r"export\.certificate_file: .* is no PKCS#12"):
        signing.identity(settings, ward.db.keys)
    (found,) = findings._export(settings, ward.db.keys)
    assert found.level == "error" and "no PKCS#12" in found.text
    (tmp_path / "records.p12").unlink()
    with pytest.raises(CurbsideError, match=r"export\.certificate_file: cannot read"):
        signing.identity(settings, ward.db.keys)


def test_our_own_certificate_is_the_same_in_every_process_and_after_a_rotation(ward: FilesWard) -> None:
    first = signing.identity(ward.house.settings, KeyRing([b"k" * 32]))
    rotated = signing.identity(ward.house.settings, KeyRing([b"k" * 32, b"n" * 32]))
    assert first == rotated
    certificate = x509.load_der_x509_certificate(first.certificate)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.subject.rfc4514_string() == "CN=Curbside\\, hs,O=North"
    assert signing.identity(ward.house.settings, KeyRing([b"n" * 32])).key != first.key
