"""Server access lists: the globs of the specification, and never locking oneself out."""

import fnmatch

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.directory.acl import LockedOut, compute, cut_off, host_of, permits

OWN = "north.example:8448"
hosts = st.from_regex(r"[a-z][a-z0-9]{0,6}(\.[a-z]{1,5}){0,2}", fullmatch=True)
ports = st.sampled_from(["", ":8448", ":1", ":65535"])
servers = st.builds("{}{}".format, hosts, ports)
globs = st.text("ab.*?x", min_size=1, max_size=12)


def test_a_closed_list_names_every_server_without_its_port() -> None:
    """Our own also with it: Synapse refuses a list that does not (synapse/events/validator.py)."""
    content = compute(OWN, {"south.example:9102", "west.example"}, bots_server=OWN)
    assert content == {
        "allow": ["north.example", OWN, "south.example", "west.example"],
        "deny": [],
        "allow_ip_literals": False,
    }


def test_an_open_list_denies() -> None:
    content = compute(OWN, {"*"}, {"evil.example", "*.bad.example"}, bots_server=OWN)
    assert (content["allow"], content["deny"]) == (["*"], ["*.bad.example", "evil.example"])
    assert permits(content, "anybody.example")
    assert not permits(content, "evil.example:1234")
    assert not permits(content, "EVIL.example")
    assert not permits(content, "x.bad.example")
    assert permits(content, "bad.example")
    assert not permits(content, "10.0.0.1")
    assert not permits(content, "[::1]:8448")


@pytest.mark.parametrize(
    "glob", ["north.example", "*", "*.example", "nort?.example", "NORTH.example", "n*h*e"]
)
def test_we_never_deny_ourselves(glob: str) -> None:
    with pytest.raises(LockedOut, match="our own homeserver"):
        compute(OWN, {"*"}, {glob}, bots_server=OWN)
    with pytest.raises(LockedOut, match="our own homeserver"):
        compute("elsewhere.org", {"*"}, {glob}, bots_server="north.example")


def test_moderators_are_not_cut_off() -> None:
    mods = ["@mo:south.example:9102", "@mira:north.example:8448"]
    with pytest.raises(LockedOut, match=r"cut off south\.example:9102"):
        compute(OWN, {"west.example"}, bots_server=OWN, moderators=mods)
    with pytest.raises(LockedOut, match="south"):
        compute(OWN, {"*"}, {"south.*"}, bots_server=OWN, moderators=mods)
    assert compute(OWN, {"south.example"}, bots_server=OWN, moderators=mods)["allow"]


def test_nobody_at_all_is_refused() -> None:
    with pytest.raises(LockedOut, match="empty"):
        compute("", (), bots_server="")


def test_our_own_address_as_a_number_is_allowed() -> None:
    content = compute("127.0.0.1:8448", (), bots_server="127.0.0.1:8448")
    assert content["allow_ip_literals"] is True
    assert permits(content, "127.0.0.1:9999")
    assert host_of("[::1]:8448") == "[::1]"
    assert host_of("[::1]") == "[::1]"


def test_it_tells_whose_servers_are_cut_off() -> None:
    content = compute(OWN, {"south.example"}, bots_server=OWN)
    users = ["@a:south.example:1", "@b:west.example", "@c:west.example", "@d:north.example"]
    assert cut_off(content, users) == ["west.example"]


@pytest.mark.parametrize(
    "content", [{}, {"allow": "x"}, {"allow": [1, None]}, {"deny": ["*"], "allow": ["*"]}]
)
def test_a_list_without_allow_lets_nobody_in(content: dict[str, object]) -> None:
    assert not permits(content, "north.example")


@given(own=servers, allowed=st.sets(servers, max_size=5), denied=st.sets(globs, max_size=3), probe=servers)
def test_ours_get_in_and_nobody_who_is_not_named(
    own: str, allowed: set[str], denied: set[str], probe: str
) -> None:
    try:
        content = compute(own, allowed, denied, bots_server=own)
    except LockedOut:
        assert any(fnmatch.fnmatchcase(host_of(own), glob) for glob in denied)
        return
    assert permits(content, own)
    known = {host_of(server) for server in (own, *allowed)}
    if host_of(probe) not in known:
        assert not permits(content, probe)
    for server in allowed:
        blocked = any(fnmatch.fnmatchcase(host_of(server), glob) for glob in denied)
        assert permits(content, server) is not blocked


@given(host=hosts, one=ports, other=ports, glob=globs)
def test_ports_do_not_matter(host: str, one: str, other: str, glob: str) -> None:
    content = {"allow": [glob]}
    assert permits(content, host + one) == permits(content, host + other)


@given(glob=globs, host=st.text("abx.", min_size=1, max_size=12))
def test_globs_are_those_of_the_specification(glob: str, host: str) -> None:
    assert permits({"allow": [glob]}, host) is fnmatch.fnmatchcase(host, glob)
    assert permits({"allow": ["*"], "deny": [glob]}, host) is not fnmatch.fnmatchcase(host, glob)


@given(own=hosts, server=hosts)
def test_denying_wins(own: str, server: str) -> None:
    assume(own != server)
    assert not permits(compute(own, {server}, {server}, bots_server=own), server)


def test_a_hostile_glob_takes_no_time() -> None:
    assert not permits({"allow": ["*a" * 60 + "b"]}, "a" * 240)
