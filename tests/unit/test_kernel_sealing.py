"""Sealing: a value opens only in its place, whole, under a key of the ring; the key file is never spoilt."""

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.errors import CurbsideError, KeyMissing
from bot.kernel.sealing import KeyRing

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = "inbox.payload:01ABC"


@given(st.binary(max_size=200))
def test_what_is_sealed_opens_and_shows_nothing(plain: bytes) -> None:
    ring = KeyRing([OLD])
    sealed = ring.seal(plain, PLACE)
    assert ring.open(sealed, PLACE) == plain
    assert sealed != ring.seal(plain, PLACE), "equal values must not look equal"
    assert len(plain) < 8 or plain not in sealed


@pytest.mark.parametrize("place", ["inbox.payload:01ABD", "outbox.body:01ABC", ""])
def test_a_moved_value_does_not_open(place: str) -> None:
    sealed = KeyRing([OLD]).seal(b"text", PLACE)
    with pytest.raises(CurbsideError, match="altered or moved"):
        KeyRing([OLD]).open(sealed, place)


def test_no_byte_can_be_changed_cut_off_or_added() -> None:
    ring = KeyRing([OLD])
    sealed = ring.seal(b"text", PLACE)
    for index in range(len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 1
        with pytest.raises(CurbsideError):
            ring.open(bytes(altered), PLACE)
        with pytest.raises(CurbsideError):
            ring.open(sealed[:index], PLACE)
    with pytest.raises(CurbsideError):
        ring.open(sealed + b"x", PLACE)


def test_a_missing_key_is_named_as_such_and_tells_no_row() -> None:
    with pytest.raises(KeyMissing, match="at-rest key file") as caught:
        KeyRing([NEW]).open(KeyRing([OLD]).seal(b"text", PLACE), PLACE)
    assert "01ABC" not in str(caught.value)


def test_old_keys_open_and_the_newest_seals() -> None:
    before, after = KeyRing([OLD]), KeyRing([OLD, NEW])
    sealed = before.seal(b"text", PLACE)
    assert after.open(sealed, PLACE) == b"text"
    assert not after.is_current(sealed) and before.is_current(sealed)
    assert KeyRing([NEW]).open(after.seal(b"text", PLACE), PLACE) == b"text"
    assert (before.size, after.size) == (1, 2)


def test_derived_keys_survive_a_rotation_and_differ_by_purpose() -> None:
    assert KeyRing([OLD]).derive("audit") == KeyRing([OLD, NEW]).derive("audit")
    assert KeyRing([OLD]).derive("audit") != KeyRing([OLD]).derive("other")
    assert OLD not in KeyRing([OLD]).derive("audit")


def test_the_key_file_grows_line_by_line_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "at-rest.keys"
    KeyRing.append_new_key(path)
    first = KeyRing.load(path)
    sealed = first.seal(b"text", PLACE)
    KeyRing.append_new_key(path)
    second = KeyRing.load(path)
    assert (first.size, second.size) == (1, 2)
    assert second.open(sealed, PLACE) == b"text" and not second.is_current(sealed)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["at-rest.keys"]


def test_a_file_without_a_last_line_break_is_not_spoilt(tmp_path: Path) -> None:
    path = tmp_path / "at-rest.keys"
    path.write_text(base64.b64encode(OLD).decode())
    KeyRing.append_new_key(path)
    assert KeyRing.load(path).open(KeyRing([OLD]).seal(b"text", PLACE), PLACE) == b"text"


def test_a_running_ring_takes_over_added_keys_but_no_others(tmp_path: Path) -> None:
    path = tmp_path / "at-rest.keys"
    KeyRing.append_new_key(path)
    running = KeyRing.load(path)
    audit = running.derive("audit")
    KeyRing.append_new_key(path)
    assert running.open(KeyRing.load(path).seal(b"text", PLACE), PLACE) == b"text"
    assert running.size == 2 and running.derive("audit") == audit
    path.unlink()
    KeyRing.append_new_key(path)
    with pytest.raises(KeyMissing):
        running.open(KeyRing.load(path).seal(b"text", PLACE), PLACE)
    assert running.size == 2
    path.write_text("broken")
    with pytest.raises(KeyMissing):
        running.open(KeyRing([NEW]).seal(b"text", PLACE), PLACE)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"not base64!\n", base64.b64encode(b"short"), b"\xff\xfe", b"YQ==="]
)
def test_a_broken_key_file_is_one_clear_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "at-rest.keys"
    path.write_bytes(content)
    with pytest.raises(CurbsideError, match="at-rest key file"):
        KeyRing.load(path)


def test_a_key_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CurbsideError, match="restore it"):
        KeyRing.load(tmp_path / "missing")
    with pytest.raises(CurbsideError, match="cannot be read"):
        KeyRing.load(tmp_path)
