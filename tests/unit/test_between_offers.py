"""Offers of services: what a roster offers, what counts of others' offers, what `service@hospital` means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.consults.between.offers import (
    COUNTS,
    MOST_SERVICES,
    Book,
    Offered,
    Statement,
    digest,
    find,
    judge,
    offered_to,
    read,
    service_of,
)
from bot.directory.hospital.signing import new_key, signatures, signers_of
from bot.directory.hospital.statement import StatementRefused, canonical_json
from bot.directory.model import Service
from bot.directory.policies import Target, Whom
from bot.directory.roster import BadRoster, load_roster

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CARDIOLOGY = Offered("cardiology", {"en": "Cardiology", "de": "Kardiologie"}, ("heart",))
STROKE = Offered("stroke", {"en": "Stroke unit"})
STATEMENT = Statement("south.example", "north.example", (CARDIOLOGY, STROKE), NOW, NOW + COUNTS, 7)
PUBLIC, SEED = new_key()
BOOKS = [
    Book("south.example", "St. Anna", (CARDIOLOGY, STROKE)),
    Book("east.example:8448", "Eastern Infirmary", (replace(CARDIOLOGY, synonyms=()),)),
]


def signed(statement: Statement = STATEMENT, **changes: Any) -> dict[str, Any]:
    content = {**statement.to_json(), **changes}
    return {**content, "signatures": signatures(canonical_json(content), [(PUBLIC, SEED)])}


def judged(value: dict[str, Any], *, key: str = PUBLIC, before: int = 0, now: datetime = NOW) -> None:
    found = read(value)
    right = signers_of(found.content, found.signatures, [key])
    judge(found, right, key, own="north.example", server="south.example", before=before, now=now)


def test_the_roster_says_to_whom_a_service_is_offered(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    path.write_text(
        '[services.cardiology]\nname = "Cardiology"\nsynonyms = ["heart"]\noffered_to = ["north.example"]\n'
        '[services.stroke]\noffered_to = ["north.example", "east.example:8448"]\n[services.surgery]\n',
        "utf-8",
    )
    services = load_roster(path, "UTC").services.values()
    assert [one.key for one in offered_to(services, "north.example")] == ["cardiology", "stroke"]
    assert [one.key for one in offered_to(services, "east.example:8448")] == ["stroke"]
    assert offered_to(services, "elsewhere.example") == ()
    assert digest(offered_to(services, "north.example")) != digest(offered_to(services, "east.example:8448"))
    path.write_text('[services.cardiology]\noffered_to = ["not a server"]\n', "utf-8")
    with pytest.raises(BadRoster, match=r"services.cardiology.offered_to"):
        load_roster(path, "UTC")


def test_a_statement_holds_names_and_nothing_of_who_works_there() -> None:
    service = Service("cardiology", {"en": "Cardiology"}, on_call=("@ben:south.example",), offered_to=("n",))
    (offered,) = offered_to([service], "n")
    assert "@ben" not in str(offered.to_json())
    assert set(offered.to_json()) == {"key", "names", "synonyms"}


def test_a_right_statement_counts() -> None:
    judged(signed())
    assert read(signed()).statement == STATEMENT


@pytest.mark.parametrize(
    ("code", "value", "how"),
    [
        ("signature", {**signed(), "sequence": 8}, {}),
        ("signature", signed(), {"key": new_key()[0]}),
        ("addressee", signed(addressee="east.example"), {}),
        ("addressee", signed(server_name="east.example"), {}),
        ("replay", signed(), {"before": 7}),
        ("expired", signed(), {"now": NOW + COUNTS}),
        ("future", signed(), {"now": NOW - timedelta(hours=2)}),
        ("form", signed(services=[{"key": "Cardiology"}]), {}),
        ("form", signed(services=[{"key": "a"}, {"key": "a"}]), {}),
        ("form", signed(services=[{"key": f"s{n}"} for n in range(MOST_SERVICES + 1)]), {}),
        ("form", signed(services=[{"key": "a", "names": {"en": "C\u202eardio"}}]), {}),
        ("form", signed(services=[{"key": "a", "names": {"en": "x" * 81}}]), {}),
        ("form", signed(issued=0), {}),
        ("form", signed(expires=STATEMENT.to_json()["issued"]), {}),
        ("form", {"type": "x"}, {}),
        ("form", {**signed(), "signatures": []}, {}),
    ],
)
def test_a_wrong_statement_does_not(code: str, value: dict[str, Any], how: dict[str, Any]) -> None:
    with pytest.raises(StatementRefused) as refused:
        judged(value, **how)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("text", "server", "key"),
    [
        ("cardiology@south.example", "south.example", "cardiology"),
        ("Kardiologie@st-anna", "south.example", "cardiology"),
        ("heart@St. Anna", "south.example", "cardiology"),
        ("card@east", "east.example:8448", "cardiology"),
        ("cardiology@east.example:8448", "east.example:8448", "cardiology"),
        ("stroke@south", "south.example", "stroke"),
    ],
)
def test_a_service_of_a_hospital_is_found(text: str, server: str, key: str) -> None:
    found = find(text, BOOKS)
    assert found is not None
    assert (found[0].server, found[1].key) == (server, key)


@pytest.mark.parametrize(
    "text", ["cardiology", "@south", "cardiology@", "cardiology@west", "surgery@south", "@", ""]
)
def test_what_nobody_offers_is_not(text: str) -> None:
    assert find(text, BOOKS) is None


def test_two_hospitals_of_one_beginning_have_to_be_told_apart() -> None:
    books = [Book("anna-1.example", "", (STROKE,)), Book("anna-2.example", "", (STROKE,))]
    assert find("stroke@anna", books) is None
    found = find("stroke@anna-2", books)
    assert found is not None
    assert found[0].server == "anna-2.example"


def test_it_is_asked_by_one_request_to_the_other_curbside() -> None:
    waits = {"stat": timedelta(minutes=5), "urgent": timedelta(minutes=20)}
    service = service_of(BOOKS[0], CARDIOLOGY, waits)
    assert service.key == "cardiology@south.example"
    assert service.name("de") == "Kardiologie (St. Anna)"
    policy = service.policy_for("stat", waits)
    (tier,) = policy.tiers
    assert tier.targets == (Target(Whom.HOSPITAL, "south.example"),)
    assert tier.wait == timedelta(minutes=5)
    assert not policy.bundle
