"""A house with two bots and one small feature, for tests of the chat: people say things, and read answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.chat import CHAT
from bot.chat.capability import Capability
from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context, House, RoomFacts, StateEvent
from bot.chat.dispatch import Dispatcher
from bot.chat.i18n import Texts
from bot.chat.message import Message
from bot.chat.rich import verbatim
from bot.chat.types import Choice, Text, UserId
from bot.directory.hospitals import HospitalBook
from bot.kernel import outbox
from bot.kernel.audit import audit_lines
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.inbox import InboxEntry
from bot.settings import BotSettings, LimitSettings, Settings

BOT, SUPPORT = "@curbside:north.example", "@support:north.example"
ANNA, BEN, EVE = "@anna:north.example", "@ben:north.example", "@eve:elsewhere.example"
DIRECT, WARD = "!direct:north.example", "!ward:north.example"


async def consult(ctx: Context, args: Args) -> None:
    if args["service"] == "neurology":
        raise Misunderstood("Please write a few words.")
    body = f"{args['service']}/{args['urgency']}/{args['question']}"
    buttons = {"✅": "accept C-7F3K", "❌": "decline C-7F3K"}
    await ctx.reply(Message("consult.page", verbatim(body), buttons=buttons))


async def accept(ctx: Context, args: Args) -> None:
    await ctx.reply(Message("consult.state", verbatim(f"{ctx.sender} accepts {args.get('id')}")))


async def nobody(_ctx: Context) -> bool:
    return False


async def vouch(ctx: Context, args: Args) -> None:
    await ctx.reply(Message("vouched", verbatim(args["who"])))


async def echo_rule(ctx: Context, event: Mapping[str, object]) -> bool:
    if ctx.said.text != "rule me":
        return False
    await ctx.reply(Message("rule", verbatim("ruled")))
    return True


SERVICE = Choice({"cardiology": ("kardiologie",), "neurology": ()})
URGENCY = Choice({"stat": ("notfall",), "urgent": ("dringend",), "routine": ()})
FEATURE = Capability(
    "feature",
    commands=(
        Command(
            "consult",
            "Ask the colleague on call",
            consult,
            args=(
                Arg("service", SERVICE, "Which service?"),
                Arg("urgency", URGENCY, "How urgent?"),
                Arg("question", Text(200), "What do you want to ask?", rest=True),
            ),
            synonyms=("konsil",),
        ),
        Command("accept", "Take it", accept, args=(Arg("id", Text(20), "Which?"),), synonyms=("annehmen",)),
        Command("decline", "Leave it", accept, args=(Arg("id", Text(20), "Which?"),), synonyms=("ablehnen",)),
        Command("vouch", "Vouch for somebody", vouch, args=(Arg("who", UserId(), "For whom?"),)),
        Command("purge", "Only for moderators", accept, may=nobody),
        Command("checkin", "How are you?", accept, bots=("support",)),
    ),
    events=(echo_rule,),
)


class Rooms:
    """The rooms of this test, by id."""

    async def facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        if room == DIRECT:
            return RoomFacts(room, True, (BOT, ANNA), True)
        return RoomFacts(room, True, (BOT, SUPPORT, ANNA, BEN), False) if room == WARD else None

    async def state(self, tx: Tx, bot: str, room: str, prefix: str) -> Sequence[StateEvent]:
        return ()


@dataclass
class Stage:
    """A house, and people who say things to it."""

    database: Database
    clock: ManualClock
    house: House
    dispatcher: Dispatcher = field(init=False)
    events: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.dispatcher = Dispatcher(self.house, [CHAT, FEATURE])

    async def event(
        self, event: Any, *, room: str = DIRECT, bot: str = "curbside", decrypted: bool = True
    ) -> list[Any]:
        """Hand in an event; returns the contents of the messages it led to, as a reader would see them."""
        payload = {"room_id": room, "event": event, "encrypted": True, "decrypted": decrypted}
        entry = InboxEntry("1", bot, "matrix.event", "$s", f"{bot} {room}", payload, 0, self.clock.now())
        async with self.database.begin() as tx:
            await self.dispatcher.handle(tx, entry)
        return await self.sent()

    async def fail(self, event: Any, *, room: str = DIRECT) -> list[Any]:
        payload = {"room_id": room, "event": event, "encrypted": True, "decrypted": True}
        entry = InboxEntry(
            "1", "curbside", "matrix.event", "$s", f"curbside {room}", payload, 9, self.clock.now()
        )
        async with self.database.begin() as tx:
            await self.dispatcher.failed(tx, entry)
        return await self.sent()

    async def sent(self) -> list[Any]:
        """Deliver what waits in the outbox; returns its messages."""
        contents = []
        async with self.database.begin() as tx:
            rows = (
                await tx.conn.execute(
                    select(outbox.outbox_rows).where(outbox.outbox_rows.c.state == "pending")
                )
            ).all()
            for row in sorted(rows, key=lambda row: row.id):
                body = tx.open(outbox.outbox_rows.c.body, row.id, row.body)
                if body["type"] == "m.room.message":
                    contents.append({**body["content"], "event_id": f"${row.id}"})
                await outbox.mark_sent(tx, row.id, event_id=f"${row.id}", room_id=row.room)
        return contents

    async def say(
        self,
        text: Any,
        *,
        sender: str = ANNA,
        room: str = DIRECT,
        bot: str = "curbside",
        content: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        """Somebody sends a text message."""
        return await self.event(self.message(text, sender=sender, content=content), room=room, bot=bot)

    def message(
        self, text: Any, *, sender: str = ANNA, content: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A text message as an event."""
        self.events += 1
        return {
            "type": "m.room.message",
            "event_id": f"$said{self.events}",
            "sender": sender,
            "origin_server_ts": 1,
            "content": {"msgtype": "m.text", "body": text, **(content or {})},
        }

    async def react(self, event_id: str, emoji: str, *, sender: str = ANNA, room: str = DIRECT) -> list[Any]:
        """Somebody reacts to a message."""
        self.events += 1
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": emoji}
        event = {
            "type": "m.reaction",
            "event_id": f"$reaction{self.events}",
            "sender": sender,
            "content": {"m.relates_to": relation},
        }
        return await self.event(event, room=room)

    async def audit(self) -> list[tuple[str, str, str]]:
        async with self.database.read() as tx:
            rows = await tx.conn.execute(select(audit_lines).order_by(audit_lines.c.seq))
            return [(row.actor, row.action, row.subject) for row in rows]


def texts(contents: list[Any]) -> list[str]:
    return [content["body"] for content in contents]


def reply_to(event_id: str) -> dict[str, Any]:
    return {"m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}


def in_thread(event_id: str) -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": "m.thread", "event_id": event_id}}


def make_stage(database: Database, clock: ManualClock) -> Stage:
    """A stage on an empty, migrated database; five commands a minute are allowed."""
    unused = Path("unused")
    settings = Settings(
        hospital="North Hospital",
        homeserver="http://127.0.0.1:1",
        server_name="north.example",
        bots={
            "curbside": BotSettings(user_id=BOT, token_file=unused),
            "support": BotSettings(user_id=SUPPORT, token_file=unused, display_name="Peer Support"),
        },
        limits=LimitSettings(commands_per_minute=5),
    )
    assert CHAT.locale is not None
    house = House(
        settings, Texts([CHAT.locale]), Rooms(), {"curbside": BOT, "support": SUPPORT}, HospitalBook(settings)
    )
    return Stage(database, clock, house)
