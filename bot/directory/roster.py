"""The roster, which the hospital maintains: TOML, read again whenever it changes.

    include = ["departments/*.toml"]       # files of the same grammar, below this one's folder

    [services.cardiology]
    name = "Cardiology"
    synonyms = ["cards", "heart", "kardiologie"]
    on_call = ["@first:hospital.example", "@second:hospital.example"]
    timezone = "Europe/Berlin"
    timers = { stat = "2m", urgent = "10m", routine = "4h" }
    rota = "cardiology"                    # whoever is on in it comes before those of on_call
    policy = "acute"

    [[services.cardiology.shifts]]
    who = "@night:hospital.example"
    days = "mon-fri"
    from = "20:00"
    to = "08:00"

    [groups.stroke_team]
    people = ["@anna:hospital.example", "@ben:hospital.example"]

    [clinicians."@first:hospital.example"]
    name = "Dr Anna Berg"
    quiet = "22:00-07:00"

Rotas and holidays: `roster_rotas.py`; policies: `roster_policies.py`; templates of requests:
`roster_templates.py`. Times are wall time in the service's or the rota's zone.
"""

from __future__ import annotations

import math
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from bot.directory.model import EVERY_DAY, MINUTES_A_DAY, Clinician, Roster, Service, Shift, folded
from bot.directory.policies import PolicySet, Whom
from bot.directory.roster_policies import GroupEntry, PolicyEntries, policy_set, refuse_unknown
from bot.directory.roster_rotas import HolidayEntry, RotaEntry, holidays, rota
from bot.directory.roster_templates import TemplateEntry, template
from bot.directory.roster_words import Days, Key, QuietHours, WallTime, Word, minutes, weekdays
from bot.directory.rotas import Diary
from bot.kernel.errors import CurbsideError
from bot.settings import Duration, Section, ServerName, UserId, Zone


class BadRoster(CurbsideError):
    """An entry of the roster is missing or wrong; the message names it and says what to write."""


class _ShiftEntry(Section):
    who: UserId
    days: Days | None = None
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
    rota: str | None = None
    policy: str | None = None
    template: str | None = None
    offered_to: tuple[ServerName, ...] = ()


class _ClinicianEntry(Section):
    name: Word
    specialty: str = Field(default="", max_length=80)
    level: Literal["L0", "L1", "L2", "L3", "L4"] = "L0"
    quiet: QuietHours | None = None
    timezone: Zone | None = None
    sms: str = Field(default="", pattern=r"^(\+?[0-9][0-9 ()/.-]{2,30})?$")
    pager: str = Field(default="", pattern=r"^([A-Za-z0-9+*#._-]{1,64})?$")


class _RosterEntries(Section):
    include: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
    services: dict[Key, _ServiceEntry] = Field(default_factory=dict)
    clinicians: dict[UserId, _ClinicianEntry] = Field(default_factory=dict)
    rotas: dict[Key, RotaEntry] = Field(default_factory=dict)
    groups: dict[Key, GroupEntry] = Field(default_factory=dict)
    policies: dict[Key, PolicyEntries] = Field(default_factory=dict)
    templates: dict[Key, TemplateEntry] = Field(default_factory=dict)
    holidays: dict[Key, HolidayEntry] = Field(default_factory=dict)


@dataclass(frozen=True)
class _File:
    """One file of the roster: `label` stands before what is wrong in it."""

    path: Path
    label: str
    entries: _RosterEntries


_State = tuple[int, ...]
_Parsed = dict[Path, tuple[_State, _RosterEntries]]


def load_roster(path: Path, timezone: str) -> Roster:
    """Read a roster; `timezone` is that of services that name none. Raises BadRoster with one sentence."""
    return _Reader(path, timezone).read()


class _Reader:
    """Reads the roster's file and those that it includes.

    `watched` is all that it looked at, and its state right before; `parsed` are the files of earlier readings
    with theirs, of which those that have not changed are not read again: 10,000 clinicians take seconds.
    """

    def __init__(self, path: Path, timezone: str, parsed: _Parsed | None = None) -> None:
        self._path = path
        self._timezone = timezone
        self._parsed: _Parsed = {} if parsed is None else parsed
        self._names: dict[str, str] = {}
        self.watched: dict[Path, _State] = {}

    def read(self) -> Roster:
        """The roster of all files together."""
        first = _File(self._path, "", self._entries(self._path, f"The roster {self._path}", ""))
        files = [first]
        for pattern in first.entries.include:
            files += self._included(pattern)
        self._refuse_double(files)
        days_off = {key: holidays(entry) for file in files for key, entry in file.entries.holidays.items()}
        rotas = {
            key: rota(
                key,
                entry,
                self._timezone,
                days_off,
                partial(self._diary, file),
                partial(_refused, file.label),
            )
            for file in files
            for key, entry in file.entries.rotas.items()
        }
        policies = {key: policy_set(entry) for file in files for key, entry in file.entries.policies.items()}
        services = {key for file in files for key in file.entries.services}
        roster = Roster(
            services={
                key: _service(file, key, entry, self._timezone, policies)
                for file in files
                for key, entry in file.entries.services.items()
            },
            clinicians={
                user: _clinician(user, entry, self._timezone)
                for file in files
                for user, entry in file.entries.clinicians.items()
            },
            rotas=rotas,
            groups={
                key: _once(f"{file.label}groups.{key}.people", entry.people)
                for file in files
                for key, entry in file.entries.groups.items()
            },
            policies=policies,
            templates={
                key: template(key, entry, services, partial(_refused, file.label))
                for file in files
                for key, entry in file.entries.templates.items()
            },
        )
        _refuse_shared_words(roster)
        self._refuse_unknown(files, roster)
        return roster

    def _included(self, pattern: str) -> list[_File]:
        folder = self._path.parent
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise BadRoster(f"include: {pattern!r} must be a path below the roster's folder.")
        found = sorted(file for file in folder.glob(pattern) if file.is_file() and file != self._path)
        # A file that comes or goes changes its folder.
        for place in {file.parent for file in found} | {folder / Path(pattern).parent}:
            self._watch(place)
        if not found and not any(sign in pattern for sign in "*?["):
            raise BadRoster(f"include: there is no file {pattern}.")
        files = []
        for file in found:
            name = file.relative_to(folder).as_posix()
            entries = self._entries(file, name, f"{name}: ")
            if entries.include:
                raise BadRoster(f"{name}: include: only {self._path.name} itself may include files.")
            files.append(_File(file, f"{name}: ", entries))
        return files

    def _entries(self, path: Path, name: str, label: str) -> _RosterEntries:
        state = self._watch(path)
        known = self._parsed.get(path)
        if known is None or not state or known[0] != state:
            known = self._parsed[path] = (state, self._parse(path, name, label))
        return known[1]

    def _watch(self, path: Path) -> _State:
        return self.watched.setdefault(path, _state(path))

    def _parse(self, path: Path, name: str, label: str) -> _RosterEntries:
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise BadRoster(f"There is no roster {path}: make one, or set `roster` to where it is.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadRoster(f"{name} cannot be read: {error}.") from None
        except tomllib.TOMLDecodeError as error:
            raise BadRoster(f"{name} is not valid TOML: {error}.") from None
        try:
            return _RosterEntries.model_validate(values)
        except ValidationError as error:
            raise BadRoster(label + _sentence(error)) from None

    def _diary(self, file: _File, written: str, zone: str) -> Diary:
        # Most rosters name no calendar, and its libraries take a tenth of a second.
        from bot.directory.roster_calendar import CalendarError, read_calendar

        path = file.path.parent / written
        self._watch(path)
        try:
            return read_calendar(path, zone, self._names)
        except CalendarError as error:
            raise BadRoster(f"{file.label}{written}: {error}") from None

    def _refuse_double(self, files: list[_File]) -> None:
        for kind in ("services", "clinicians", "rotas", "groups", "policies", "templates", "holidays"):
            stands: dict[str, _File] = {}
            for file in files:
                for key in getattr(file.entries, kind):
                    other = stands.setdefault(key, file)
                    if other is not file:
                        where = other.path.relative_to(self._path.parent).as_posix()
                        raise BadRoster(f"{file.label}{kind}.{key}: stands in {where} already.")
        self._names = {
            folded(entry.name): user for file in files for user, entry in file.entries.clinicians.items()
        }

    def _refuse_unknown(self, files: list[_File], roster: Roster) -> None:
        known: dict[Whom, Mapping[str, Any]] = {
            Whom.ROTA: roster.rotas,
            Whom.GROUP: roster.groups,
            Whom.SERVICE: roster.services,
        }
        for file in files:
            for key, entry in file.entries.services.items():
                if entry.rota is not None and entry.rota not in roster.rotas:
                    raise BadRoster(f"{file.label}services.{key}.rota: there is no rotas.{entry.rota}.")
                if entry.template is not None and entry.template not in roster.templates:
                    place = f"{file.label}services.{key}.template"
                    raise BadRoster(f"{place}: there is no templates.{entry.template}.")
            for key in file.entries.policies:
                refuse_unknown(f"policies.{key}", roster.policies[key], known, partial(_refused, file.label))


def _refused(label: str, sentence: str) -> BadRoster:
    return BadRoster(label + sentence)


def _clinician(user: str, entry: _ClinicianEntry, timezone: str) -> Clinician:
    quiet = None
    if entry.quiet is not None:
        start, _, end = entry.quiet.partition("-")
        quiet = (minutes(start), minutes(end))
    return Clinician(
        user,
        entry.name,
        entry.specialty,
        entry.level,
        quiet=quiet,
        zone=ZoneInfo(entry.timezone or timezone),
        sms=entry.sms,
        pager=entry.pager,
    )


def _service(
    file: _File, key: str, entry: _ServiceEntry, timezone: str, policies: Mapping[str, PolicySet]
) -> Service:
    names = {"en": entry.name, "de": entry.name_de}
    place = f"{file.label}services.{key}"
    if entry.policy is not None and entry.policy not in policies:
        raise BadRoster(f"{place}.policy: there is no policies.{entry.policy}.")
    return Service(
        key=key,
        names={language: name for language, name in names.items() if name is not None},
        synonyms=entry.synonyms,
        on_call=_once(f"{place}.on_call", entry.on_call),
        shifts=tuple(_shift(f"{place}.shifts.{index}", shift) for index, shift in enumerate(entry.shifts)),
        zone=ZoneInfo(entry.timezone or timezone),
        timers={urgency: wait for urgency, wait in entry.timers if wait is not None},
        rota=entry.rota,
        policy=policies[entry.policy] if entry.policy is not None else None,
        template=entry.template,
        offered_to=entry.offered_to,
    )


def _shift(place: str, entry: _ShiftEntry) -> Shift:
    start, end = minutes(entry.start), minutes(entry.end)
    if start == MINUTES_A_DAY:
        raise BadRoster(f"{place}.from: must be before 24:00; write 00:00 and the next day.")
    if start == end:
        raise BadRoster(
            f"{place}: from {entry.start} to {entry.end} has no length; for 24 hours write two shifts, "
            f"one from {entry.start} to 24:00 and one from 00:00 to {entry.end} on the days after."
        )
    return Shift(entry.who, weekdays(entry.days) if entry.days is not None else EVERY_DAY, start, end)


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
    """The roster as it is now; while the file is broken, as it last was whole.

    The files that it includes are looked at anew after `patience` seconds, itself at every question.
    """

    def __init__(self, path: Path, timezone: str = "UTC", patience: float = 0.2) -> None:
        self._path = path
        self._timezone = timezone
        self._patience = patience
        self._looked = -math.inf
        self._seen: dict[Path, _State] = {}
        self._parsed: _Parsed = {}
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
        due = time.monotonic() >= self._looked + self._patience
        known = self._seen if due or not self._seen else {self._path: self._seen[self._path]}
        if due:
            self._looked = time.monotonic()
        if known and all(_state(path) == state for path, state in known.items()):
            return
        reader = _Reader(self._path, self._timezone, self._parsed)
        try:
            self._roster = reader.read()
            self._error = None
        except BadRoster as error:
            self._error = str(error)
        self._seen = reader.watched


def _state(path: Path) -> _State:
    """What changes when a file, or what lies in a folder, does."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
