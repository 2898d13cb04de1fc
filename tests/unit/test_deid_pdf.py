"""PDFs without identifiers: rebuilt of de-identified text and covered pictures."""

import io

import numpy as np
import pypdfium2
import pytest

from bot.deid.engine import Engine
from bot.deid.files import Limits, Options, Reason, Refused, clean, decoder, pdfpages
from bot.deid.files.covering import Clock
from bot.deid.files.pdf import _frames
from bot.deid.files.pdfpages import Page
from bot.deid.model import Kind, Span, Tier
from tests.support import planted

_NAMES = ("Quastenberg", "Ottilie", "88812345", "0104711", "quastenberg@", "1931", "Lindqvist")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(None)  # the rules: what the tagger adds is its own tests'


def _text(data: bytes) -> str:
    document = pypdfium2.PdfDocument(data)
    try:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()


def test_text_is_deidentified_pictures_covered_and_everything_else_gone(engine: Engine) -> None:
    data = planted.pdf()
    assert planted.MARK.encode() in planted.streams(data) and "Quastenberg" in _text(data)
    cleaned = clean(data, "application/pdf", "quastenberg.pdf", engine)
    (file,) = cleaned.files
    assert (file.mimetype, file.name) == ("application/pdf", "document.pdf")
    inside = planted.streams(file.data)
    assert planted.MARK.encode() not in inside
    text = _text(file.data)
    for name in _NAMES:
        assert name not in text and name.encode() not in inside, name
    assert "troponin of 40 ng/l" in text and "ramipril 5 mg" in text
    assert cleaned.text is not None and cleaned.counts.spans == len(cleaned.text.spans) >= 5
    assert all(span.replacement in text for span in cleaned.text.spans)
    assert cleaned.counts.texts >= 2  # on the picture
    document = pypdfium2.PdfDocument(file.data)
    assert document.count_attachments() == 0 and len(document) == len(cleaned.comparisons) == 1
    assert not list(document.get_toc()) and document.get_formtype() == 0
    told = document.get_metadata_dict(skip_empty=True)
    document.close()
    assert not {told.get(key) for key in ("Title", "Subject", "Keywords")} & {planted.plant("title")}
    assert planted.MARK not in str(told)


def test_a_scanned_letter_is_covered_as_a_picture(engine: Engine) -> None:
    cleaned = clean(planted.pdf(scanned=True), "application/pdf", "x", engine)
    assert cleaned.text is None and cleaned.counts.texts >= 8
    assert not _text(cleaned.files[0].data).strip()


def test_a_name_has_one_tag_on_all_pages_and_pages_stay_pages(engine: Engine) -> None:
    cleaned = clean(_plain(planted.LETTER, 2), "application/pdf", "x", engine)
    assert cleaned.text is not None and len(cleaned.comparisons) == 2
    tags = {span.replacement for span in cleaned.text.spans if "Quastenberg" in _at(cleaned.text, span.start)}
    assert len(tags) <= 1
    document = pypdfium2.PdfDocument(cleaned.files[0].data)
    assert len(document) == 2
    document.close()


def _at(result: object, start: int) -> str:
    return (planted.LETTER * 3)[start : start + 20]


def _plain(text: str, pages: int = 1) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out)
    for _ in range(pages):
        for row, line in enumerate(text.split("\n")):
            canvas.drawString(60, 780 - 16 * row, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


_RUMANTSCH = (
    "Il pazient Luregn ha gia dapi tschintg dis dolurs dal venter e fevra, e na po betg mangiar nagut. " * 3
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (planted.pdf(password="curb"), Reason.ENCRYPTED),
        (_plain("x", 4), Reason.TOO_MANY_PAGES),
        (_plain(""), Reason.NO_PICTURE),
        (_plain("\n".join(_RUMANTSCH[at : at + 80] for at in range(0, 280, 80))), Reason.LANGUAGE),
        (b"%PDF-1.7\n" + bytes(200), Reason.BROKEN),
    ],
)
def test_what_cannot_be_rebuilt_is_refused(engine: Engine, data: bytes, reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        clean(data, "application/pdf", "x", engine, Options(limits=Limits(pages=3)))
    assert refused.value.reason is reason


def _raw(content: bytes, page: bytes = b"", **more: bytes) -> Page:
    """A page of these operators: F1 is Helvetica, F3 a font whose characters nothing tells the meaning of."""
    marks = b" ".join(b"/g%d 6 0 R" % code for code in range(32, 127))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/OCProperties<</OCGs[8 0 R]/D<</OFF[8 0 R]>>>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 300]/Contents 4 0 R/Resources<<"
        b"/Font<</F1 5 0 R/F3 7 0 R>>/Properties<</Off 8 0 R>>/XObject<</Form 9 0 R/Scan 10 0 R>>>>"
        + page + b">>",
        _stream(content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        _stream(b"600 0 0 0 500 700 d1 0 0 300 700 re f"),
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 750 750]/FontMatrix[.001 0 0 .001 0 0]/CharProcs<<" + marks
        + b">>/Encoding<</Differences[32 " + marks.replace(b" 6 0 R", b"")
        + b"]>>/FirstChar 32/LastChar 126/Widths[" + b"600 " * 95 + b"]"
        + (b"/ToUnicode 11 0 R" if "names" in more else b"") + b">>",
        b"<</Type/OCG/Name(off)>>",
        _stream(more.get("form", b""), b"/Type/XObject/Subtype/Form/BBox[0 0 400 300]"
                b"/Resources<</Font<</F1 5 0 R>>>>"),
        _stream(more.get("scan", b"\xff"), b"/Type/XObject/Subtype/Image/ColorSpace/DeviceGray"
                b"/BitsPerComponent 8/Height 1/Width %d" % len(more.get("scan", b"\xff"))),
        _stream(more.get("names", b"")),
    ]  # fmt: skip
    out = b"%PDF-1.7\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % one for one in enumerate(objects, 1))
    pages, _ = pdfpages.read(out + b"trailer<</Size 12/Root 1 0 R>>\n%%EOF", Limits())
    return pages[0]


def _stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), more, data)


def _line(words: bytes, y: int, x: int = 30, size: int = 12, font: bytes = b"F1") -> bytes:
    return b"BT /%s %d Tf %d %d Td (%s) Tj ET " % (font, size, x, y, words)


def test_characters_without_a_meaning_make_a_page_a_picture() -> None:
    rest = _line(b"was seen in the clinic with chest pain for two hours, and sent home after a day", 200)
    for content in (_line(b"John Smith", 250, font=b"F3"), _line(b"John", 250, font=b"F3") + rest):
        page = _raw(content)
        assert page.text == "" and page.boxes == () and page.drawn is not None
    # As a bullet is drawn.
    assert _raw(_line(b"n", 200, 10, font=b"F3") + rest).text.startswith("\ufffd was seen")


def test_text_that_nobody_sees_is_left_behind() -> None:
    hidden = (
        b"/OC /Off BDC " + _line(b"LAYER", 250) + b"EMC "
        b"BT 3 Tr /F1 12 Tf 30 230 Td (MODE) Tj 0 Tr ET "
        + _line(b"OUTSIDE", 210, 5000)
        + b"1 g " + _line(b"WHITE", 190)
        + b"q 0 0 9 9 re W n 0 g " + _line(b"CLIPPED a 1", 170) + b"Q 0 g "
        + _line(b"born BOXED there", 150) + b"56 147 45 14 re f "
    )  # fmt: skip
    page = _raw(_line(b"Seen: 2.5 mg", 280) + hidden)
    assert page.text.split() == ["Seen:", "2.5", "mg", "born", "there"] and page.drawn is None
    assert len(page.boxes) == len(page.text)
    form = _raw(b"1 g " + _line(b"WHITE", 190) + b"0 g /Form Do", form=_line(b"nested", 100))
    assert form.text.split() == ["nested"] and form.drawn is None


def test_ordinary_text_in_any_size_and_colour_is_whole() -> None:
    words = "fi il | . , : ; - _ 2.5 mg 1.1 l/min ~ ^"
    colours = (b"0 0 0", b".93 .93 .93", b"1 1 0", b".2 .9 .3")
    content = b"".join(
        b"%s rg " % colour + _line(words.encode(), 280 - 18 * (4 * row + column), size=size)
        for row, size in enumerate((4, 6, 11))
        for column, colour in enumerate(colours)
    )
    assert _raw(content).text.split() == words.split() * 12
    # On black, and over a picture.
    black = b"0 0 0 rg 0 0 400 300 re f 1 1 1 rg "
    assert _raw(black + _line(words.encode(), 200, size=6)).text.split() == words.split()
    picture = b"q 400 0 0 300 0 0 cm /Scan Do Q "
    page = _raw(picture + _line(words.encode(), 200), scan=bytes(range(100, 250)))
    assert page.text.split() == words.split() and page.drawn is not None


def test_what_was_read_in_a_scan_stays_unless_nothing_is_there() -> None:
    scan = b"q 200 0 0 300 0 0 cm /Scan Do Q 3 Tr "
    read = _line(b"letter 7", 200) + _line(b"gone", 200, 280) + _line(b"Weber,", 150) + b"27 145 38 18 re f"
    assert _raw(scan + read, scan=bytes(range(0, 250, 5))).text.split() == ["letter", "7"]


def test_a_drawing_of_few_paths_is_shown_and_rules_are_not() -> None:
    trace = b"30 100 m " + b" ".join(b"%d %d l" % (x, 100 + x % 60) for x in range(30, 300, 4)) + b" S "
    drawn = _raw(_line(b"ECG", 200) + trace)
    assert drawn.text == "ECG" and drawn.drawn is not None
    rules = b"20 190 m 300 190 l S 20 20 300 250 re S "
    assert _raw(_line(b"ECG", 200) + rules).drawn is None


@pytest.mark.parametrize(
    "page", [b"", b"/Rotate 90", b"/Rotate 180", b"/Rotate 270", b"/CropBox[20 150 380 280]"]
)
def test_frames_are_where_the_text_stands(page: bytes) -> None:
    one = _raw(_line(b"Quastenberg", 250) + _line(b"Ottilie", 200, 60), page)
    span = Span(0, len(one.text), Kind.NAME, Tier.CERTAIN, "[X]", 1, "")
    frames = [frame.bounds for frame in _frames(one, 0, [span])]
    assert len(frames) == 2
    ink = (one.shown < 128).any(axis=2)
    inside = np.zeros_like(ink)
    for left, top, right, bottom in frames:
        area = (slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1))
        assert ink[area].mean() > 0.1
        inside[area] = True
    assert ink.any() and not (ink & ~inside).any()


def test_characters_beyond_16_bits_are_whole() -> None:
    names = b"1 begincodespacerange <00> <ff> endcodespacerange "
    names += b"2 beginbfchar <6e> <D835DC00> <6f> <0062> endbfchar"
    page = _raw(_line(b"ono", 200, font=b"F3"), names=names)
    assert page.text == "b\U0001d400b" and len(page.boxes) == 3


def test_an_engine_that_errs_is_a_refusal() -> None:
    class Broken:
        def find(self, text: str, **_: object) -> object:
            raise RuntimeError(text)

    with pytest.raises(Refused) as refused:
        clean(_plain(planted.LETTER), "application/pdf", "x", Broken())
    assert refused.value.reason is Reason.FAILED and refused.value.__context__ is None


def test_damaged_files_crash_nothing() -> None:
    for data in planted.damaged(_plain(planted.LETTER), 2):
        try:
            pages, _ = decoder.pages(data, Limits(), Clock(60))
        except Refused:
            continue
        assert pages
