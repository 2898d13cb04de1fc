"""Pure rules of the directory: evidence and its end, vouching, numbers, codes, what people look for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.deid.recognizers import checks
from bot.directory import codes, numbers, rules
from bot.directory.numbers import BadNumber, npi_ok
from bot.directory.profiles import rules as finding
from bot.directory.profiles.rules import Profile, Wanted
from bot.directory.rules import Base
from bot.directory.standing import HOLD, VOUCH, Evidence, Level, standing

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
moments = st.integers(-500, 500).map(lambda days: NOW + days * DAY)
levels = st.sampled_from(Level)
evidence = st.builds(
    Evidence,
    st.sampled_from(["number", "email", "register", "oidc", VOUCH]),
    levels,
    moments,
    st.none() | moments,
    st.none() | moments,
)


# Standings ---------------------------------------------------------------------------------------


@given(st.lists(evidence, max_size=6))
def test_a_level_holds_until_its_end_and_falls_then(known: list[Evidence]) -> None:
    now = standing("@a:x", known, "ours", NOW)
    assert now.level <= now.had
    assert now.until is None or now.until > NOW
    if now.until is not None:
        just_before = standing("@a:x", known, "ours", now.until - timedelta(milliseconds=1))
        assert just_before.level >= now.level
        assert standing("@a:x", known, "ours", now.until).level < now.level


@given(st.lists(evidence, max_size=6), moments)
def test_a_hold_leaves_nothing(known: list[Evidence], since: datetime) -> None:
    held = standing("@a:x", [*known, Evidence(HOLD, Level.L0, since)], "ours", NOW)
    assert held.level is Level.L0
    assert held.had == standing("@a:x", known, "ours", NOW).had


@given(st.lists(evidence, max_size=6), levels, levels)
def test_sources_speak_as_they_do_now(known: list[Evidence], roster: Level, server: Level) -> None:
    seen = Evidence("roster", Level.L3, NOW - 9 * DAY)
    merged = rules.with_sources([*known, seen], NOW, roster=roster, server=server)
    counting = {one.method: one for one in merged if one.counts(NOW) and one.method in ("roster", "server")}
    assert counting.keys() == {
        name for name, level in (("roster", roster), ("server", server)) if level > Level.L0
    }
    assert standing("@a:x", merged, "ours", NOW).had >= Level.L3
    if roster is Level.L3:
        assert counting["roster"].since == seen.since


def test_a_renewal_keeps_its_beginning_unless_there_was_a_gap() -> None:
    running = Evidence("oidc", Level.L3, NOW - 90 * DAY, NOW + DAY)
    assert rules.since([running], "oidc", Level.L3, NOW) == running.since
    assert rules.since([running], "oidc", Level.L4, NOW) == NOW
    assert rules.since([running], "ldap", Level.L3, NOW) == NOW
    for ended in (replace(running, until=NOW), replace(running, withdrawn=NOW - DAY)):
        assert rules.since([ended], "oidc", Level.L3, NOW) == NOW


@given(st.none() | moments, st.integers(0, 30))
def test_the_next_moment_is_never_the_same_twice(until: datetime | None, days: int) -> None:
    moment = rules.next_moment(until, NOW, days * DAY)
    if until is None:
        assert moment is None
    elif moment != until:
        assert moment is not None and moment > NOW
        assert rules.next_moment(until, moment, days * DAY) == until


def test_changes_of_the_roster() -> None:
    since = NOW - 50 * DAY
    seen = {
        "@same:x": Evidence("roster", Level.L3, since),
        "@fell:x": Evidence("roster", Level.L4, since),
        "@rose:x": Evidence("roster", Level.L2, since),
        "@gone:x": Evidence("roster", Level.L3, since),
        "@back:x": Evidence("roster", Level.L3, since, withdrawn=since + DAY),
        "@long-gone:x": Evidence("roster", Level.L3, since, withdrawn=since + DAY),
    }
    levels_now = dict.fromkeys(["@same:x", "@fell:x", "@rose:x", "@back:x", "@new:x"], Level.L3)
    changes = rules.roster_changes(levels_now, seen, NOW)
    assert changes == {
        "@fell:x": Evidence("roster", Level.L3, since),
        "@rose:x": Evidence("roster", Level.L3, NOW),
        "@gone:x": Evidence("roster", Level.L3, since, withdrawn=NOW),
        "@back:x": Evidence("roster", Level.L3, NOW),
        "@new:x": Evidence("roster", Level.L3, NOW),
    }
    assert rules.roster_changes(levels_now, {**seen, **changes}, NOW) == {}


# Vouching ----------------------------------------------------------------------------------------

people = st.sampled_from(["@a:1", "@b:2", "@c:3", "@d:4", "@e:5"])


@given(st.lists(st.tuples(people, people), max_size=14))
def test_no_ring_of_two_or_three_ever_closes(asked: list[tuple[str, str]]) -> None:
    live: set[tuple[str, str]] = set()
    for voucher, candidate in asked:
        if voucher != candidate and not rules.closes_ring(voucher, candidate, live):
            live.add((voucher, candidate))
    for one, other in live:
        assert (other, one) not in live
        assert not any(
            (other, third) in live and (third, one) in live
            for third in {person for pair in live for person in pair}
        )


def someone(name: str, hospital: str, *, since: int = 90, until: datetime | None = None) -> Base:
    return Base(f"@{name}:{hospital}", hospital, True, NOW - since * DAY, until)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.none() | moments, moments, st.booleans()), max_size=7),
    st.integers(1, 3),
    st.none() | moments,
)
def test_vouches_are_worth_what_enough_hospitals_uphold(
    given_vouches: list[tuple[int, datetime | None, datetime, bool]], needed: int, until: datetime | None
) -> None:
    candidate = replace(someone("anna", "h0"), until=until)
    vouchers = [
        Base(f"@v{place}:h{hospital}", f"h{hospital}", takes_part, NOW - 90 * DAY, end)
        for place, (hospital, end, _made, takes_part) in enumerate(given_vouches)
    ]
    made = {who.user_id: given_vouches[place][2] for place, who in enumerate(vouchers)}

    def upholding(moment: datetime) -> set[str]:
        return {
            who.hospital
            for who in vouchers
            if who.stands
            and who.hospital != "h0"
            and moment < made[who.user_id] + 365 * DAY
            and (who.until is None or moment < who.until)
        }

    worth = rules.vouched_until(candidate, vouchers, made, needed, 365 * DAY, NOW)
    if worth is None:
        assert len(upholding(NOW)) < needed
        return
    assert worth.until is not None
    last = worth.until - timedelta(milliseconds=1)
    assert len(upholding(NOW)) >= needed
    assert last < NOW or len(upholding(last)) >= needed
    assert len(upholding(worth.until)) < needed or worth.until == until


def test_who_may_vouch() -> None:
    anna, eva = someone("anna", "north"), someone("eva", "east")

    def asked(
        voucher: Base = eva, candidate: Base = anna, *live: tuple[str, str], made: int = 0
    ) -> str | None:
        return rules.may_vouch(voucher, candidate, live, made, 3, 30 * DAY, NOW)

    assert asked() is None
    assert asked(candidate=eva) == "self"
    assert asked(replace(eva, since=None)) == asked(replace(eva, takes_part=False)) == "level"
    assert asked(someone("eva", "east", since=29)) == "young"
    assert asked(someone("ben", "north")) == "hospital"
    assert asked(candidate=replace(anna, since=None)) == "candidate"
    assert asked(eva, anna, (eva.user_id, anna.user_id)) == "again"
    assert asked(eva, anna, (anna.user_id, eva.user_id)) == "ring"
    assert asked(eva, anna, (anna.user_id, "@w:w"), ("@w:w", eva.user_id)) == "ring"
    assert asked(eva, anna, made=3) == "limit"


def test_a_base_counts_neither_vouches_nor_what_is_held() -> None:
    strong = Evidence("register", Level.L3, NOW - 40 * DAY, NOW + 5 * DAY)
    vouched = Evidence(VOUCH, Level.L4, NOW - 50 * DAY)
    base = rules.base("@a:x", "x", "listed", [strong, vouched], NOW)
    assert (base.since, base.until, base.stands) == (strong.since, strong.until, True)
    assert rules.base("@a:x", "x", "listed", [vouched], NOW).since is None
    assert not rules.base("@a:x", "x", "suspended", [strong], NOW).stands
    assert not rules.base("@a:x", "x", "ours", [strong, Evidence(HOLD, Level.L0, NOW)], NOW).stands


# Numbers -----------------------------------------------------------------------------------------


def test_npi_with_check_digit() -> None:
    assert npi_ok("1234567893")  # the example of CMS
    assert not npi_ok("1234567890") and not npi_ok("3234567891") and not npi_ok("123456789")
    # Luhn does not see this swap: a check digit is a typo check, no proof.
    assert npi_ok("1000000095") == npi_ok("1000000905")


@given(st.integers(0, 10**9 - 1), st.integers(0, 9), st.integers(1, 9))
def test_a_single_wrong_digit_is_always_found(body: int, place: int, change: int) -> None:
    first = f"{1 + body % 2}{body:09}"[:9]
    whole = next(first + str(digit) for digit in range(10) if checks.luhn(f"80840{first}{digit}"))
    wrong = whole[:place] + str((int(whole[place]) + change) % 10) + whole[place + 1 :]
    assert not npi_ok(wrong)


@pytest.mark.parametrize(
    ("register", "typed", "read"),
    [
        ("npi", " 1234-567 893 ", "1234567893"),
        ("NPI", "NPI:1234567893", "1234567893"),
        ("gmc", "GMC 1234567", "1234567"),
        ("ahpra", "med0001234567", "MED0001234567"),
        ("LANR", "12 345 6789", "123456789"),
    ],
)
def test_numbers_in_their_one_form(register: str, typed: str, read: str) -> None:
    assert numbers.read(register, typed).value == read


@pytest.mark.parametrize(
    ("register", "typed", "reason"),
    [
        ("npi", "1234567890", "check-digit"),
        ("npi", "٠١٢٣٤٥٦٧٨٩", "form"),
        ("gmc", "123456", "form"),
        ("ahpra", "ME00001234567", "form"),
        ("LANR", "none", "form"),
        ("<b>", "123456", "form"),
        ("A" * 40, "123456", "form"),
    ],
)
def test_what_is_no_number(register: str, typed: str, reason: str) -> None:
    with pytest.raises(BadNumber) as error:
        numbers.read(register, typed)
    assert error.value.reason == reason


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_read_or_refused(register: str, typed: str) -> None:
    try:
        number = numbers.read(register, typed)
    except BadNumber:
        return
    assert number.value == numbers.read(number.register, number.value).value


# Codes and addresses -----------------------------------------------------------------------------


def test_codes_are_read_as_people_type_them() -> None:
    for _ in range(200):
        code = codes.new_code()
        shown = codes.shown(code)
        for typed in (code, shown, shown.lower(), f" {shown.replace('-', ' ')}. ", shown.replace("0", "O")):
            assert codes.typed(typed) == code
    assert codes.typed("O1IL-0000") == "01110000"
    for text in ("", "ABCD", "ABCD-EFG", "ABCD-EFGU", "thank you", "ABCD EFGH IJKL", "１２３４５６７８"):
        assert codes.typed(text) is None


@pytest.mark.parametrize(
    "text", ["a@x.example", "A.Berg+me@X.Example", "<o'neil@x.example>", "mailto:a@x.example"]
)
def test_addresses(text: str) -> None:
    split = codes.address(text)
    assert split is not None and split[1] == "x.example"


@pytest.mark.parametrize(
    "text",
    ["", "a", "@x.example", "a@", "a b@x.example", "a@x.example, b@x.example", "a..b@x.example",
     ".a@x.example", "a@x..example", "a@x.example\r\nBcc: b@x.example", "ä@x.example", "a@[127.0.0.1]",
     '"a"@x.example'],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    assert codes.address(text) is None


def test_only_the_domain_itself_is_allowed() -> None:
    assert codes.allowed("x.example", {"X.example"})
    assert not codes.allowed("sub.x.example", {"x.example"})
    assert not codes.allowed("evilx.example", {"x.example"})
    assert codes.mailbox("A.Berg+anything", "x.example") == codes.mailbox("a.berg", "x.example")


# Whom somebody looks for -------------------------------------------------------------------------


def test_a_line_of_words_is_read() -> None:
    def specialty(phrase: str) -> str | None:
        return {"heart": "cardiology", "innere medizin": "internal"}.get(phrase.casefold())

    def language(phrase: str) -> str | None:
        return {"german": "de"}.get(phrase.casefold())

    def read(text: str) -> Wanted:
        return finding.read(text.split(), specialty, language)

    assert read("heart german berlin") == Wanted(("cardiology",), ("de",), "berlin")
    assert read("Innere Medizin in New York, accepts referrals") == Wanted(
        ("internal",), (), "New York", True
    )
    assert read("who speaks German") == Wanted((), ("de",))
    assert read("") == Wanted()
    asked = read("heart german berlin referrals")
    assert asked.criteria == ("specialty", "language", "city", "referrals")
    for kind in asked.criteria:
        assert kind not in asked.without(kind).criteria


@given(st.text("bcdfghkl", min_size=5, max_size=12), st.integers(0, 11), st.sampled_from("bcdfghkl"))
def test_one_slip_in_a_city_is_forgiven(city: str, place: int, letter: str) -> None:
    place %= len(city)
    slips = {
        city[:place] + city[place + 1 :],
        city[:place] + letter + city[place + 1 :],
        city[:place] + letter + city[place:],
        city[:place] + city[place : place + 2][::-1] + city[place + 2 :],
    }
    for slip in slips:
        assert finding.city_forms(city) & finding.city_forms(slip)


def test_only_listed_profiles_can_be_found() -> None:
    one = Profile("Anna", "cardiology", ("de", "en"), "Ulm", True)
    assert finding.tokens(one) == set()
    assert finding.tokens(replace(one, listed=True)) == {
        ("specialty", "cardiology"), ("language", "de"), ("language", "en"), ("city", "ulm"),
        ("referrals", "yes"),
    }  # fmt: skip


def test_the_best_come_first() -> None:
    found = [
        ("@far:x", Profile("A", city="Berlin-Mitte", referrals=True)),
        ("@low:x", Profile("B", city="Berlin")),
        ("@high:x", Profile("C", city="berlin")),
        ("@takes:x", Profile("D", city="Berlin", referrals=True)),
    ]
    level = {"@high:x": 4}.get
    ranked = finding.ranked(found, Wanted(city="Berlin"), lambda user: level(user, 2))
    assert [user for user, _profile in ranked] == ["@takes:x", "@high:x", "@low:x", "@far:x"]
