"""What a use case has in its hands: the open transaction, the settings, and ways to speak."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol, TypeVar

from bot.chat import buttons, store
from bot.chat.attachment import Attachment, contents_of
from bot.chat.book import CommandBook
from bot.chat.i18n import Texts, Translator
from bot.chat.message import Message, content_of
from bot.chat.parsing import Parsed, names_of, normal, parse
from bot.chat.store import Person
from bot.kernel import outbox
from bot.kernel.db import Tx
from bot.kernel.outbox import Outgoing
from bot.settings import Settings

_T = TypeVar("_T")

MODERATORS_ROOM = "room:moderators"


@dataclass(frozen=True)
class RoomFacts:
    """What we know of a room: `direct` when nobody but the bot and one person is in it."""

    room_id: str
    encrypted: bool
    members: tuple[str, ...]
    direct: bool
    version: str = ""
    power: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StateEvent:
    """One event of a room's state; an empty `content` has taken the place of an earlier one."""

    sender: str
    type: str
    state_key: str
    content: Mapping[str, Any]


class RoomDirectory(Protocol):
    """The room index, as features see it."""

    async def facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        """Facts of a room by id or by key (`dm:@user`, `room:NAME`); None when it does not exist yet."""
        ...

    async def state(self, tx: Tx, bot: str, room: str, prefix: str) -> Sequence[StateEvent]:
        """The state of a room whose types begin so: only rules of policy lists are kept."""
        ...

    async def index_messages(self, tx: Tx, bot: str, rooms: Collection[str]) -> None:
        """Remember from now on where the messages of these rooms are, the bots' own too; of no others."""
        ...

    async def messages_before(
        self, tx: Tx, bot: str, room: str, moment: datetime, most: int
    ) -> Sequence[str]:
        """The oldest messages of such a room that were sent before a moment: their event ids."""
        ...

    async def count_before(self, tx: Tx, bot: str, room: str, moment: datetime) -> int:
        """How many messages of such a room were sent before a moment."""
        ...

    async def forget_messages(self, tx: Tx, bot: str, event_ids: Collection[str]) -> None:
        """Remember these messages no longer."""
        ...

    async def rooms_of(self, tx: Tx, bot: str, user_id: str) -> Mapping[str, str]:
        """Every room that somebody is in, invited to or knocking at: room id → join, invite or knock."""
        ...

    async def people_in(
        self, tx: Tx, bot: str, rooms: Collection[str], server: str | None = None
    ) -> Sequence[tuple[str, str, str]]:
        """Everybody in these rooms, or everybody there from one homeserver: room id, user id, membership."""
        ...


class Hospitals(Protocol):
    """Which homeservers may take part, as it is now."""

    def servers(self, what: str = "talk") -> frozenset[str]:
        """The homeservers that may `talk` to the bots, or take part in `rooms`, `consults`, `invites`."""
        ...


@dataclass(frozen=True)
class House:
    """What lives as long as the process, handed to every use case."""

    settings: Settings
    texts: Texts
    rooms: RoomDirectory
    bot_users: Mapping[str, str]  # bot name → Matrix user id
    hospitals: Hospitals
    parts: Mapping[type, Any] = field(default_factory=dict)  # what features share, by type

    @cached_property
    def bot_names(self) -> Mapping[str, str]:
        """What people may call the bots, in normal form → the bot's name."""
        shown = {name: bot.display_name for name, bot in self.settings.bots.items()}
        return names_of({bot: (user, shown.get(bot, bot)) for bot, user in self.bot_users.items()})

    def part(self, kind: type[_T]) -> _T:
        """The one object of this type that the composition root made (a roster, a policy)."""
        part: _T = self.parts[kind]
        return part


class Desk:
    """One use case at work for one bot: all it does commits with `tx`."""

    def __init__(self, house: House, tx: Tx, bot: str) -> None:
        self.house = house
        self.tx = tx
        self.bot = bot

    @property
    def now(self) -> datetime:
        return self.tx.now

    def typed(self, command: str) -> str:
        """How a command is typed in this house: with its prefix."""
        return self.house.settings.prefix + command

    async def translator(self, user_id: str) -> Translator:
        """Speak to this person in their language and time zone."""
        return self.house.texts.translator(await store.person(self.tx, user_id, self.house.settings))

    def house_translator(self) -> Translator:
        """Speak to a room in the house's language."""
        return self.house.texts.translator(store.stranger("", self.house.settings))

    async def send(
        self,
        room: str,
        message: Message,
        *,
        thread: str | None = None,
        edits: str | None = None,
        topic: str | None = None,
        ref: str | None = None,
        clear: bool = False,
    ) -> str:
        """Queue a message; returns the outbox id of its first part.

        `room` is an id, `dm:@user:server` or `room:NAME`; `thread` and `edits` name an event or an
        outbox id. When the message has been delivered or given up, `topic` is told with `ref`.
        `clear` sends it unencrypted even in an encrypted room: for notices without any content.
        """
        facts = await self._facts(room)
        contents = content_of(message, thread=thread, edits=edits, encrypted=facts is None or facts.encrypted)
        bodies = [{"type": "m.room.message", "content": content, "clear": clear} for content in contents]
        return await self._queue(room, bodies, message.buttons, thread, topic, ref, shown=edits is None)

    async def attach(
        self,
        room: str,
        attachment: Attachment,
        caption: Message | None = None,
        *,
        thread: str | None = None,
        topic: str | None = None,
        ref: str | None = None,
    ) -> str:
        """Queue a file, shown with its caption; returns the outbox id of the event. Arguments as of `send`.

        It is uploaded right before it is sent, encrypted where the room is. If the homeserver does not take
        it (too large, most often), `topic` is told as of any failure, and the room reads a line about it.
        """
        facts = await self._facts(room)
        encrypted = facts is None or facts.encrypted
        contents = contents_of(attachment, caption, thread=thread, encrypted=encrypted)
        bodies: list[dict[str, Any]] = [{"type": "m.room.message", "content": one} for one in contents]
        bodies[0]["file"] = attachment.packed
        return await self._queue(
            room, bodies, {} if caption is None else caption.buttons, thread, topic, ref, shown=True
        )

    async def event(
        self,
        room: str,
        kind: str,
        content: Mapping[str, Any],
        *,
        topic: str | None = None,
        ref: str | None = None,
    ) -> str:
        """Queue an event that is no message, such as a poll; returns its outbox id. `topic` as of `send`.

        In an encrypted room it is encrypted. `{"$out": ID}` in the content stands for an event to be sent.
        """
        bodies = [{"type": kind, "content": dict(content)}]
        return await self._queue(room, bodies, {}, None, topic, ref, shown=False)

    async def _queue(
        self,
        room: str,
        bodies: Sequence[Mapping[str, Any]],
        commands: Mapping[str, str],
        thread: str | None,
        topic: str | None,
        ref: str | None,
        *,
        shown: bool,
    ) -> str:
        """Queue the events of one message; the first carries the buttons, which `shown` puts under it."""
        bot = self._speaker(room)
        outs = [Outgoing(bot, room, "send", body) for body in bodies]
        kept = buttons.kept(commands, thread)
        outs[0] = Outgoing(bot, room, "send", bodies[0], buttons=kept, topic=topic, ref=ref)
        first, *_rest = await outbox.put_all(self.tx, outs)
        if commands and shown:
            await outbox.put_all(self.tx, [self._button(room, first, emoji) for emoji in commands])
        return first

    async def direct(self, user_id: str, message: Message, **options: Any) -> str:
        """Queue a message for somebody's direct chat with this bot, which is made when missing."""
        return await self.send(f"dm:{user_id}", message, **options)

    async def _facts(self, room: str) -> RoomFacts | None:
        return await self.house.rooms.facts(self.tx, self._speaker(room), room)

    def _speaker(self, room: str) -> str:
        """Who speaks in a room: this bot, but to the moderators the one that made their room."""
        return next(iter(self.house.bot_users)) if room == MODERATORS_ROOM else self.bot

    def _button(self, room: str, first: str, emoji: str) -> Outgoing:
        relation = {"rel_type": "m.annotation", "event_id": {"$out": first}, "key": emoji}
        return Outgoing(
            self._speaker(room), room, "send", {"type": "m.reaction", "content": {"m.relates_to": relation}}
        )


@dataclass(frozen=True)
class Said:
    """The event that a person sent: `text` is what they typed, or the command behind a reaction.

    `event_id` is the message itself when they corrected it by an edit; `reply_to` the message they
    answered or reacted to; `pills` the people mentioned, as (name shown, user id).
    """

    event_id: str
    room_id: str
    sender: str
    text: str
    thread: str | None = None
    reply_to: str | None = None
    reaction: str | None = None
    pills: tuple[tuple[str, str], ...] = ()


class Context(Desk):
    """A desk at which one person asks for something."""

    def __init__(
        self,
        house: House,
        tx: Tx,
        bot: str,
        *,
        person: Person,
        room: RoomFacts,
        said: Said,
        book: CommandBook | None = None,
    ) -> None:
        super().__init__(house, tx, bot)
        self.person = person
        self.room = room
        self.said = said
        self.t = house.texts.translator(person)
        self.book = book or CommandBook((), house.bot_users)

    @property
    def sender(self) -> str:
        """The Matrix id of the person who asks."""
        return self.said.sender

    def parsed(self, text: str, *, bare: bool = False, bot: str | None = None) -> Parsed | None:
        """The command in a text of the person who asks, for this bot or another; None if it is none."""
        names, users = self.house.bot_names, self.house.bot_users.values()
        called = {normal(shown): names[normal(user)] for shown, user in self.said.pills if user in users}
        words = self.book.words(bot or self.bot)
        return parse(text, self.house.settings.prefix, words, bot_names={**names, **called}, bare=bare)

    async def reply(self, message: Message, *, edits: str | None = None) -> str:
        """Answer where the person asked, in the thread they asked in."""
        return await self.send(self.room.room_id, message, thread=self.said.thread, edits=edits)

    async def _facts(self, room: str) -> RoomFacts | None:
        return self.room if room == self.room.room_id else await super()._facts(room)
