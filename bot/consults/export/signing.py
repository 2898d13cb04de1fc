"""Signing exports: PAdES B-B (ETSI EN 319 142-1) with the hospital's certificate, or one of our own making.

Our own key is not kept anywhere: it follows from the at-rest keys (FIPS 186-5, A.2.1: extra random bits),
so that every process has the same, and so does the certificate that says it is the hospital's Curbside.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.kernel.errors import CurbsideError
from bot.kernel.sealing import KeyRing
from bot.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

FIELD = "Curbside"
_PURPOSE = "export signing key"
# The order of P-256 (SEC 2, 2.4.2).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_FROM, _UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2046, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Identity:
    """Who signs: the certificate, those above it, and the key, all in DER."""

    certificate: bytes
    chain: tuple[bytes, ...]
    key: bytes
    subject: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in pairs."""
        digest = hashlib.sha256(self.certificate).hexdigest().upper()
        return " ".join(digest[place : place + 4] for place in range(0, len(digest), 4))


def identity(settings: Settings, keys: KeyRing) -> Identity:
    """The certificate and key that sign; raises CurbsideError when the hospital's own cannot be used."""
    if settings.export.certificate_file is not None:
        return _from_file(settings)
    return _own(settings.hospital, settings.server_name, keys)


def _from_file(settings: Settings) -> Identity:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    export = settings.export
    assert export.certificate_file is not None
    path = settings.path(export.certificate_file)
    password = None
    if export.password_file is not None:
        password = settings.secret(export.password_file, "export.password_file").encode()
    try:
        key, certificate, chain = pkcs12.load_key_and_certificates(path.read_bytes(), password)
    except OSError as error:
        raise CurbsideError(f"export.certificate_file: cannot read {path} ({error.strerror}).") from None
    except ValueError:
        raise CurbsideError(
            f"export.certificate_file: {path} is no PKCS#12, or export.password_file does not open it."
        ) from None
    if key is None or certificate is None:
        raise CurbsideError(f"export.certificate_file: {path} lacks a key or its certificate.")
    return Identity(
        certificate.public_bytes(Encoding.DER),
        tuple(one.public_bytes(Encoding.DER) for one in chain),
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        certificate.subject.rfc4514_string(),
    )


def _own(hospital: str, server: str, keys: KeyRing) -> Identity:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    bits = HKDF(SHA512(), 48, None, b"curbside P-256").derive(keys.derive(_PURPOSE))
    key = ec.derive_private_key(int.from_bytes(bits) % (_ORDER - 1) + 1, ec.SECP256R1())
    certificate = _certificate(key, hospital, server)
    return Identity(
        certificate.public_bytes(Encoding.DER),
        (),
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        certificate.subject.rfc4514_string(),
    )


def _certificate(key: EllipticCurvePrivateKey, hospital: str, server: str) -> Certificate:
    """The same certificate each time: nothing in it is random (RFC 5280; RFC 6979 for the signature)."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import NameOID

    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, hospital[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Curbside, {server}"[:64]),
        ]
    )
    public = key.public_key()
    about = x509.SubjectKeyIdentifier.from_public_key(public)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(int.from_bytes(hashlib.sha256(about.digest + name.public_bytes()).digest()[:16]) >> 1)
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(about, critical=False)
        .sign(key, SHA256(), ecdsa_deterministic=True)
    )


def sign(pdf: bytes, signer: Identity, *, reason: str, hospital: str) -> bytes:
    """A PDF with a signature over all of it, after which nothing in it may change. For a thread."""
    from asn1crypto.keys import PrivateKeyInfo
    from asn1crypto.x509 import Certificate as Asn1Certificate
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    chain = SimpleCertificateStore.from_certs(  # type: ignore[no-untyped-call]
        [Asn1Certificate.load(one) for one in signer.chain]
    )
    simple = signers.SimpleSigner(
        Asn1Certificate.load(signer.certificate), PrivateKeyInfo.load(signer.key), chain
    )
    about = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        reason=reason,
        name=hospital,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    out = io.BytesIO()
    signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), about, signer=simple, output=out)
    return out.getvalue()
