"""Synthetic scans with burned-in text, and files full of planted identifiers. All names are invented."""

import math
import random
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_FACES = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf")
_FAMILY = (
    "KELLERMANN",
    "OKONKWO",
    "Hartigan",
    "VON BERGEN",
    "Delacroix",
    "MARKOVIC",
    "Lindqvist",
    "TREVISAN",
)
_GIVEN = ("ANNA", "Tobias", "MARIE-LUISE", "Owen", "PRIYA", "Joaquín", "ELSE", "Brian")
_HOUSE = ("ST. EXAMPLE HOSPITAL", "Klinikum Musterstadt", "Mercy Vale Radiology", "Hôpital du Lac Bleu")


@dataclass(frozen=True)
class Written:
    """A text in a scan, and the upright rectangle around it: left, top, right, bottom."""

    text: str
    bounds: tuple[int, int, int, int]


@dataclass(frozen=True)
class Scan:
    image: Image.Image
    written: tuple[Written, ...]


def scan(seed: int, *, texts: int = 5) -> Scan:
    """A picture as scanners make them, with burned-in identifiers: some dim, small, turned or inverted."""
    chance = random.Random(seed)
    width, height = chance.choice(((512, 512), (640, 480), (768, 560), (480, 620)))
    image = _anatomy(chance, width, height)
    written: list[Written] = []
    for _ in range(texts):
        _write(chance, image, written)
    return Scan(image, tuple(written))


def identifier(chance: random.Random) -> str:
    """Something that names a patient, in the way a scanner writes it."""
    family, given = chance.choice(_FAMILY), chance.choice(_GIVEN)
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1931, 2014)
    return chance.choice(
        (
            f"{family}, {given}",
            f"{family}^{given}",
            f"Name: {given} {family}",
            f"DOB {day:02}/{month:02}/{year}",
            f"*{day:02}.{month:02}.{year}",
            f"MRN {chance.randint(10**6, 10**8)}",
            f"ID: {chance.randint(10**5, 10**7)}-{chance.randint(10, 99)}",
            chance.choice(_HOUSE),
            f"Acc# {chance.choice('ABX')}{chance.randint(10**6, 10**7)}",
            f"{year}-{month:02}-{day:02} {chance.randint(0, 23):02}:{chance.randint(0, 59):02}",
        )
    )


def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """One of the DejaVu faces that come with matplotlib."""
    return ImageFont.truetype(str(_FONTS / name), size)


def _anatomy(chance: random.Random, width: int, height: int) -> Image.Image:
    """Soft bright shapes on black with speckle: no picture of anybody."""
    image = Image.new("L", (width, height), chance.randint(0, 30))
    draw = ImageDraw.Draw(image)
    for _ in range(chance.randint(6, 14)):
        x, y = chance.gauss(width / 2, width / 6), chance.gauss(height / 2, height / 6)
        a, b = chance.uniform(20, width / 4), chance.uniform(20, height / 4)
        draw.ellipse((x - a, y - b, x + a, y + b), fill=chance.randint(30, 190))
    image = image.filter(ImageFilter.GaussianBlur(chance.uniform(4, 16)))
    noise = np.random.default_rng(chance.randint(0, 2**31)).normal(0, chance.uniform(2, 9), (height, width))
    pixels = np.clip(np.asarray(image, dtype=np.float32) + noise, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).convert("RGB")


def _write(chance: random.Random, image: Image.Image, written: list[Written]) -> None:
    """One more text, where there is room for it."""
    text = identifier(chance)
    size = chance.choice((11, 12, 13, 14, 16, 18, 22, 28))
    face = font(chance.choice(_FACES), size)
    left, top, right, bottom = face.getbbox(text)
    pad = 4
    mask = Image.new("L", (math.ceil(right - left) + 2 * pad, math.ceil(bottom - top) + 2 * pad), 0)
    ImageDraw.Draw(mask).text((pad - left, pad - top), text, fill=255, font=face)
    style = chance.choice(("plain", "plain", "plain", "label", "turned", "slanted", "dim", "colour"))
    plate = Image.new("L", mask.size, 255)
    angle = {"turned": chance.choice((90, 270)), "slanted": chance.uniform(-20, 20)}.get(style, 0)
    if angle:
        mask = mask.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    if mask.width >= image.width or mask.height >= image.height:
        return
    for _ in range(30):
        x, y = chance.randint(0, image.width - mask.width), chance.randint(0, image.height - mask.height)
        place = (x, y, x + mask.width, y + mask.height)
        if not any(_touch(place, other.bounds) for other in written):
            break
    else:
        return
    under = float(np.asarray(image.crop(place).convert("L")).mean())
    if style == "label":  # dark on a white plate, as stickers are
        image.paste((235, 235, 235), place, plate)
        ink: tuple[int, int, int] = (10, 10, 10)
    elif style == "dim":
        level = int(under + 70 if under < 128 else under - 70)
        ink = (level, level, level)
    elif style == "colour":
        ink = (
            chance.choice(((250, 230, 60), (80, 250, 120), (90, 200, 250))) if under < 130 else (120, 10, 10)
        )
    else:
        ink = (245, 245, 245) if under < 140 else (5, 5, 5)
    image.paste(ink, place, mask)
    written.append(Written(text, place))


def _touch(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
