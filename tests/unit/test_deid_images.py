"""Pictures without identifiers: nothing of the original file but what a person may see."""

import io
import shutil
import subprocess
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bot.deid.files import Limits, Options, Reason, Refused, clean, covering, decoder, faces, ocr
from bot.deid.files.covering import Clock
from tests.support import planted
from tests.support.scans import font, scan

_SCANS = 6  # in `make bench` there are 40
_INK = np.array((64, 64, 64))


def _encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def _pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def _read(data: bytes, kind: str) -> np.ndarray:
    pictures, _ = decoder.pictures(data, kind, Limits(), Clock(120))
    return pictures[0]


def _written(words: str, size: int = 22, at: tuple[int, int] = (40, 50)) -> Image.Image:
    """A film with some words on it."""
    image = Image.new("RGB", (420, 300), (12, 12, 12))
    draw = ImageDraw.Draw(image)
    draw.ellipse((130, 110, 330, 280), fill=(120, 120, 120))
    draw.text(at, words, fill=(240, 240, 240), font=font("DejaVuSans.ttf", size))
    return image


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "heic", "tiff", "gif", "bmp"])
def test_nothing_planted_in_a_file_is_left(kind: str) -> None:
    make: Callable[[], bytes] = getattr(planted, kind)
    data = make()
    assert planted.MARK.encode() in planted.streams(data)
    cleaned = clean(data, "application/octet-stream", planted.plant("name"), None)
    assert cleaned.kind == kind and cleaned.files
    for file in (*cleaned.files, *cleaned.comparisons):
        assert planted.MARK.encode() not in planted.streams(file.data)
        with Image.open(io.BytesIO(file.data)) as image:
            assert image.mode == "RGB" and image.size == (file.width, file.height)
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            assert not dict(image.getexif())
    if kind != "bmp":
        assert cleaned.counts.metadata
    if kind == "png":  # what stood where nothing is opaque is gone: there is paper, or a box
        hidden = _pixels(cleaned.files[0].data)[12:38, 12:128].reshape(-1, 3)
        assert ((hidden == 255).all(axis=1) | (hidden == _INK).all(axis=1)).all()


def test_burned_in_text_is_covered_and_no_other_reader_finds_it() -> None:
    tesseract = shutil.which("tesseract")
    before = 0
    for seed in range(_SCANS):
        one = scan(seed, texts=4)
        cleaned = clean(_encoded(one.image), "image/png", "x.png", None)
        pixels = _pixels(cleaned.files[0].data)
        assert cleaned.counts.texts >= len(one.written)
        for text in one.written:
            left, top, right, bottom = text.bounds
            assert (pixels[top:bottom, left:right] == _INK).all(axis=2).mean() > 0.25, text
        if tesseract:
            before += _legible(tesseract, _encoded(one.image), [text.text for text in one.written])
            assert not _legible(tesseract, cleaned.files[0].data, [text.text for text in one.written])
    assert before or not tesseract


def test_small_text_in_a_large_picture_is_found() -> None:
    image = Image.new("RGB", (3072, 96), (255, 255, 255))
    for left in range(100, 3000, 700):
        ImageDraw.Draw(image).text(
            (left, 40), "John Smith 4839201", fill=(20, 20, 20), font=font("DejaVuSans.ttf", 9)
        )
    found = [box.bounds for box in ocr.find(np.asarray(image))]
    for left in range(100, 3000, 700):
        assert any(box[0] < left + 10 and box[2] > left + 80 for box in found)


def _legible(tesseract: str, data: bytes, texts: list[str]) -> int:
    """How many of these texts another reader can make out, in part at least."""
    done = subprocess.run(
        [tesseract, "-", "-", "--psm", "11"],
        input=data,
        capture_output=True,
        timeout=120,
        check=True,
        env={"OMP_THREAD_LIMIT": "1"},
    )
    seen = done.stdout.decode().lower()
    words = [[word for word in text.lower().split() if len(word) >= 4] for text in texts]
    return sum(any(word in seen for word in some) for some in words)


def test_a_side_marker_stays_and_a_name_goes() -> None:
    image = _written("KELLERMANN ANNA", 18)
    draw = ImageDraw.Draw(image)
    draw.text((370, 240), "R", fill=(245, 245, 245), font=font("DejaVuSans-Bold.ttf", 34))
    cleaned = clean(_encoded(image), "image/png", "x", None)
    pixels = _pixels(cleaned.files[0].data)
    assert cleaned.counts.texts == 1 and cleaned.counts.kept_texts == 1
    assert (pixels[245:275, 370:395] > 200).any()
    assert not (pixels[50:75, 40:220] > 200).any()


def test_labels_stay_only_if_the_author_wants_it() -> None:
    data = _encoded(_written("5 cm", 26))
    assert clean(data, "image/png", "x", None).counts.texts == 1
    kept = clean(data, "image/png", "x", None, Options(keep_labels=True)).counts
    assert (kept.texts, kept.kept_texts) == (0, 1)
    name = _encoded(_written("Mr. Lau", 26))
    assert clean(name, "image/png", "x", None, Options(keep_labels=True)).counts.kept_texts == 0


@pytest.mark.parametrize("turns", range(4))
def test_faces_are_found_upright_lying_and_upside_down(turns: int) -> None:
    # Eileen Collins, NASA, in the public domain.
    image = Image.open(planted.PICTURES / "astronaut.jpg").convert("RGB").rotate(90 * turns, expand=True)
    found = faces.find(np.asarray(image))
    assert len(found) == 1
    left, top, right, bottom = found[0].bounds
    x, y = {0: (165, 115), 1: (115, 155), 2: (155, 185), 3: (185, 165)}[turns]
    assert left < x < right and top < y < bottom
    assert 80 < right - left < 240 and 80 < bottom - top < 240


def test_faces_and_barcodes_are_covered_and_the_comparison_shows_both_sides() -> None:
    import zxingcpp

    image = Image.new("RGB", (640, 520), (150, 160, 150))
    image.paste(Image.open(planted.PICTURES / "astronaut.jpg"), (0, 0))
    code = zxingcpp.create_barcode("MRN88812345", zxingcpp.BarcodeFormat.Code128)
    image.paste(Image.fromarray(np.asarray(zxingcpp.write_barcode_to_image(code, scale=2))), (20, 340))
    cleaned = clean(_encoded(image, "JPEG"), "image/jpeg", "x", None)
    assert cleaned.counts.faces == 1 and cleaned.counts.codes == 1
    assert not zxingcpp.read_barcodes(Image.open(io.BytesIO(cleaned.files[0].data)))
    (sheet,) = cleaned.comparisons
    shown = Image.open(io.BytesIO(sheet.data)).convert("RGB")
    assert shown.width == 640 * 2 + 8 and sheet.mimetype == "image/jpeg"
    assert zxingcpp.read_barcodes(shown.crop((0, 0, 640, 520)))
    assert not zxingcpp.read_barcodes(shown.crop((648, 0, 1288, 520)))


def test_orientation_and_depth_are_applied() -> None:
    tall = Image.Exif()
    tall[0x0112] = 6
    out = io.BytesIO()
    planted.photo(size=(60, 40)).save(out, "JPEG", exif=tall)
    assert _read(out.getvalue(), "jpeg").shape == (60, 40, 3)
    deep = Image.fromarray(np.linspace(0, 60000, 4096, dtype=np.uint16).reshape(64, 64))
    grey = _read(_encoded(deep), "png")
    assert grey.min() == 0 and grey.max() == 255
    cmyk = Image.new("CMYK", (40, 40), (255, 0, 0, 0))
    assert _read(_encoded(cmyk, "JPEG"), "jpeg")[20, 20].tolist() == [0, 255, 255]


def test_larger_pictures_are_scaled_down() -> None:
    pictures, _ = decoder.pictures(_encoded(Image.new("RGB", (900, 300))), "png", Limits(side=600), Clock(60))
    assert pictures[0].shape == (200, 600, 3)


def _bomb() -> bytes:
    """A PNG of a few kilobytes that would take 1.2 GB."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "limits", "reason"),
    [
        (lambda: b"PK\x03\x04" + bytes(400), Limits(), Reason.UNSUPPORTED),
        (lambda: b"", Limits(), Reason.UNSUPPORTED),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", Limits(), Reason.UNSUPPORTED),
        (lambda: planted.gif(3), Limits(), Reason.ANIMATED),
        (lambda: planted.tiff(3), Limits(pages=2), Reason.TOO_MANY_PAGES),
        (lambda: planted.png(), Limits(bytes=100), Reason.TOO_LARGE),
        (_bomb, Limits(), Reason.TOO_LARGE),
        (lambda: planted.jpeg(), Limits(seconds=0.0), Reason.TOO_LARGE),
        (lambda: b"\xff\xd8\xff\xe0" + bytes(400), Limits(), Reason.BROKEN),
    ],
)
def test_what_cannot_be_cleaned_is_refused(make: Callable[[], bytes], limits: Limits, reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        clean(make(), "image/png", "x.png", None, Options(limits=limits))
    assert refused.value.reason is reason


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "heic", "tiff", "gif", "bmp"])
def test_damaged_files_are_refused_or_read_and_crash_nothing(kind: str) -> None:
    for data in planted.damaged(getattr(planted, kind)(), 2):
        try:
            pictures, _ = decoder.pictures(data, kind, Limits(), Clock(60))
        except Refused as refused:
            assert refused.reason in (Reason.BROKEN, Reason.TOO_LARGE, Reason.ANIMATED)
        else:
            assert all(one.ndim == 3 for one in pictures)


def test_a_step_that_errs_refuses_and_tells_nothing_of_the_file(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_pixels: object) -> list[object]:
        raise RuntimeError(planted.plant("error"))

    for module, name in ((ocr, "find"), (ocr, "left"), (faces, "find"), (covering, "painted")):
        with monkeypatch.context() as broken, pytest.raises(Refused) as refused:
            broken.setattr(module, name, fails if name != "painted" else lambda _a, _b: fails(_a))
            clean(_encoded(_written("KELLERMANN")), "image/png", "x", None)
        assert refused.value.reason is Reason.FAILED
        assert refused.value.__context__ is None and refused.value.__cause__ is None
    assert planted.MARK not in caplog.text


def test_a_decoder_that_hangs_or_dies_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        decoder.sys, "executable", shutil.which("sleep")
    )  # it does not take these options: dies
    with pytest.raises(Refused) as refused:
        decoder.pictures(planted.bmp(), "bmp", Limits(), Clock(20))
    assert refused.value.reason is Reason.BROKEN
    begun = time.monotonic()
    monkeypatch.undo()
    with pytest.raises(Refused) as refused:
        decoder.pictures(planted.bmp(), "bmp", Limits(), Clock(0.01))
    assert refused.value.reason is Reason.TOO_LARGE and time.monotonic() - begun < 20
