"""The use cases of consults: each is one transaction, and does what the rules decide."""

from __future__ import annotations

from dataclasses import replace

from bot.chat.desk import Context, Desk
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.consults import model, rules, store, views
from bot.consults.model import Consult, Decision, Effect, Event, Refused, Room, Urgency
from bot.consults.store import Record
from bot.consults.views import Reader
from bot.directory.model import Service
from bot.directory.moderators import MODERATORS_ROOM, moderates
from bot.directory.policy import may_talk
from bot.directory.roster import RosterFile
from bot.kernel import inbox, metrics, outbox, timers
from bot.kernel.inbox import InboxEntry, Incoming
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer
from bot.oncall.rules import on_call

PAGE_TIMER = "consults.page"
PAGE_RESULT = "consults.page_result"
ROOM_RESULT = "consults.room"
HOSPITAL = "consults.hospital"


async def open_consult(ctx: Context, service: Service, urgency: Urgency, question: str) -> None:
    """Ask whoever is on call for a service now; the chain stays as it is at this moment."""
    default = getattr(ctx.house.settings.consults, urgency.value)
    begun = rules.begin(
        Consult(
            id=await store.free_id(ctx.tx),
            service=service.key,
            urgency=urgency,
            requester=ctx.sender,
            chain=on_call(service, ctx.now),
            wait=service.timers.get(urgency.value, default),
            opened_at=ctx.now,
        ),
        ctx.now,
    )
    thread = ctx.said.thread or ctx.said.event_id
    record = Record(begun.consult, ctx.bot, ctx.room.room_id, thread)
    await store.add(ctx.tx, record, question)
    _audit(ctx, record, ctx.sender, "open")
    await _Carrier(ctx, record, warn=not ctx.room.encrypted).carry_out(begun.effects)


async def accept(ctx: Context, consult_id: str) -> None:
    """Take a consult."""
    record = await _load(ctx, consult_id)
    if record is None:
        return
    event = model.Accept(ctx.sender, stands_in=await moderates(ctx) or ctx.sender in _on_now(ctx, record))
    if await _ask_for(ctx, record, event, "accept") is not None:
        waited = ctx.now - record.consult.opened_at
        metrics.acknowledge_seconds.labels(str(record.consult.urgency)).observe(waited.total_seconds())


async def decline(ctx: Context, consult_id: str, reason: str) -> None:
    """Refuse a page; the next one is asked."""
    record = await _load(ctx, consult_id)
    if record is None:
        return
    record = await _ask_for(ctx, record, model.Decline(ctx.sender), "decline", note=reason)
    if record is not None and ctx.said.reaction is None:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, "decline"))


async def answer(ctx: Context, consult_id: str, text: str) -> None:
    """Answer, as the consultant; the requester is asked to read it back."""
    record = await _load(ctx, consult_id)
    if record is None:
        return
    decided = rules.decide(record.consult, model.Answer(ctx.sender), ctx.now)
    if isinstance(decided, Decision):
        await store.keep_answer(ctx.tx, record.id, text)
    record = await _ask_for(ctx, record, model.Answer(ctx.sender), "answer")
    if record is not None and ctx.room.room_id != record.room_id:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, "answer"))


async def close(ctx: Context, consult_id: str, read_back: str) -> None:
    """Close with the requester's read-back."""
    record = await _load(ctx, consult_id)
    if record is None:
        return
    record = await _ask_for(ctx, record, model.ReadBack(ctx.sender), "close", words=read_back)
    if record is not None:
        await store.keep_read_back(ctx.tx, record.id, read_back)


async def cancel(ctx: Context, consult_id: str) -> None:
    """Withdraw a consult, as its requester or a moderator."""
    record = await _load(ctx, consult_id)
    if record is None:
        return
    event = model.Cancel(ctx.sender, moderator=await moderates(ctx))
    record = await _ask_for(ctx, record, event, "cancel")
    if record is not None and ctx.room.room_id != record.origin:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, "cancel"))


async def hand_off(ctx: Context, consult_id: str, to: str) -> None:
    """Ask a named colleague to take over."""
    record = await _load(ctx, consult_id)
    if record is None:
        return
    event = model.Handoff(ctx.sender, to, moderator=await moderates(ctx))
    record = await _ask_for(ctx, record, event, "handoff")
    if record is not None:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, "handoff", to))


async def page_due(desk: Desk, timer: Timer) -> None:
    """The timer of a page has run out."""
    event = model.Timeout(int(timer.facts["number"]))
    await _note(desk, timer.key, event, "timeout")


async def page_result(desk: Desk, entry: InboxEntry) -> None:
    """A page has been delivered, or given up."""
    consult_id, _, number = str(entry.payload["ref"]).partition(" ")
    error = entry.payload.get("error")
    if error is None:
        await _note(desk, consult_id, model.PageDelivered(int(number)), "page-delivered")
    else:
        await _note(desk, consult_id, model.PageFailed(int(number)), "page-failed", note=str(error))


async def room_result(desk: Desk, entry: InboxEntry) -> None:
    """A consult's room has been made, or could not be."""
    room_id = entry.payload.get("room_id")
    event: Event = model.RoomFailed() if room_id is None else model.RoomReady()
    action = "room-failed" if room_id is None else "room-ready"
    await _note(desk, str(entry.payload["ref"]), event, action, room_id=room_id)


async def hospital_changed(desk: Desk, entry: InboxEntry) -> None:
    """A hospital stands otherwise than before: whoever may take part in consults no longer is let go."""
    server = str(entry.payload["server"])
    if server in desk.house.hospitals.servers("consults"):
        return
    for record in await store.open_with(desk.tx, server):
        consult = record.consult
        people = dict.fromkeys(
            [consult.requester, consult.consultant, *(page.user for page in consult.asked)]
        )
        for user in people:
            if user is None or user.partition(":")[2] != server:
                continue
            done = await _happen(desk, record, model.Lost(user), record.bot, "lost")
            if not isinstance(done, Refused):
                record = done


def reader(desk: Desk, t: Translator) -> Reader:
    """Somebody who speaks `t`, as the views address them."""
    settings = desk.house.settings
    roster = desk.house.part(RosterFile).current
    return Reader(t, roster, settings.prefix, desk.now, settings.server_name, bool(settings.moderators))


async def _load(ctx: Context, consult_id: str) -> Record | None:
    """The consult, for those whom it concerns; to others who try ids it is as if there were none."""
    record = await store.load(ctx.tx, consult_id)
    if record is not None and await _may_know(ctx, record):
        return record
    await ctx.reply(views.unknown(reader(ctx, ctx.t), consult_id))
    return None


async def _may_know(ctx: Context, record: Record) -> bool:
    return (
        await moderates(ctx)
        or ctx.room.room_id in (record.origin, record.room_id)
        or ctx.sender in record.consult.chain
        or ctx.sender in _on_now(ctx, record)
        or await store.concerns(ctx.tx, record.id, ctx.sender)
    )


def _on_now(ctx: Context, record: Record) -> tuple[str, ...]:
    """Who is on call for the consult's service at this moment."""
    service = ctx.house.part(RosterFile).current.services.get(record.consult.service)
    return () if service is None else (*service.on_call, *on_call(service, ctx.now))


async def _ask_for(
    ctx: Context, record: Record, event: Event, action: str, *, note: str = "", words: str = ""
) -> Record | None:
    """Do what a person asks for, or tell them why not; returns the changed consult."""
    done = await _happen(ctx, record, event, ctx.sender, action, note=note, words=words)
    if isinstance(done, Refused):
        await ctx.reply(views.refused(reader(ctx, ctx.t), record, done.reason))
        return None
    return done


async def _note(
    desk: Desk, consult_id: str, event: Event, action: str, *, note: str = "", room_id: str | None = None
) -> None:
    """Take in what happened by itself; what comes too late to matter is passed over."""
    record = await store.load(desk.tx, consult_id)
    if record is None:
        return
    if room_id is not None:
        record = replace(record, room_id=room_id)
    await _happen(desk, record, event, record.bot, action, note=note)


async def _happen(
    desk: Desk, record: Record, event: Event, actor: str, action: str, *, note: str = "", words: str = ""
) -> Record | Refused:
    decided = rules.decide(record.consult, event, desk.now)
    if isinstance(decided, Refused):
        return decided
    changed = replace(record, consult=decided.consult)
    await store.save(desk.tx, changed)
    _audit(desk, changed, actor, action)
    desk = desk if desk.bot == record.bot else Desk(desk.house, desk.tx, record.bot)
    await _Carrier(desk, changed, note=note, words=words).carry_out(decided.effects)
    return changed


def _audit(desk: Desk, record: Record, actor: str, action: str) -> None:
    consult = record.consult
    facts: dict[str, str | int | bool | None] = {"state": str(consult.state), "step": consult.step}
    desk.tx.audit(actor, f"consult.{action}", record.id, version=consult.version, **facts)


class _Carrier:
    """Carries out what the rules have decided on one consult.

    `note` is what a person or the sender added (the reason of a decline, of a failure), `words` the
    read-back; both are shown only where the question may be.
    """

    def __init__(
        self, desk: Desk, record: Record, *, note: str = "", words: str = "", warn: bool = False
    ) -> None:
        self.desk = desk
        self.record = record
        self.note = note
        self.words = words
        self.warn = warn

    async def carry_out(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            await self._carry_out(effect)

    async def _carry_out(self, effect: Effect) -> None:
        record, tx = self.record, self.desk.tx
        match effect:
            case model.Page():
                await self._page(effect)
            case model.Unpage():
                await self._unpage(effect)
            case model.SetTimer(number=number, due_at=due_at):
                await timers.set_timer(tx, PAGE_TIMER, record.id, due_at, number=number, bot=record.bot)
            case model.CancelTimer():
                await timers.cancel(tx, PAGE_TIMER, record.id)
            case model.TellRequester():
                await self._tell_requester(effect)
            case model.TellPerson():
                await self._tell_person(effect)
            case model.TellModerators(what=what, who=who):
                if self.desk.house.settings.moderators:
                    at = reader(self.desk, self.desk.house_translator())
                    await self.desk.send(
                        MODERATORS_ROOM, views.to_moderators(at, record, what, who, note=self.note)
                    )
            case model.TellRoom(what=what):
                await self._to_room(views.to_room(await self._for_room(), record, what))
            case model.OpenRoom(invite=invite):
                await self._open_room(invite)
            case model.InviteToRoom(user=user):
                await outbox.put(tx, Outgoing(record.bot, record.room, "invite", {"user_id": user}))
            case model.RemoveFromRoom(user=user):
                if record.consult.room is not Room.NONE:
                    await outbox.put(tx, Outgoing(record.bot, record.room, "kick", {"user_id": user}))
            case model.PostQuestion():
                text = await store.question(tx, record.id)
                await self._to_room(views.question(await self._for_room(), record, text))
            case model.PostAnswer():
                text = await store.answer(tx, record.id)
                await self._to_room(views.answer(await self._for_room(), record, text))
            case model.DeliverAnswer():
                await self._deliver_answer()

    async def _page(self, effect: model.Page) -> None:
        record, tx = self.record, self.desk.tx
        ref = f"{record.id} {effect.number}"
        if not self._takes_part(effect.user):
            # As if it could not be delivered: the next one is asked, and the moderators are told.
            payload = {"ref": ref, "error": "HOSPITAL_NOT_LISTED"}
            lane = f"{record.bot} consult {record.id}"
            await inbox.put(tx, Incoming(record.bot, PAGE_RESULT, f"{ref} not asked", lane, payload))
            return
        safe = await self._private(f"dm:{effect.user}")
        question = await store.question(tx, record.id) if safe else None
        page = views.page(await self._reader(effect.user), record, question)
        out = await self.desk.direct(effect.user, page, topic=PAGE_RESULT, ref=ref)
        await store.note_page(tx, record.id, effect.number, out)

    async def _unpage(self, effect: model.Unpage) -> None:
        out = await store.page_message(self.desk.tx, self.record.id, effect.number)
        if out is not None and self._takes_part(effect.user):
            message = views.unpaged(await self._reader(effect.user), self.record, effect.why)
            await self.desk.direct(effect.user, message, edits=out)

    async def _tell_requester(self, effect: model.TellRequester) -> None:
        record = self.record
        note = self.note if effect.what == "declined" and await self._private(record.origin) else ""
        at = await self._reader(record.consult.requester)
        message = views.to_requester(at, record, effect.what, effect.who, note=note, warn=self.warn)
        self.warn = False
        await self.desk.send(record.origin, message, thread=record.thread)

    async def _tell_person(self, effect: model.TellPerson) -> None:
        record, room = self.record, f"dm:{effect.user}"
        if not self._takes_part(effect.user):
            return
        question, words = None, ""
        if await self._private(room):
            words = self.words
            if effect.what == "no-room":
                question = await store.question(self.desk.tx, record.id)
        at = await self._reader(effect.user)
        message = views.to_person(at, record, effect.what, effect.who, question=question, words=words)
        await self.desk.direct(effect.user, message)

    async def _open_room(self, invite: tuple[str, ...]) -> None:
        record = self.record
        at = self._in_house()
        name = at.say("Consult {id} · {service}", record).plain
        body = {"name": name, "invite": list(invite)}
        await outbox.put(
            self.desk.tx,
            Outgoing(record.bot, record.room, "create", body, topic=ROOM_RESULT, ref=record.id),
        )

    async def _deliver_answer(self) -> None:
        """Into the requester's thread; if that is not encrypted, the direct chat or the consult's room."""
        record, requester = self.record, self.record.consult.requester
        at = await self._reader(requester)
        text = await store.answer(self.desk.tx, record.id)
        if await self._private(record.origin):
            await self.desk.send(record.origin, views.answer(at, record, text), thread=record.thread)
        elif record.consult.room is not Room.READY and await self._private(f"dm:{requester}"):
            await self.desk.direct(requester, views.answer(at, record, text))
            await self.desk.send(record.origin, views.answer_elsewhere(at, record), thread=record.thread)
        else:
            await self.desk.send(record.origin, views.answer(at, record, None), thread=record.thread)

    async def _to_room(self, message: Message) -> None:
        await self.desk.send(self.record.room, message)

    def _takes_part(self, user_id: str) -> bool:
        return may_talk(user_id, self.desk.house.hospitals.servers("consults"))

    def _in_house(self) -> Reader:
        return reader(self.desk, self.desk.house_translator())

    async def _for_room(self) -> Reader:
        """In the language that both have in common, else in the house's."""
        requester = await self.desk.translator(self.record.consult.requester)
        consultant = await self.desk.translator(self.record.consult.consultant or "")
        same = requester.language == consultant.language
        return reader(self.desk, requester if same else self.desk.house_translator())

    async def _reader(self, user_id: str) -> Reader:
        return reader(self.desk, await self.desk.translator(user_id))

    async def _private(self, room: str) -> bool:
        """Whether what is sent to a room is encrypted; a chat that is still to be made will be."""
        facts = await self.desk.house.rooms.facts(self.desk.tx, self.desk.bot, room)
        return facts.encrypted if facts is not None else not room.startswith("!")
