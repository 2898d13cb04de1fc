"""Languages: gettext catalogues (`locale/<language>.po`), and dates as people write them.

Catalogues are read at the start (Babel), so that nothing compiled lies in the repository.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.units import format_unit

from bot.chat.rich import Rich, markup
from bot.chat.store import Person

LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}


def message_id(text: str) -> str:
    """Mark a text that is translated where it is used, so that the catalogues' test finds it."""
    return text


_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))
_MOST_OF_A_UNIT = 121


class Translator:
    """Speaks to one person: their language, their time zone."""

    def __init__(self, catalogue: gettext.NullTranslations, language: str, timezone: str) -> None:
        self._catalogue = catalogue
        self.language = language
        self.zone = ZoneInfo(timezone)

    def __call__(self, template: str, /, **values: object) -> Rich:
        """Translate a template and fill it (see `bot.chat.rich.markup`)."""
        return markup(self._catalogue.gettext(template) if template else "", **values)

    def plural(self, one: str, many: str, number: int, /, **values: object) -> Rich:
        """Translate by number; the templates may use `{number}`."""
        return markup(self._catalogue.ngettext(one, many, number), number=number, **values)

    def time(self, moment: datetime, now: datetime) -> str:
        """A moment in the person's zone: the hour today, else day and hour."""
        local = moment.astimezone(self.zone)
        if local.date() == now.astimezone(self.zone).date():
            return str(format_time(local, "short", locale=self.language))
        pattern = "EEE d. MMM, HH:mm" if self.language == "de" else "EEE d MMM, h:mm a"
        return str(format_datetime(local, pattern, locale=self.language))

    def span(self, length: timedelta) -> str:
        """A length of time in words: `10 minutes`."""
        return _span(int(length.total_seconds()), self.language)


@lru_cache(maxsize=4096)
def _span(seconds: int, language: str) -> str:
    # In a unit that divides it: 90 minutes are not two hours to somebody who waits for a colleague.
    for unit, size in _UNITS:
        if seconds % size == 0 and 0 < seconds // size < _MOST_OF_A_UNIT:
            return str(format_unit(seconds // size, f"duration-{unit}", locale=language))
    return str(format_timedelta(timedelta(seconds=seconds), threshold=1.5, locale=language))


class Texts:
    """The catalogues of the core and of every capability."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._catalogues: dict[str, gettext.NullTranslations] = {"en": gettext.NullTranslations()}
        for folder in folders:
            for file in sorted(folder.glob("*.po")):
                self._add(file)

    def _add(self, file: Path) -> None:
        with file.open("rb") as source:
            catalogue = read_po(source, locale=file.stem)
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        translations = gettext.GNUTranslations(compiled)
        known = self._catalogues.get(file.stem)
        if known is not None:
            translations.add_fallback(known)
        self._catalogues[file.stem] = translations

    def translator(self, person: Person) -> Translator:
        """The translator for somebody; an unknown language falls back to English."""
        language = person.language if person.language in self._catalogues else "en"
        return Translator(self._catalogues[language], language, person.timezone)
