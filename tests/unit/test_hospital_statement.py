"""Statements between operators: their form, their signatures, and every way to cheat with one."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from bot.directory.hospital.rules import Hospital
from bot.directory.hospital.signing import new_key, sign, signers
from bot.directory.hospital.statement import (
    BEGIN,
    END,
    MOST_BYTES,
    Signed,
    Statement,
    StatementRefused,
    canonical_json,
    fingerprint,
    judge,
    key_id,
    read,
    same_fingerprint,
    write,
)

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def _key(name: bytes) -> tuple[str, str]:
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name).digest())
    halves = private.public_key().public_bytes_raw(), private.private_bytes_raw()
    public, seed = (base64.b64encode(half).decode().rstrip("=") for half in halves)
    return public, seed


KEY, OLD, OTHER = _key(b"key"), _key(b"old"), _key(b"other")
US = "north.example"
SOUTH = Statement(
    server="south.example",
    name="South Hospital",
    key=KEY[0],
    bots=("@curbside:south.example",),
    contact="it-desk@south.example",
    allow=frozenset({"rooms", "consults"}),
    issued=NOW,
    expires=NOW + timedelta(days=365),
    sequence=7,
)


def statement(**changes: Any) -> Statement:
    return replace(SOUTH, **changes)


def signed(*keys: tuple[str, str], **changes: Any) -> Signed:
    return sign(statement(**changes), keys or [KEY])


def known(one: Signed, **changes: Any) -> Hospital:
    of = one.statement
    hospital = Hospital(
        of.server, of.name, key=of.key, offered=of.allow, permitted=of.allow, statement_id=one.id,
        sequence=of.sequence, issued=of.issued, expires=of.expires,
    )  # fmt: skip
    return replace(hospital, **changes)


def judged(one: Signed, *hospitals: Hospital, own_keys: tuple[str, ...] = (), **when: Any) -> Hospital | None:
    keys = {one.statement.key, *(hospital.key for hospital in hospitals if hospital.key)}
    return judge(one, signers(one, keys), hospitals, own=US, own_keys=own_keys, now=when.get("now", NOW))


def refusal(one: Signed, *hospitals: Hospital, **options: Any) -> str:
    with pytest.raises(StatementRefused) as refused:
        judged(one, *hospitals, **options)
    assert str(refused.value).endswith(".")
    return refused.value.code


def altered(one: Signed, **changes: Any) -> Signed:
    """The same signatures under other words."""
    content = json.loads(one.content) | changes
    content["signatures"] = {SOUTH.server: dict(one.signatures)}
    return read(json.dumps(content))


# Form --------------------------------------------------------------------------------------------


def test_what_is_written_is_read() -> None:
    one = signed()
    text = write(one)
    assert all(len(line) <= 76 for line in text.splitlines())
    assert read(text) == one
    assert read(hostile()).statement == SOUTH
    assert read(json.dumps(json.loads(base64.b64decode("".join(text.splitlines()[1:-1]))))) == one


@pytest.mark.parametrize(
    "mangle",
    [
        lambda text: "> " + text.replace("\n", "\n> "),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: f"Dear colleague,\n\nours:\n\n{text}\n-- \nIT desk\n",
        lambda text: text.replace("\n", "\n\n"),
        lambda text: "\n".join("   " + line for line in text.splitlines()),
        lambda text: ">> " + text.replace("\n", "\n>> "),
    ],
)
def test_it_survives_the_mail(mangle: Any) -> None:
    assert read(mangle(write(signed()))) == signed()


# The examples of the specification's appendices, "Canonical JSON".
@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ({}, "{}"),
        ({"one": 1, "two": "Two"}, '{"one":1,"two":"Two"}'),
        ({"b": "2", "a": "1"}, '{"a":"1","b":"2"}'),
        ({"a": "日本語"}, '{"a":"日本語"}'),
        ({"本": 2, "日": 1}, '{"日":1,"本":2}'),
        ({"a": "\u65e5"}, '{"a":"日"}'),
        ({"a": None}, '{"a":null}'),
    ],
)
def test_canonical_json(value: Any, canonical: str) -> None:
    assert canonical_json(value).decode() == canonical


@pytest.mark.parametrize("value", [1.5, float("nan"), 2**53, -(2**53), {"a": [1.0]}])
def test_canonical_json_has_no_place_for_some_numbers(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


def test_a_signature_is_that_of_the_specification() -> None:
    """Appendices, "Cryptographic Test Vectors": the seed there signs `{"one": 1, "two": "Two"}` so."""
    seed = base64.b64decode("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1=")
    made = Ed25519PrivateKey.from_private_bytes(seed).sign(canonical_json({"one": 1, "two": "Two"}))
    assert base64.b64encode(made).decode().rstrip("=") == (
        "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw"
    )


def hostile(**changes: Any) -> str:
    content = SOUTH.to_json() | {"signatures": {SOUTH.server: dict(signed().signatures)}} | changes
    return json.dumps({name: value for name, value in content.items() if value is not ...})


NO_STATEMENTS = [
    "",
    "hello",
    BEGIN,
    BEGIN + "\n" + END,
    BEGIN + "\n%%%%\n" + END,
    write(signed())[:-60],
    write(signed()) + write(signed()),
    write(signed()).replace("ey", "eA", 1),
    "[]",
    "null",
    "[" * 50_000,
    '{"a":' * 10_000,
    '{"type": "org.curbside.hospital_statement"}',
    hostile(type="other"),
    hostile(extra=1),
    hostile(name=...),
    hostile(signatures={}),
    hostile(signatures=[]),
    hostile(signatures={SOUTH.server: {"ed25519:x": "y"}}),
    hostile(signatures={"west.example": dict(signed().signatures)}),
    hostile(server_name="süd.example"),
    hostile(server_name="ѕouth.example"),
    hostile(server_name="South.example"),
    hostile(server_name="south.example\n"),
    hostile(server_name="south..example"),
    hostile(server_name="south.example/x"),
    hostile(server_name="a" * 250 + ".example"),
    hostile(server_name=["south.example"]),
    hostile(name=""),
    hostile(name="South\u202eHospital"),
    hostile(name="South\nHospital"),
    hostile(name=" South"),
    hostile(name="x" * 101),
    hostile(name="\ud800"),
    hostile(contact=None),
    hostile(key="short"),
    hostile(key="=" * 43),
    hostile(bots=["@curbside:west.example"]),
    hostile(bots=["curbside"]),
    hostile(bots=["@curbside:south.example"] * 21),
    hostile(bots={}),
    hostile(allow="rooms"),
    hostile(allow=[1]),
    hostile(sequence="7"),
    hostile(sequence=True),
    hostile(sequence=0),
    hostile(sequence=2**53),
    hostile(issued=-1),
    hostile(expires=10**15 * 9),
    hostile(expires=SOUTH.to_json()["issued"]),
    hostile(expires=SOUTH.to_json()["issued"] + 2000 * 86_400_000),
    hostile(addressee="*"),
    hostile().replace('"sequence": 7', '"sequence": 7.0'),
    hostile().replace('"sequence": 7', '"sequence": 7, "sequence": 8'),
    hostile().replace('"sequence": 7', '"sequence": NaN'),
    hostile().replace('"sequence": 7', '"sequence": ' + "9" * 5000),
]


@pytest.mark.parametrize("text", NO_STATEMENTS, ids=range(len(NO_STATEMENTS)))
def test_what_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(StatementRefused) as refused:
        read(text)
    assert refused.value.code == "form"


def test_a_huge_text_is_not_even_read() -> None:
    with pytest.raises(StatementRefused) as refused:
        read(write(signed()) + "x" * MOST_BYTES)
    assert refused.value.code == "size"


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_any_other_text_is_refused_in_order(text: str) -> None:
    for tried in (text, f"{BEGIN}\n{text}\n{END}", f"{BEGIN}{base64.b64encode(text.encode()).decode()}{END}"):
        with pytest.raises(StatementRefused):
            read(tried)


def test_what_a_later_version_offers_is_not_granted_but_signed() -> None:
    content = SOUTH.to_json() | {"allow": ["rooms", "teleport"]}
    one = read(json.dumps(content | {"signatures": {SOUTH.server: dict(signed().signatures)}}))
    assert one.statement.allow == {"rooms"}
    assert b"teleport" in one.content
    assert signers(one, [KEY[0]]) == set()  # which those signatures do not cover


# Fingerprints ------------------------------------------------------------------------------------


def test_fingerprints_can_be_read_out() -> None:
    shown = fingerprint(KEY[0])
    assert len(shown) == 8 * 5 + 7
    assert all(len(group) == 5 and group.isdecimal() for group in shown.split())
    assert same_fingerprint(shown, shown.replace(" ", "-"))
    assert same_fingerprint(shown, shown.replace(" ", ""))
    assert not same_fingerprint(shown, fingerprint(OTHER[0]))
    assert fingerprint(KEY[0]) == shown


# Whether it counts -------------------------------------------------------------------------------


def test_a_new_key_signs() -> None:
    key = new_key()
    assert key != new_key()
    assert judged(sign(statement(key=key[0]), [key])) is None


def test_a_first_statement_and_its_renewal_count() -> None:
    first = signed()
    assert judged(first) is None
    before = known(first)
    assert judged(first, before) == before  # the same once more
    assert judged(signed(sequence=8), before) == before
    assert judged(signed(addressee=US)) is None


def test_forged_and_altered_ones_do_not() -> None:
    stolen = Signed(SOUTH, signed().content, {key_id(KEY[0]): base64.b64encode(bytes(64)).decode()[:86]})
    assert refusal(stolen) == "signature"
    assert refusal(sign(SOUTH, [OTHER])) == "signature"  # somebody else's signature only
    wrong_name = Signed(
        SOUTH, signed().content, {key_id(KEY[0]): sign(SOUTH, [OTHER]).signatures[key_id(OTHER[0])]}
    )
    assert refusal(wrong_name) == "signature"
    for changes in ({"name": "Other"}, {"sequence": 99}, {"allow": ["invites", "rooms", "consults"]}):
        assert refusal(altered(signed(), **changes)) == "signature"


def test_an_older_one_is_not_played_again() -> None:
    newest = signed(sequence=9)
    assert refusal(signed(sequence=8), known(newest)) == "replay"
    assert refusal(signed(sequence=9, name="Another"), known(newest)) == "replay"
    assert refusal(signed(sequence=8), known(newest, state="suspended")) == "replay"
    assert refusal(signed(sequence=8), known(newest, state="removed")) == "replay"
    assert refusal(signed(addressee="west.example")) == "addressee"  # nor one that was meant for others


def test_a_changed_key_needs_the_old_ones_signature() -> None:
    before = known(sign(statement(key=OLD[0]), [OLD]))
    assert refusal(signed(sequence=8), before) == "key"
    assert refusal(signed(KEY, OTHER, sequence=8), before) == "key"
    assert judged(signed(KEY, OLD, sequence=8), before) == before
    assert refusal(signed(KEY, OLD, sequence=6), before) == "replay"
    assert refusal(signed(OLD, sequence=8), before) == "signature"  # the new one must sign as well
    assert judged(signed(sequence=8), replace(before, state="removed")) is not None
    assert refusal(signed(sequence=8), replace(before, state="suspended")) == "key"


def test_a_known_key_stands_for_one_server() -> None:
    west = known(sign(statement(server="west.example", bots=()), [KEY]))
    assert refusal(signed(), west) == "server"
    assert refusal(signed(), replace(west, state="removed")) == "server"


def test_nobody_speaks_for_us() -> None:
    assert refusal(sign(statement(server=US, bots=()), [KEY])) == "own"
    assert refusal(signed(), own_keys=(KEY[0],)) == "own"


def test_times() -> None:
    assert refusal(signed(), now=SOUTH.expires) == "expired"
    assert judged(signed(), now=SOUTH.expires - timedelta(seconds=1)) is None
    assert refusal(signed(), now=NOW - timedelta(hours=2)) == "future"
    assert judged(signed(), now=NOW - timedelta(minutes=50)) is None


def test_a_key_in_another_spelling_is_no_key() -> None:
    """Unpadded base64 of 32 bytes leaves two bits unused: they must be zero, else one key has four names."""
    other = KEY[0][:-1] + chr(ord(KEY[0][-1]) + 1)
    if base64.b64decode(other + "=") != base64.b64decode(KEY[0] + "="):
        pytest.skip("the next letter is another key")
    one = sign(statement(key=other), [(other, KEY[1])])
    assert refusal(one) == "signature"


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_flipped_bit_goes_unseen(place: int, bits: int) -> None:
    one = signed()
    content = bytearray(one.content)
    content[place % len(content)] ^= bits
    assert signers(Signed(SOUTH, bytes(content), one.signatures), [KEY[0]]) == set()
    assert hashlib.sha256(bytes(content)).hexdigest() != one.id
