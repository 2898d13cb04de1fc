"""Pictures for a phone: any name can be drawn, and nothing heavy is loaded before the first one."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from bot.chat.pictures import Cell, Tone, chart_png, picture, shown, table_png

HEAVY = ("matplotlib", "numpy", "PIL", "reportlab", "pyhanko", "pyhanko_certvalidator", "asn1crypto", "lxml")
NAMES = (
    "Dr Anna Berg",
    "ד״ר נועה לוי",
    "د. ليلى حسن",
    "李雷",
    "👩🏽‍⚕️ 🇪🇺",
    "$\\frac{1}{0}$ $x",
    "\u202egnp.exe\u202c\x00\x07",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
    "W" * 400,
    "",
)


@pytest.fixture(autouse=True)
def no_warnings() -> object:
    """Whatever people are called, the log stays clean."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_signs_that_cannot_be_drawn_do_not_leave_a_name_empty() -> None:
    assert shown("Dr Anna Berg") == "Dr Anna Berg"
    assert shown("李雷") == "□□", "an empty cell would read as nobody"
    assert shown("a\u202eb\n c\x00") == "ab c"
    assert shown("🩺 Ben") == "Ben"
    assert shown("نوعة לוי") == "نوعة לוי"


async def test_a_table_of_any_names() -> None:
    rows = [[name, Cell(name, tone)] for name in NAMES for tone in Tone]
    png = await table_png("On call · $week$ 48 " * 9, ["Day", "Who"], rows, note="\\note $")
    width, height = size(png)
    assert 1000 <= width <= 2600 and height <= 6000
    attachment = picture("week.png", png)
    assert (attachment.width, attachment.height, attachment.mimetype) == (width, height, "image/png")


async def test_tables_are_as_wide_as_a_phone_and_no_wider_than_one_can_zoom() -> None:
    assert size(await table_png("t", ["a"], []))[0] == 1000
    many = [[f"column {number} with words" for number in range(40)]] * 3
    assert size(await table_png("t", many[0], many))[0] <= 2620
    ragged: list[list[str | Cell]] = [["a"], ["a", "b", "c", "d"], []]
    assert size(await table_png("t", ["1", "2"], ragged))[1] > 100


@pytest.mark.parametrize("form", ["bar", "line"])
@pytest.mark.parametrize("logarithmic", [True, False])
async def test_charts_of_anything(form: str, logarithmic: bool) -> None:
    series: dict[str, list[float | None]] = {
        "$a$ 李": [0.0, None, 1e9, 3.0],
        "b": [None, None, None, None],
        "c": [1.0, 2.0, 0.5, 4.0],
    }
    labels = ["seen $1$", "accepted 😀", "W" * 200, ""]
    drawn = await chart_png(
        "T $x", labels, series, form="bar" if form == "bar" else "line", logarithmic=logarithmic, note="n"
    )
    assert size(drawn)[0] == 1000
    assert size(await chart_png("", [], {}, form="bar" if form == "bar" else "line"))[0] == 1000


def test_nothing_heavy_is_loaded_at_the_start() -> None:
    code = (
        "import json, sys, bot.app; bot.app.capabilities(); "
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, check=True, timeout=120
    ).stdout
    assert not set(HEAVY) & set(json.loads(said))
