"""The extract as a PDF: A4, every letter embedded, nothing lost. Blocks: call in a thread.

DejaVu Sans draws most alphabets. Chinese, Japanese and Korean use the fonts that every PDF reader brings
(Adobe's CID fonts); a sign that neither has is written as its code point, U+1F600.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from bot.chat.i18n import Translator, message_id
from bot.consults.export import bidi
from bot.consults.export.extract import Extract
from bot.consults.views.wording import EXPECTS, OUTCOMES, STATES, URGENCIES

if TYPE_CHECKING:
    from datetime import datetime

    from reportlab.platypus import Flowable

_REGULAR, _BOLD = "CurbsideSans", "CurbsideSans-Bold"
_CID = {"CJK": "STSong-Light", "HANGUL": "HYSMyeongJo-Medium", "KANA": "HeiseiMin-W3"}
_KINDS = {
    "decline": message_id("Declined"),
    "handoff": message_id("Handed over"),
    "wanted": message_id("Asked for information"),
    "info": message_id("Information"),
    "interim": message_id("Interim reply"),
    "reopen": message_id("Reopened"),
    "cancel": message_id("Cancelled"),
}
_LINE_WIDTH = 480.0  # points between the margins, less a little
_LINE_SIGNS = 90  # that fit there, whatever they are
_INK, _PALE, _RULE = "#1a1a1a", "#eef2f5", "#b8c2ca"


def render(extract: Extract, t: Translator, zone: str, fingerprint: str) -> bytes:
    """The PDF, not yet signed; times are in the house's `zone`."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    _fonts()
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=18 * mm, rightMargin=18 * mm, topMargin=16 * mm, bottomMargin=18 * mm,
        title=extract.consult.id, author=f"Curbside, {extract.hospital}", creator="Curbside",
        subject=t("An extract for the record").plain, lang=t.language,
    )  # fmt: skip
    page = _Page(extract, t, ZoneInfo(zone), fingerprint)

    def footer(canvas: Any, shown: Any) -> None:
        canvas.saveState()
        canvas.setFont(_REGULAR, 7.5)
        canvas.drawString(18 * mm, 10 * mm, page.foot)
        canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, str(shown.page))
        canvas.restoreState()

    document.build(page.story(), onFirstPage=footer, onLaterPages=footer)
    return out.getvalue()


class _Page:
    """What stands on the pages, from top to bottom."""

    def __init__(self, extract: Extract, t: Translator, zone: ZoneInfo, fingerprint: str) -> None:
        from reportlab.lib.enums import TA_RIGHT
        from reportlab.lib.styles import ParagraphStyle

        self._extract = extract
        self._t = t
        self._zone = zone
        self._fingerprint = fingerprint
        self._body = ParagraphStyle("body", fontName=_REGULAR, fontSize=9.5, leading=13, textColor=_INK)
        self._right = ParagraphStyle("right", parent=self._body, alignment=TA_RIGHT)
        self._small = ParagraphStyle("small", parent=self._body, fontSize=8, leading=10.5)
        self._head = ParagraphStyle(
            "head", parent=self._body, fontName=_BOLD, fontSize=11, leading=14, spaceBefore=9, spaceAfter=3
        )
        self._title = ParagraphStyle("title", parent=self._head, fontSize=15, leading=19, spaceBefore=0)

    @property
    def foot(self) -> str:
        """One line under every page; names no one."""
        extract = self._extract
        return _drawable(
            self.say("{id} · made by Curbside, {hospital}, {when}", id=extract.consult.id,
                      hospital=extract.hospital, when=self._time(extract.made_at))[:110]
        )  # fmt: skip

    def story(self) -> list[Flowable]:
        """Everything, in order."""
        extract, consult = self._extract, self._extract.consult
        urgency = self.say(URGENCIES[consult.urgency])
        parts = [self._paragraph(f"{consult.id} · {extract.service} · {urgency}", self._title)]
        parts.append(
            self._paragraph(
                self.say(
                    "An extract for the record, made for {who}. It is not the record itself: "
                    "Curbside knows no patient, so file it in the right record.",
                    who=extract.who(extract.made_for),
                )
            )
        )
        parts += [self._heading(message_id("At a glance")), self._table(self._facts(), (42, 132), head=False)]
        parts.append(self._heading(message_id("Question")))
        parts += self._text(extract.question)
        for label, text in extract.parts:
            parts += self._text(f"{label}: {text}")
        if extract.attachments:
            number = extract.attachments
            told = self.say("Files attached in the chat, not part of this extract: {number}", number=number)
            parts += self._text(told)
        parts += self._words()
        parts += self._told(message_id("Answer"), extract.answer, message_id("There is no answer yet."))
        unread = message_id("The answer was not read back.")
        parts += self._told(message_id("Read-back"), extract.read_back, unread)
        parts += self._asked()
        parts += self._trail()
        parts.append(self._heading(message_id("Signature")))
        told = self.say(
            "The signature covers the whole file; nothing in it may change. Certificate SHA-256:",
        )
        return [*parts, self._paragraph(told, self._small), self._paragraph(self._fingerprint, self._small)]

    def _facts(self) -> list[list[str]]:
        consult, extract = self._extract.consult, self._extract
        rows = [
            (message_id("Hospital"), extract.hospital),
            (message_id("State"), self.say(STATES[consult.state])),
            (message_id("Reply wanted"), self.say(EXPECTS[consult.expects])),
            (message_id("Follow along"), self.say("yes") if consult.follow else self.say("no")),
            (message_id("Asked by"), self._who(consult.requester)),
            (message_id("Consultant"), self._who(consult.consultant) if consult.consultant else "–"),
        ]
        if consult.colleagues:
            colleagues = ", ".join(map(self._who, consult.colleagues))
            rows.append((message_id("With"), colleagues))
        rows += [
            (message_id("Asked at"), self._time(consult.opened_at)),
            (message_id("First page arrived"), self._time(consult.paged_at)),
            (message_id("Seen"), self._time(consult.acknowledged_at)),
            (message_id("Accepted"), self._time(consult.accepted_at)),
            (message_id("Answered"), self._time(consult.answered_at)),
            (message_id("Ended"), self._time(consult.closed_at)),
        ]
        return [[self.say(label), value] for label, value in rows]

    def _words(self) -> list[Flowable]:
        extract = self._extract
        parts: list[Flowable] = []
        if extract.words:
            parts.append(self._heading(message_id("What was written")))
        for said in extract.words:
            kind = self.say(_KINDS[said.kind]) if said.kind in _KINDS else said.kind
            head = f"{self._time(said.at)} · {extract.who(said.author)} · {kind}"
            parts += [self._paragraph(head, self._small), *self._text(said.text)]
        return parts

    def _told(self, heading: str, text: str, missing: str) -> list[Flowable]:
        return [self._heading(heading), *self._text(text or self.say(missing))]

    def _asked(self) -> list[Flowable]:
        extract = self._extract
        rows = [
            [self.say(label) for label in (
                message_id("Who was asked"), message_id("Round"), message_id("Tier"),
                message_id("When"), message_id("Arrived"), message_id("Outcome"),
            )]
        ]  # fmt: skip
        for page in extract.pages:
            rows.append(
                [
                    self._who(page.user),
                    str(page.round + 1),
                    str(page.tier + 1),
                    self._time(page.asked_at),
                    self._time(page.delivered_at),
                    self.say(OUTCOMES[page.outcome])
                    + (f" ({self._time(page.settled_at)})" if page.settled_at is not None else ""),
                ]
            )
        if len(rows) == 1:
            return []
        return [self._heading(message_id("Escalation")), self._table(rows, (42, 14, 12, 34, 34, 38))]

    def _trail(self) -> list[Flowable]:
        rows = [[self.say(label) for label in (message_id("When"), message_id("Who"), message_id("What"),
                                                message_id("State"))]]  # fmt: skip
        for step in self._extract.trail:
            ours = step.actor in self._extract.bots or not step.actor.startswith("@")
            rows.append(
                [self._time(step.at), "Curbside" if ours else self._who(step.actor), step.action, step.state]
            )
        return [self._heading(message_id("From the audit trail")), self._table(rows, (46, 64, 34, 30))]

    # ── parts ──

    def say(self, template: str, **values: object) -> str:
        """A text of ours, in the reader's language."""
        return self._t(template, **values).plain

    def _who(self, user_id: str) -> str:
        name = self._extract.who(user_id)
        return name if name == user_id else f"{name} ({user_id})"

    def _time(self, moment: datetime | None) -> str:
        """Day, hour and offset, so that no clock change leaves a doubt (ISO 8601)."""
        if moment is None:
            return "–"
        return moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S %z")

    def _heading(self, label: str) -> Flowable:
        return self._paragraph(self.say(label), self._head)

    def _text(self, text: str) -> list[Flowable]:
        """What a person wrote, line by line; an empty line stays one."""
        parts = []
        for line in text.splitlines():
            style = self._right if bidi.begins_rtl(line) else self._body
            for piece in _wrapped(line, self._body.fontSize) if bidi.is_rtl(line) else [line]:
                parts.append(self._paragraph(piece or " ", style))
        return parts

    def _paragraph(self, text: str, style: Any = None) -> Flowable:
        from reportlab.platypus import Paragraph

        return Paragraph(_marked(text), style or self._body)

    def _table(
        self, rows: Sequence[Sequence[str]], widths: Iterable[float], *, head: bool = True
    ) -> Flowable:
        from reportlab.lib.colors import HexColor
        from reportlab.lib.units import mm
        from reportlab.platypus import Table, TableStyle

        cells = [[self._paragraph(text, self._small) for text in row] for row in rows]
        looks = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor(_RULE)),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ("BACKGROUND", (0, 0), (-1, 0) if head else (0, -1), HexColor(_PALE)),
        ]
        table = Table(cells, [width * mm for width in widths], repeatRows=1 if head else 0)
        table.setStyle(TableStyle(looks))
        return table


# Fonts ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _fonts() -> frozenset[int]:
    """Register the fonts; returns the signs that DejaVu Sans has. It comes with matplotlib."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.ttfonts import TTFont

    spec = find_spec("matplotlib")
    assert spec is not None and spec.submodule_search_locations is not None
    folder = Path(next(iter(spec.submodule_search_locations))) / "mpl-data" / "fonts" / "ttf"
    regular = TTFont(_REGULAR, str(folder / "DejaVuSans.ttf"))
    bold = TTFont(_BOLD, str(folder / "DejaVuSans-Bold.ttf"))
    for font in (regular, bold, *(UnicodeCIDFont(name) for name in _CID.values())):
        pdfmetrics.registerFont(font)
    return frozenset(regular.face.charToGlyph.keys() & bold.face.charToGlyph.keys())


def _font_of(char: str) -> str | None:
    """The font that draws a sign: "" is the paragraph's own, None is none."""
    if ord(char) > 0xFFFF:
        return None  # their text could not be copied out again: reportlab maps glyphs to two bytes
    if ord(char) in _fonts():
        return ""
    name = unicodedata.name(char, "")
    if name.startswith("CJK UNIFIED IDEOGRAPH"):
        return _CID["CJK"]
    if name.startswith("HANGUL SYLLABLE"):
        return _CID["HANGUL"]
    if name.startswith(("HIRAGANA", "KATAKANA", "IDEOGRAPHIC")):
        return _CID["KANA"]
    return None


def _drawable(text: str) -> str:
    """Signs that no font has, as their code points; those that are never seen are left out."""
    shown = []
    composed = unicodedata.normalize("NFC", text.replace("\t", "    "))
    for letter in bidi.joined(composed) if bidi.is_rtl(composed) else composed:
        char = letter
        if "\ufb50" <= letter <= "\ufefc" and _font_of(letter) is None:  # not this form, but the letter
            char = unicodedata.normalize("NFKC", letter)[0]
        if _font_of(char) is not None and unicodedata.category(char)[0] != "C":
            shown.append(char)
        elif unicodedata.category(char) not in ("Cc", "Cf", "Mn", "Cs"):
            shown.append(f"[U+{ord(char):04X}]")
    return "".join(shown).replace("][U+", "] [U+")  # so that a line can be broken between them


def _wrapped(line: str, size: float) -> list[str]:
    """A line with right-to-left text in pieces that fit a page: only then is each put into visual order."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    pieces, piece = [], ""
    for word in line.split(" "):
        longer = f"{piece} {word}" if piece else word
        if piece and stringWidth(_drawable(longer), _REGULAR, size) > _LINE_WIDTH:
            pieces.append(piece)
            longer = word
        while len(longer) > _LINE_SIGNS:
            pieces.append(longer[:_LINE_SIGNS])
            longer = longer[_LINE_SIGNS:]
        piece = longer
    return [*pieces, piece]


def _marked(text: str) -> str:
    """Text as reportlab's markup: escaped, with the font named where it is another."""
    runs: list[tuple[str, str]] = []
    drawn = _drawable(text)
    for char in bidi.visual(drawn) if bidi.is_rtl(drawn) else drawn:
        font = _font_of(char) or ""
        if runs and runs[-1][0] == font:
            runs[-1] = (font, runs[-1][1] + char)
        else:
            runs.append((font, char))
    return "".join(f'<font name="{font}">{escape(run)}</font>' if font else escape(run) for font, run in runs)
