"""Rules of policy lists: globs, exemptions, and never against ourselves."""

from __future__ import annotations

import fnmatch
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rooms.moderation.lists.rules import (
    ROOM,
    SERVER,
    USER,
    Globs,
    Guard,
    Rule,
    RuleBook,
    glob_matches,
    matches,
    read,
    server_matches,
)

EVE, SAM = "@eve:evil.example", "@sam:bad.example:8448"
BOT, MOD, OURS = "@curbside:north.example", "@mod:south.example", "north.example"
GUARD = Guard(OURS, frozenset({BOT, MOD}))
BAN = {"recommendation": "m.ban", "reason": "spam"}


@given(st.text(alphabet="ab*?:", max_size=12), st.text(alphabet="ab:", max_size=12))
def test_globs_agree_with_the_standard_library(glob: str, text: str) -> None:
    expected = re.fullmatch(fnmatch.translate(glob), text) is not None
    assert glob_matches(glob, text) == expected
    assert (Globs([glob]).find(text) is not None) == expected


@given(st.lists(st.text(alphabet="ab*?", max_size=6), max_size=8), st.text(alphabet="ab", max_size=8))
def test_many_globs_are_the_same_as_each_of_them(globs: list[str], text: str) -> None:
    found = Globs(globs).find(text)
    assert (found is not None) == any(glob_matches(glob, text) for glob in globs)
    assert found is None or glob_matches(found, text)


def test_a_hostile_glob_takes_no_time() -> None:
    began = time.perf_counter()
    assert not glob_matches("*a" * 120 + "b", "a" * 255)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        ("m.policy.rule.user", {"entity": EVE, **BAN}, Rule(USER, EVE)),
        ("m.policy.rule.room", {"entity": "!r:x", **BAN}, Rule(ROOM, "!r:x")),
        ("org.matrix.mjolnir.rule.server", {"entity": "evil.example", **BAN}, Rule(SERVER, "evil.example")),
        ("m.room.rule.user", {"entity": EVE, "recommendation": "org.matrix.mjolnir.ban"}, Rule(USER, EVE)),
        ("m.policy.rule.user", {}, None),
        ("m.policy.rule.user", {"entity": EVE}, None),
        ("m.policy.rule.user", {"entity": EVE, "recommendation": "m.takedown"}, None),
        ("m.policy.rule.user", {"entity": EVE, "recommendation": ["m.ban"]}, None),
        ("m.policy.rule.user", {"entity": [EVE], **BAN}, None),
        ("m.policy.rule.user", {"entity": "", **BAN}, None),
        ("m.policy.rule.user", {"entity": "@" + "x" * 300, **BAN}, None),
        ("m.policy.rule.moon", {"entity": EVE, **BAN}, None),
    ],
)
def test_rules_are_read(kind: str, content: dict[str, object], expected: Rule | None) -> None:
    assert read(kind, content) == expected


def test_servers_match_with_and_without_port_in_any_case() -> None:
    assert server_matches("bad.example", "bad.example:8448")
    assert server_matches("BAD.example:8448", "bad.example:8448")
    assert server_matches("*.bad.example", "sub.bad.example")
    assert not server_matches("bad.example", "notbad.example")
    assert not server_matches("bad.example:1", "bad.example:8448")


def test_who_stands_on_a_list() -> None:
    rules = [Rule(USER, EVE), Rule(SERVER, "bad.example"), Rule(ROOM, "!room:x")]
    book = RuleBook(rules)
    for user in (EVE, SAM, "@x:BAD.example"):
        assert book.about(user) == matches(user, rules) != None  # noqa: E711 - one comparison says both
    for user in (BOT, "@eve:evil.example2", "@eve2:evil.example", "!room:x"):
        assert book.about(user) is None and matches(user, rules) is None
    assert book.about_room("!room:x") and not book.about_room("!other:x")


def test_the_exempt_are_spared_by_name_and_by_homeserver() -> None:
    rules = [Rule(USER, "@*:*.example"), Rule(SERVER, "*.example:8448"), Rule(SERVER, "evil.example")]
    book = RuleBook(rules, ["@sam:*", "evil.example"])
    assert book.about(EVE) is None and book.about("@sam:new.example") is None
    assert book.about("@tom:new.example") == Rule(USER, "@*:*.example")
    assert book.servers() == {"*.example:8448"}
    assert RuleBook(rules, ["good.example:8448"]).servers() == {"evil.example"}


def test_we_never_ban_ourselves() -> None:
    rules = [
        Rule(USER, "@*"), Rule(SERVER, "*"), Rule(SERVER, "north.*"), Rule(SERVER, "south.example"),
        Rule(SERVER, "evil.example"), Rule(USER, MOD), Rule(USER, "@bad:north.example"), Rule(USER, EVE),
    ]  # fmt: skip
    book = RuleBook(rules, guard=GUARD)
    for user in (BOT, MOD, "@anybody:north.example"):
        assert book.about(user) is None
    assert book.about(EVE) is not None and book.about("@someone:south.example") is not None
    assert book.servers() == {"evil.example"}
    assert [rule.entity for rule, _hit in book.guarded()] == [
        "@*", "*", "north.*", "south.example", MOD, "@bad:north.example",
    ]  # fmt: skip


def test_ten_thousand_rules_and_ten_thousand_people() -> None:
    rules = [Rule(USER, f"@spam{number}:evil{number % 50}.example") for number in range(9_000)]
    rules += [Rule(USER, f"@*{number}:worse{number}.example") for number in range(900)]
    rules += [Rule(USER, f"@troll{number}*") for number in range(90)]
    rules += [Rule(SERVER, f"*.pest{number}.example") for number in range(10)]
    began = time.perf_counter()
    book = RuleBook(rules, ["@friend*:*"], GUARD)
    hits = sum(book.about(f"@person{number}:h{number % 200}.example") is not None for number in range(10_000))
    assert hits == 0 and time.perf_counter() - began < 5
    assert book.about("@x7:worse7.example") == Rule(USER, "@*7:worse7.example")
    assert book.about("@troll89x:any.example") == Rule(USER, "@troll8*")
