"""Who reads, and the message about a consult that every view begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.chat.desk import Desk
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, mention, names_in, room_link, verbatim
from bot.consults.asking import times
from bot.consults.between.post import names
from bot.consults.model import Consult
from bot.consults.store import Record
from bot.consults.views.wording import URGENCIES
from bot.directory.model import Roster
from bot.directory.roster import RosterFile

GAP = verbatim(" ")  # an empty line, so that what a person wrote stands apart from what to do next


@dataclass(frozen=True)
class Reader:
    """Who will read: in what language, with what names, with what prefix before commands, and when."""

    t: Translator
    roster: Roster
    prefix: str
    now: datetime
    server: str
    moderators: bool  # whether there are any
    hospitals: Mapping[str, str] = field(default_factory=dict)  # others' servers and bots → their name
    people: Mapping[str, str] = field(default_factory=dict)  # of other hospitals, as these call them

    def who(self, user_id: str | None) -> Rich:
        if not user_id:
            return verbatim("")
        if user_id in self.hospitals:
            return verbatim(self.hospitals[user_id])
        return mention(user_id, self.people.get(user_id) or self.roster.name_of(user_id))

    def service(self, consult: Consult, *, short: bool = False) -> str:
        """Its name; `short`: without the hospital, where that is named beside it."""
        key, at, server = consult.service.partition("@")
        if not at:
            return self.roster.service_name(consult.service, self.t.language)
        name = key.replace("_", " ").replace("-", " ").capitalize()
        return name if short else f"{name} ({self.hospitals.get(server, server)})"

    def room(self, record: Record) -> Rich:
        if not record.room_id:
            return verbatim(record.id)
        via = record.consult.via
        server = via.partition(":")[2] if via is not None else self.server
        return room_link(record.room_id, self.t("open the room").plain, via=[server])

    def time(self, moment: datetime) -> str:
        return self.t.time(moment, self.now)

    def say(self, template: str, record: Record, **more: object) -> Rich:
        """A sentence about a consult; the template may use its id, service, people, room and the prefix."""
        names = names_in(template)
        taken = {name: self._value(name, record) for name in names if name not in more}
        if "service" in taken and "who" in names:
            taken["service"] = self.service(record.consult, short=True)
        return self.t(template, **taken, **more)

    def _value(self, name: str, record: Record) -> object:
        consult = record.consult
        match name:
            case "id":
                return consult.id
            case "p":
                return self.prefix
            case "urgency":
                return self.t(URGENCIES[consult.urgency])
            case "service":
                return self.service(consult)
            case "requester":
                return self.who(consult.requester)
            case "consultant":
                return self.who(consult.consultant)
            case "room":
                return self.room(record)
            case _:
                return self.t.span(times(consult).wait)


def reader_of(desk: Desk, t: Translator, people: Mapping[str, str] | None = None) -> Reader:
    """Somebody who speaks `t`, as the views address them; `people`: names of other hospitals' people."""
    settings = desk.house.settings
    roster = desk.house.part(RosterFile).current
    moderators = bool(settings.moderators)
    server = settings.server_name
    return Reader(t, roster, settings.prefix, desk.now, server, moderators, names(desk), people or {})


def about(
    record: Record, body: Rich, *, kind: str = "consult.state", loud: bool = False,
    buttons: Mapping[str, str] | None = None, mentions: tuple[str, ...] = (),
) -> Message:  # fmt: skip
    """A message about a consult, which says where it stands."""
    consult = record.consult
    return Message(
        kind, body, id=consult.id, state=str(consult.state), seq=consult.version,
        loud=loud, buttons=buttons or {}, mentions=mentions if loud else (),
    )  # fmt: skip
