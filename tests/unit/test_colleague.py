"""A colleague by a name of the roster: unmistakable, or not taken."""

import pytest

from bot.directory.colleague import colleagues
from bot.directory.model import Clinician, Roster

BEN, BEATE, OTHER = "@ben.ostrow:hs", "@beate.öhm:hs", "@b.berg:other"
ROSTER = Roster(
    clinicians={
        user: Clinician(user, name)
        for user, name in ((BEN, "Dr Ben Ostrow"), (BEATE, "Beate Öhm"), (OTHER, "Anna Berg-Ben"))
    }
)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("@ben", [BEN]),
        ("Ostrow", [BEN]),
        ("@ben.ostrow", [BEN]),
        ("dr ben ostrow", [BEN]),
        ("ohm", [BEATE]),
        ("@be", [BEN, BEATE, OTHER]),
        ("anna", [OTHER]),
        ("@ben:hs", []),
        ("@", []),
        ("zoe", []),
    ],
)
def test_who_is_meant(word: str, meant: list[str]) -> None:
    assert colleagues(ROSTER, word) == meant
