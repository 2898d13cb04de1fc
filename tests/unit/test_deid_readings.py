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
        ("Culture 4/18/24 positive", "en", "Culture [DATE] positive"),
        ("Seit 14. Oktober. Abstrich folgt", "de", "Seit [DATUM]. Abstrich folgt"),
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
