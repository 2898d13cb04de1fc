"""A wrong option of a bridge is one sentence that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.kernel.errors import CurbsideError
from bridges.making import make, makers

KANNEL = {
    "kind": "kannel",
    "url": "http://127.0.0.1:13013/cgi-bin/sendsms",
    "user": "curbside",
    "password_file": "password",
    "sender": "4930123456",
    "callback": "http://127.0.0.1:8090",
    "secret_file": "secret",
}
SNPP = {"kind": "snpp", "host": "127.0.0.1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("password", "secret"):
        (tmp_path / name).write_text("only-a-test\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two words").write_text("two words\n")
    return tmp_path


def test_ours_are_installed() -> None:
    assert {"kannel", "snpp"} <= set(makers())


@pytest.mark.parametrize("table", [KANNEL, SNPP])
def test_what_is_needed_is_enough(folder: Path, table: dict[str, Any]) -> None:
    assert set(make({"one": table}, ["curbside"], folder).bridges) == {"one"}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"kind": "pigeon"}, "bridges.one.kind: there is no such kind"),
        (KANNEL | {"url": ""}, "bridges.one.url: is required."),
        (KANNEL | {"url": 5}, "bridges.one.url: must be text in quotes."),
        (
            KANNEL | {"url": "http://sms.hospital.example/sendsms"},
            "bridges.one.url: must be a URL with https",
        ),
        (KANNEL | {"url": "http://[::1"}, "bridges.one.url: must be a URL with https"),
        (KANNEL | {"sender": "St. Anna Hospital"}, "bridges.one.sender: must be a number"),
        (KANNEL | {"password_file": "missing"}, "bridges.one.password_file: cannot read"),
        (KANNEL | {"password_file": "empty"}, "bridges.one.password_file: .* is empty"),
        (KANNEL | {"settle": 0}, "bridges.one.settle: must be a number from 1 to 600."),
        (KANNEL | {"settle": True}, "bridges.one.settle: must be a number"),
        (KANNEL | {"status_url": "http://127.0.0.1:13000"}, "bridges.one.status_password_file: is required."),
        (KANNEL | {"pasword": "x"}, "bridges.one.pasword: is not an option of this bridge"),
        (SNPP | {"port": 70000}, "bridges.one.port: must be a number from 1 to 65535."),
        (SNPP | {"login": "two words"}, "bridges.one.login: must be one word"),
        (SNPP | {"login": "x", "password_file": "two words"}, "bridges.one.password_file: must be one word"),
        (SNPP | {"in_doubt": "ask"}, 'bridges.one.in_doubt: must be "stop" or "again".'),
    ],
)
def test_a_wrong_option_is_named(folder: Path, table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CurbsideError, match=sentence):
        make({"one": table}, ["curbside"], folder)
