"""Forms of dates that only Spanish or French writes."""

from __future__ import annotations

from bot.deid.calendars import SHORT, WEEKDAYS
from bot.deid.model import Trust
from bot.deid.recognizers.dateparts import BEFORE, DAY, UNIT, YEAR, Form, either, form


def spanish() -> tuple[Form, ...]:
    """What only Spanish writes."""
    return (
        form(
            "day alone",
            rf"(?:(?<=\bel\s)|(?<=\bdel\s)|(?<=\bal\s)|(?<=\bd[ií]a\s))(?P<date>{DAY})(?=[.,;:!?)]|$|"
            r"\s(?:a las|por|con|y|en|para|no|se|que|me|le|la|de este|del mes)\b)" + UNIT,
            Trust.SOFT,
            "romance day",
            anchor="number",
        ),
        form(
            "weekday day",
            rf"\b(?P<date>(?:{either(WEEKDAYS['es'])}),?\s(?:día\s)?{DAY})(?![\w%/:])(?!\.\d)",
            anchor="weekday",
        ),
        form(
            "letters",
            rf"{BEFORE}(?P<date>{DAY}[/-](?:{either(SHORT['es'])})\.?(?:[/-](?:{YEAR}|\d\d))?)(?!\w)",
            anchor="number",
        ),
        form(
            "quarter words",
            rf"\b(?P<date>(?:primer|segundo|tercer|cuarto) trimestre del? {YEAR})(?!\w)",
            anchor="quarter",
        ),
    )


def french() -> tuple[Form, ...]:
    """What only French writes."""
    return (
        form(
            "day alone",
            rf"(?:(?<=\ble\s)|(?<=\bdu\s)|(?<=\bau\s))(?P<date>{DAY})(?=[.,;:!?)]|$|\s?\n|\s(?:à|au|pour|avec|et|car|en|"
            r"par|on|elle|il)\b)" + UNIT,
            Trust.SOFT,
            "romance day",
            anchor="number",
        ),
        form(
            "weekday day",
            rf"\b(?P<date>(?:{either(WEEKDAYS['fr'])}),?\s{DAY})(?![\w%/:])(?!\.\d)(?!\s?h)",
            anchor="weekday",
        ),
        form(
            "weekday next",
            rf"\b(?P<date>(?:{either(WEEKDAYS['fr'])})\sen\s(?:huit|quinze))\b",
            anchor="weekday",
        ),
        form(
            "quarter words",
            r"\b(?P<date>(?:1er|2e|2ème|3e|3ème|4e|4ème|premier|deuxième|troisième|quatrième) "
            rf"trimestre {YEAR})(?!\w)",
            anchor="quarter",
        ),
    )
