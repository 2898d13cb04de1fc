"""PDFs without identifiers: rebuilt of de-identified text and covered pictures."""

import io

import pypdfium2
import pytest

from bot.deid.engine import Engine
from bot.deid.files import Limits, Options, Reason, Refused, clean, decoder
from bot.deid.files.covering import Clock
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
