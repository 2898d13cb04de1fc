"""Check digits of national numbers, cards, accounts and vehicles. Pure.

Sources: ISO/IEC 7812 (Luhn), ISO 7064 (MOD 11-10, MOD 97-10), ISO 13616 (IBAN), ISO 3779 and 49 CFR 565
(VIN), and the rules that the issuing bodies publish; each function names its own.
"""

from __future__ import annotations

_VERHOEFF_D = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_VERHOEFF_P = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def luhn(digits: str) -> bool:
    """Cards, Canada's SIN, South Africa's ID, the US NPI with the prefix 80840, Australia's IHI."""
    total = 0
    for place, one in enumerate(reversed(digits)):
        figure = int(one)
        if place % 2:
            figure = figure * 2 - 9 if figure > 4 else figure * 2
        total += figure
    return total % 10 == 0 and bool(digits.strip("0"))


def verhoeff(digits: str) -> bool:
    """India's Aadhaar (UIDAI)."""
    state = 0
    for place, one in enumerate(reversed(digits)):
        state = int(_VERHOEFF_D[state][int(_VERHOEFF_P[place % 8][int(one)])])
    return state == 0


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of the digits times their weights."""
    return sum(int(one) * weight for one, weight in zip(digits, weights, strict=False))


def nhs(digits: str) -> bool:
    """The NHS number, Scotland's CHI and Northern Ireland's HCN: modulus 11 (NHS Data Dictionary)."""
    check = 11 - weighted(digits[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return check != 10 and check % 11 == int(digits[9]) and len(set(digits)) > 1


def npi(digits: str) -> bool:
    """US National Provider Identifier: Luhn with the prefix 80840 (45 CFR 162.406)."""
    return digits[0] in "12" and luhn("80840" + digits)


def dea(value: str) -> bool:
    """US DEA registration: two letters and seven digits (21 CFR 1301)."""
    digits = value[2:]
    odd, even = sum(map(int, digits[0:5:2])), sum(map(int, digits[1:6:2]))
    return (odd + 2 * even) % 10 == int(digits[6])


def ssn(digits: str) -> bool:
    """US Social Security number: no check digit, but numbers that are never issued (SSA, 2011)."""
    return (
        digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"
    )


def pps(value: str) -> bool:
    """Ireland's PPSN: seven digits, a check letter by modulus 23, and since 2013 a second letter."""
    total = weighted(value[:7], (8, 7, 6, 5, 4, 3, 2))
    if len(value) > 8 and value[8] != "W":
        total += 9 * (ord(value[8]) - 64)
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == value[7]


def medicare(digits: str) -> bool:
    """Australia's Medicare card: first digit 2–6, the ninth is the check digit."""
    return digits[0] in "23456" and weighted(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(digits[8])


def tfn(digits: str) -> bool:
    """Australia's tax file number: modulus 11."""
    return weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def nhi(value: str) -> bool:
    """New Zealand's NHI: modulus 11; for AAANNAX modulus 23, 24 in older issues of HISO 10046."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    figures = [alphabet.find(one) + 1 if one.isalpha() else int(one) for one in value[:6]]
    total = sum(one * weight for one, weight in zip(figures, (7, 6, 5, 4, 3, 2), strict=True))
    if value[6].isdigit():
        rest = total % 11
        return rest != 0 and (11 - rest) % 10 == int(value[6])
    return value[6] in (alphabet[22 - total % 23], alphabet[23 - total % 24])


def nric(value: str) -> bool:
    """Singapore's NRIC and FIN."""
    total = weighted(value[1:8], (2, 7, 6, 5, 4, 3, 2))
    total += {"T": 4, "G": 4, "M": 3}.get(value[0], 0)
    letters = {
        "S": "JZIHGFEDCBA",
        "T": "JZIHGFEDCBA",
        "F": "XWUTRQPNMLK",
        "G": "XWUTRQPNMLK",
        "M": "XWUTRQPNJLK",
    }
    place = total % 11
    return letters[value[0]][place] == value[8]


def kvnr(value: str) -> bool:
    """Germany's health insurance number: a letter and nine digits, Luhn-like (SGB V § 290)."""
    figures = f"{ord(value[0]) - 64:02d}{value[1:9]}"
    total = 0
    for place, one in enumerate(figures):
        product = int(one) * (1 + place % 2)
        total += product - 9 if product > 9 else product
    return total % 10 == int(value[9])


def steuer(digits: str) -> bool:
    """Germany's tax identification number: ISO 7064 MOD 11-10, one digit twice or three times."""
    product = 10
    for one in digits[:10]:
        total = (int(one) + product) % 10 or 10
        product = total * 2 % 11
    return digits[0] != "0" and (11 - product) % 10 == int(digits[10]) and len(set(digits[:10])) in (8, 9)


def rvnr(value: str) -> bool:
    """Germany's pension insurance number (VKVV § 4)."""
    figures = f"{value[:8]}{ord(value[8]) - 64:02d}{value[9:11]}"
    total = 0
    for one, weight in zip(figures, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True):
        total += sum(map(int, str(int(one) * weight)))
    return total % 10 == int(value[11])


def lanr(digits: str) -> bool:
    """Germany's physician number: the seventh digit checks the first six (KBV)."""
    return (10 - weighted(digits[:6], (4, 9, 4, 9, 4, 9)) % 10) % 10 == int(digits[6])


def svnr(digits: str) -> bool:
    """Austria's social insurance number: NNNC and the birthday; the fourth digit checks the others."""
    rest = weighted(digits[:3] + digits[4:], (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11
    return digits[0] != "0" and rest != 10 and rest == int(digits[3])


def ean(digits: str) -> bool:
    """EAN-13: Switzerland's AHV number 756… and the GLN 7601…."""
    total = sum(int(one) * (3 if place % 2 else 1) for place, one in enumerate(digits[:12]))
    return (10 - total % 10) % 10 == int(digits[12])


def dni(value: str) -> bool:
    """Spain's DNI and NIE: the letter is the number modulo 23."""
    figures = {"X": "0", "Y": "1", "Z": "2"}.get(value[0], value[0]) + value[1:8]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(figures) % 23] == value[8]


def nuss(digits: str) -> bool:
    """Spain's social security number: the last two digits are the others modulo 97."""
    province, number = int(digits[:2]), int(digits[2:10])
    whole = number + province * (10_000_000 if number < 10_000_000 else 100_000_000)
    return whole % 97 == int(digits[10:12])


def nir(value: str) -> bool:
    """France's social security number: 97 minus the number modulo 97; 2A and 2B (Corsica) are 19 and 18."""
    figures = value[:13].replace("2A", "19").replace("2B", "18")
    return figures.isdigit() and 97 - int(figures) % 97 == int(value[13:15])


def iban(value: str) -> bool:
    """International bank account number: ISO 7064 MOD 97-10."""
    moved = value[4:] + value[:4]
    return int("".join(str(int(one, 36)) for one in moved)) % 97 == 1


def vin(value: str) -> bool:
    """Vehicle identification number with the check digit at the ninth place (49 CFR 565.15)."""
    values = dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ",
            (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
            strict=True,
        )
    )
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum(
        (int(one) if one.isdigit() else values[one]) * weight
        for one, weight in zip(value, weights, strict=True)
    )
    return "0123456789X"[total % 11] == value[8]


def gtin(digits: str) -> bool:
    """GTIN-14 of a unique device identifier (GS1)."""
    total = sum(int(one) * (1 if place % 2 else 3) for place, one in enumerate(digits[:13]))
    return (10 - total % 10) % 10 == int(digits[13])
