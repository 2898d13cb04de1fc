"""The roster file, which the hospital maintains: TOML, read again whenever it changes.

    [services.cardiology]
    name = "Cardiology"
    synonyms = ["cards", "heart", "kardiologie"]
    on_call = ["@first:hospital.example", "@second:hospital.example"]
    timezone = "Europe/Berlin"
    timers = { stat = "2m", urgent = "10m", routine = "4h" }

    [[services.cardiology.shifts]]
    who = "@night:hospital.example"
    days = "mon-fri"
    from = "20:00"
    to = "08:00"

    [clinicians."@first:hospital.example"]
    name = "Dr Anna Berg"

Times are wall time in the service's zone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError

from bot.directory.model import EVERY_DAY, MINUTES_A_DAY, Clinician, Roster, Service, Shift, folded
from bot.kernel.errors import CurbsideError
from bot.settings import Duration, Section, UserId, Zone

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class BadRoster(CurbsideError):
    """An entry of the roster is missing or wrong; the message names it and says what to write."""


def _service_key(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
        raise ValueError("must be lower-case letters, digits, - and _, such as cardiology")
    return value


def _days(value: str) -> str:
    _weekdays(value)
    return value


def _weekdays(value: str) -> frozenset[int]:
    days: set[int] = set()
    for span in value.lower().replace(" ", "").split(","):
        first, dash, last = span.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise ValueError("must be weekdays such as mon, sat,sun or mon-fri")
        begin = _DAYS.index(first)
        length = (_DAYS.index(last) - begin) % 7 if dash else 0
        days.update((begin + day) % 7 for day in range(length + 1))
    return frozenset(days)


def _wall_time(value: str) -> str:
    _minutes(value)
    return value


def _minutes(value: str) -> int:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", value.strip())
    minutes = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else -1
    if not 0 <= minutes <= MINUTES_A_DAY:
        raise ValueError("must be a time of day such as 08:00, at most 24:00")
    return minutes


Key = Annotated[str, AfterValidator(_service_key)]
Word = Annotated[str, Field(min_length=1, max_length=80)]
WallTime = Annotated[str, AfterValidator(_wall_time)]


class _ShiftEntry(Section):
    who: UserId
    days: Annotated[str, AfterValidator(_days)] | None = None
    start: WallTime = Field(alias="from")
    end: WallTime = Field(alias="to")


class _Timers(Section):
    stat: Duration | None = None
    urgent: Duration | None = None
    routine: Duration | None = None


class _ServiceEntry(Section):
    name: Word | None = None
    name_de: Word | None = None
    synonyms: tuple[Word, ...] = ()
    on_call: tuple[UserId, ...] = ()
    timezone: Zone | None = None
    timers: _Timers = _Timers()
    shifts: tuple[_ShiftEntry, ...] = ()


class _ClinicianEntry(Section):
    name: Word
    specialty: str = Field(default="", max_length=80)
    level: Literal["L0", "L1", "L2", "L3", "L4"] = "L0"


class _RosterEntries(Section):
    services: dict[Key, _ServiceEntry] = Field(default_factory=dict)
    clinicians: dict[UserId, _ClinicianEntry] = Field(default_factory=dict)


def load_roster(path: Path, timezone: str) -> Roster:
    """Read a roster; `timezone` is that of services that name none. Raises BadRoster with one sentence."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadRoster(f"There is no roster {path}: make one, or set `roster` to where it is.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadRoster(f"The roster {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadRoster(f"The roster {path} is not valid TOML: {error}.") from None
    return read_roster(values, timezone)


def read_roster(values: Mapping[str, Any], timezone: str) -> Roster:
    """A roster from the values of its file; raises BadRoster with one sentence naming the entry."""
    try:
        entries = _RosterEntries.model_validate(dict(values))
    except ValidationError as error:
        raise BadRoster(_sentence(error)) from None
    roster = Roster(
        services={key: _service(key, entry, timezone) for key, entry in entries.services.items()},
        clinicians={
            user_id: Clinician(user_id, entry.name, entry.specialty, entry.level)
            for user_id, entry in entries.clinicians.items()
        },
    )
    _refuse_shared_words(roster)
    return roster


def _service(key: str, entry: _ServiceEntry, timezone: str) -> Service:
    names = {"en": entry.name, "de": entry.name_de}
    return Service(
        key=key,
        names={language: name for language, name in names.items() if name is not None},
        synonyms=entry.synonyms,
        on_call=_once(f"services.{key}.on_call", entry.on_call),
        shifts=tuple(
            _shift(f"services.{key}.shifts.{index}", shift) for index, shift in enumerate(entry.shifts)
        ),
        zone=ZoneInfo(entry.timezone or timezone),
        timers={urgency: wait for urgency, wait in entry.timers if wait is not None},
    )


def _shift(place: str, entry: _ShiftEntry) -> Shift:
    start, end = _minutes(entry.start), _minutes(entry.end)
    if start == MINUTES_A_DAY:
        raise BadRoster(f"{place}.from: must be before 24:00; write 00:00 and the next day.")
    if start == end:
        raise BadRoster(
            f"{place}: from {entry.start} to {entry.end} has no length; for 24 hours write two shifts, "
            f"one from {entry.start} to 24:00 and one from 00:00 to {entry.end} on the days after."
        )
    return Shift(entry.who, _weekdays(entry.days) if entry.days is not None else EVERY_DAY, start, end)


def _once(place: str, users: tuple[str, ...]) -> tuple[str, ...]:
    for user in users:
        if users.count(user) > 1:
            raise BadRoster(f"{place}: {user} is named twice; each person is called once.")
    return users


def _refuse_shared_words(roster: Roster) -> None:
    owner: dict[str, str] = {}
    for key, service in roster.services.items():
        for word in service.words:
            other = owner.setdefault(folded(word), key)
            if other != key:
                raise BadRoster(f"services.{key}: the name {word!r} already belongs to services.{other}.")
            if not folded(word):
                raise BadRoster(f"services.{key}: the name {word!r} holds no letter or digit.")


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "[key]")
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "missing":
        message = "is required"
    elif first["type"] == "extra_forbidden":
        message = "is not an entry of the roster; see docs/operator.md for the list"
    elif not message.startswith("must"):
        message = message[:1].lower() + message[1:]
    return f"{place}: {message}."


class RosterFile:
    """The roster as it is now; while the file is broken, as it last was whole."""

    def __init__(self, path: Path, timezone: str = "UTC") -> None:
        self._path = path
        self._timezone = timezone
        self._seen: tuple[int, ...] | None = None
        self._roster = Roster()
        self._error: str | None = None

    @property
    def current(self) -> Roster:
        """The roster, read again if the file has changed since; empty if it never was whole."""
        self._refresh()
        return self._roster

    @property
    def error(self) -> str | None:
        """What is wrong with the file as it is now, in one sentence; None if nothing is."""
        self._refresh()
        return self._error

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
            seen: tuple[int, ...] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except OSError:
            seen = ()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._roster = load_roster(self._path, self._timezone)
            self._error = None
        except BadRoster as error:
            self._error = str(error)
