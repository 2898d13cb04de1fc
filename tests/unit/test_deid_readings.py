"""What readers of whole outputs stumbled over: names left, borders, harmless numbers taken for somebody's."""

from __future__ import annotations

import pytest

from bot.deid.engine import Engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load()


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Spoke to Joel Cohen about the scan", "en", "Spoke to [NAME-1] about the scan"),
        ("Discussed with Marcus Gunn from cardiology", "en", "Discussed with [NAME-1] from cardiology"),
        ("Marcus Gunn pupil, Ross River virus neg", "en", "Marcus Gunn pupil, Ross River virus neg"),
        ("Called by Knight. Taylor is his nurse", "en", "Called by [NAME-1]. [NAME-2] is his nurse"),
        ("Anderson A is in bed 4", "en", "[NAME-1] is in bed [ROOM]"),
        ("Child B cirrhosis, Weber B, Rockwood 3", "en", "Child B cirrhosis, Weber B, Rockwood 3"),
        ("Ivy Pratt, 112, is still walking", "en", "[PATIENT], 90+, is still walking"),
        ("Mrs Dale, 83, confused, CRP 120", "en", "Mrs [PATIENT], 83, confused, CRP 120"),
        ("Frau Huber, 84, hat Fieber", "de", "Frau [PATIENT], 84, hat Fieber"),
        ("67F from AMU, sats 91 on 2L", "en", "67F from AMU, sats 91 on 2L"),
        (
            "Visite 3.4. 08:00 stabil. Sturz am 12.5. 14:30.",
            "de",
            "Visite [Tag 0] 08:00 stabil. Sturz am [Tag +39] 14:30.",
        ),
        ("Blood culture 4/18/24 positive", "en", "Blood culture [DATE] positive"),
        ("Seit 14. Oktober. Abstrich folgt", "de", "Seit [DATUM]. Abstrich folgt"),
        ("33 Mrs Dale, septic. 95, lives alone", "en", "[ROOM] Mrs [PATIENT], septic. 90+, lives alone"),
        ("He is in the ED, pod D, 41", "en", "He is in the ED, pod [ROOM-1], [ROOM-2]"),
        ("b2 ready for theatre\nb3 empty", "en", "[ROOM-1] ready for theatre\n[ROOM-2] empty"),
        ("side room ii, then OR B", "en", "side room [ROOM-1], then OR [ROOM-2]"),
        ("courier to 8-2-293/A, Road No. 12, Banjara Hills please", "en", "courier to [PLACE-1] please"),
        ("call me on bleep 1955", "en", "call me on bleep [PHONE]"),
        ("her phone died in 1955", "en", "her phone died in 1955"),
        ("brought in as UNK MALE 0783", "en", "brought in as [RECORD-NUMBER]"),
        ("Apixaban 5 mg 1-0-1, Spiro 25", "de", "Apixaban 5 mg 1-0-1, Spiro 25"),
        ("20 Fr MIC balloon, baseline above 2.4", "en", "20 Fr MIC balloon, baseline above 2.4"),
        ("kommt do u fr nicht, OP di", "de", "kommt [DATUM-1] u [DATUM-2] nicht, OP [DATUM-3]"),
        ("Biopsie Di vormittag, Labor sa 9:00", "de", "Biopsie [DATUM-1] vormittag, Labor [DATUM-2] 9:00"),
        ("er kommt und so, geht wieder", "de", "er kommt und so, geht wieder"),
        ("Isolation ist Koje 7+8", "de", "Isolation ist Koje [ZIMMER-1]+[ZIMMER-2]"),
        ("Praxis: 3874 Haugschlag 17, Tel. folgt", "de", "Praxis: [ORT-1], Tel. folgt"),
        ("daughter Siobhan (07700 900412) is NOK", "en", "daughter [DAUGHTER] ([PHONE]) is NOK"),
        (
            "Patient: O'Shaughnessy, Niamh\nHosp no: RX-208841",
            "en",
            "Patient: [PATIENT]\nHosp no: [RECORD-NUMBER]",
        ),
    ],
)
def test_it_reads_as_expected(engine: Engine, text: str, language: str, expected: str) -> None:
    assert engine.find(text, language).text == expected
