"""Registration numbers of clinicians: their form, their check digit, and where a person looks them up. Pure.

A number of valid form proves nothing: it is public, and a check digit finds slips of the finger only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.deid.recognizers import checks

_OTHER_NAME = re.compile(r"[^\W\d_][\w .&/-]{0,29}")
_OTHER_NUMBER = re.compile(r"(?=.*\d)[A-Z0-9][A-Z0-9./-]{2,23}")


class BadNumber(Exception):
    """A number that cannot be one of this register; `reason` is `form` or `check-digit`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def npi_ok(number: str) -> bool:
    """Whether ten digits are an NPI of valid form: the first is 1 or 2, and 80840 with it passes Luhn.

    Source: CMS, "Requirements for National Provider Identifier (NPI) and NPI check digit".
    """
    return bool(re.fullmatch(r"[12]\d{9}", number, re.ASCII)) and checks.npi(number)


@dataclass(frozen=True)
class Register:
    """A public register: `form` its numbers' grammar, `look_up` the page on which a person checks one."""

    key: str
    name: str
    form: re.Pattern[str]
    example: str
    look_up: str
    check: Callable[[str], bool] | None = None


REGISTERS: Mapping[str, Register] = {
    "npi": Register(
        "npi",
        "NPI",
        re.compile(r"[12]\d{9}", re.ASCII),
        "1234567893",
        "https://npiregistry.cms.hhs.gov/",
        npi_ok,
    ),
    "gmc": Register(
        "gmc",
        "GMC",
        re.compile(r"\d{7}", re.ASCII),
        "1234567",
        "https://www.gmc-uk.org/registration-and-licensing/our-registers",
    ),
    "ahpra": Register(
        "ahpra",
        "AHPRA",
        re.compile(r"[A-Z]{3}\d{10}", re.ASCII),
        "MED0001234567",
        "https://www.ahpra.gov.au/registration/registers-of-practitioners.aspx",
    ),
}


@dataclass(frozen=True)
class Number:
    """A number and the name of its register."""

    register: str
    value: str

    @property
    def known(self) -> Register | None:
        """The register, if it is one whose numbers we know the form of."""
        return REGISTERS.get(self.register.casefold())


def read(register: str, text: str) -> Number:
    """A number in its one form; spaces, dashes and case do not matter. Raises BadNumber."""
    known = REGISTERS.get(register.strip().casefold())
    if known is None:
        name = " ".join(register.split())
        value = re.sub(r"\s+", "", text).upper()
        if not _OTHER_NAME.fullmatch(name) or not _OTHER_NUMBER.fullmatch(value):
            raise BadNumber("form")
        return Number(name, value)
    value = re.sub(r"[\s.\-\u2010-\u2015]+", "", text).upper().removeprefix(known.name).lstrip(":")
    if not known.form.fullmatch(value):
        raise BadNumber("form")
    if known.check is not None and not known.check(value):
        raise BadNumber("check-digit")
    return Number(known.name, value)
