"""Carrying out what the rules have decided on one consult: messages, timers and rooms, all as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.chat.desk import Desk
from bot.chat.message import Message
from bot.consults import attachments, model, store, views
from bot.consults.between import service as hospitals
from bot.consults.bundles.names import BUNDLE_TIMER, bundle_key
from bot.consults.model import Clock, Consult, Effect, Outcome, Room, State
from bot.consults.paging import service as paging
from bot.consults.request import Request
from bot.consults.store import Record, Sent
from bot.consults.views import Reader
from bot.consults.words import store as words
from bot.consults.words.store import Words
from bot.directory.moderators import MODERATORS_ROOM
from bot.directory.policy import may_talk
from bot.kernel import inbox, outbox, timers
from bot.kernel.inbox import Incoming
from bot.kernel.outbox import Outgoing

PAGE_RESULT = "consults.page_result"
ROOM_RESULT = "consults.room"


_WRITTEN = frozenset(
    {"info-wanted", "interim", "still-with"}
)  # what the requester reads somebody's words with


def timer_kind(clock: Clock) -> str:
    """The kind of the timer that this clock of a consult is."""
    return f"consults.{clock}"


class Carrier:
    """Carries out the effects of one decision.

    `text` is what a person wrote with what they did (a reason, a read-back), shown only where the question
    may be; `error` the content-free reason of a failed delivery; `before` the consult as it was. `record` is
    the consult as it is then, and `sent` says which message each page became.
    """

    def __init__(
        self,
        desk: Desk,
        record: Record,
        *,
        before: Consult | None = None,
        text: str = "",
        error: str = "",
        warn: bool = False,
    ) -> None:
        self.desk = desk
        self.record = record
        self._before = before
        self.sent: dict[int, Sent] = {}
        self._text = text
        self._error = error
        self._warn = warn
        self._quiet: list[model.TellRequester] = []
        self._told = False  # something that says more than how it goes
        self._clocks: dict[Clock, model.SetTimer | None] = {}
        self._request: Request | None = None
        self._people: Mapping[str, str] = {}
        self._by_channels = any(tier.channels for tier in record.consult.policy.tiers)

    async def carry_out(self, effects: Sequence[Effect]) -> None:
        """All of them, in their order; steps that ring nobody end up in one message."""
        self._people = await hospitals.people(self.desk, self.record)
        for effect in effects:
            if not await hospitals.carry(self.desk, self.record, effect, text=self._text):
                await self._carry_out(effect)
        await self._show_progress()
        await self._set_clocks()

    async def _carry_out(self, effect: Effect) -> None:
        record, tx = self.record, self.desk.tx
        match effect:
            case model.Page():
                await self._page(effect)
            case model.Unpage(user=user, number=number, why=why):
                await self._edit_page(user, number, why)
            case model.Repage(user=user, number=number):
                await self._edit_page(user, number, None)
            case model.SetTimer(clock=clock):
                self._clocks[clock] = effect
            case model.CancelTimer(clock=clock):
                self._clocks[clock] = None
            case model.TellRequester(what=what) if what in views.QUIET and not self._with_somebody(what):
                self._quiet.append(effect)
            case model.TellRequester():
                await self._tell_requester(effect)
            case model.TellPerson():
                await self._tell_person(effect)
            case model.TellModerators(what=what, who=who):
                if self.desk.house.settings.moderators:
                    message = views.to_moderators(self._in_house(), record, what, who, error=self._error)
                    await self.desk.send(MODERATORS_ROOM, message)
            case model.TellRoom(what=what, who=who):
                await self._to_room(views.to_room(await self._for_room(), record, what, who))
            case model.OpenRoom(invite=invite):
                await self._open_room(invite)
            case model.InviteToRoom(user=user):
                await outbox.put(tx, Outgoing(record.bot, record.room, "invite", {"user_id": user}))
            case model.RemoveFromRoom(user=user):
                if record.consult.room is not Room.NONE:
                    await outbox.put(tx, Outgoing(record.bot, record.room, "kick", {"user_id": user}))
            case model.PostQuestion():
                asked, summary = await self._asked(), await self._summary()
                await self._to_room(views.question(await self._for_room(), record, asked, summary))
                await attachments.post(self.desk, record, again=True)
            case model.PostAnswer():
                text = await store.answer(tx, record.id)
                await self._to_room(views.answer(await self._for_room(), record, text))
            case model.DeliverAnswer():
                await self._deliver_answer()
            case model.AskSurvey():
                await self._survey()

    # ── whoever is asked ──

    async def _page(self, effect: model.Page) -> None:
        desk, record = self.desk, self.record
        if not self._takes_part(effect.user):
            # As if it could not be delivered: the next one is asked, and the moderators are told.
            ref = f"{record.id} {effect.number}"
            payload = {"ref": ref, "error": "HOSPITAL_NOT_LISTED"}
            lane = f"{record.bot} consult {record.id}"
            await inbox.put(desk.tx, Incoming(record.bot, PAGE_RESULT, f"{ref} not asked", lane, payload))
        elif effect.at > desk.now:
            self.sent[effect.number] = Sent(None, effect.at)
            key = bundle_key(record.bot, effect.user, effect.at)
            await timers.set_timer(desk.tx, BUNDLE_TIMER, key, effect.at, bot=record.bot, user=effect.user)
        else:
            await self.send_page(effect.user, effect.number)
            if effect.channels:
                await paging.alert(desk, record, effect.number, effect.user, effect.channels)

    async def send_page(self, user: str, number: int, *, quiet: bool = False) -> Sent:
        """Send a page now; `quiet` rings nobody."""
        message = await self._as_page(user, number, quiet=quiet)
        out = await self.desk.direct(user, message, topic=PAGE_RESULT, ref=f"{self.record.id} {number}")
        self.sent[number] = Sent(out, self.desk.now)
        return self.sent[number]

    async def _edit_page(self, user: str, number: int, why: str | None) -> None:
        """Show a page as it is now: still asking (None), or with nothing left to do."""
        if why is not None and self._by_channels:
            await paging.stop(self.desk, self.record.id, number)
        out = await store.page_message(self.desk.tx, self.record.id, number)
        if out is None or not self._takes_part(user):
            return
        if why is not None:
            message = views.unpaged(await self._reader(user), self.record, why)
        else:
            message = await self._as_page(user, number)
        await self.desk.direct(user, message, edits=out)

    async def _as_page(self, user: str, number: int, *, quiet: bool = False) -> Message:
        """A page as it is now; of the request and a summary only where that is encrypted."""
        at = await self._reader(user)
        if not await self._private(f"dm:{user}"):
            return views.page(at, self.record, number, None, quiet=quiet)
        summary = await self._summary() if self.record.consult.named else None
        return views.page(at, self.record, number, await self._asked(), summary, quiet=quiet)

    # ── the requester ──

    def _with_somebody(self, what: str) -> bool:
        """A consult that goes on with its consultant is news, not a step on the way to somebody."""
        return what == "reopened" and self.record.consult.state not in (State.REQUESTED, State.UNSTAFFED)

    async def _tell_requester(self, effect: model.TellRequester) -> None:
        """News that they must see: a message of its own, and what comes next is told below it."""
        record, text = self.record, self._text if effect.what in _WRITTEN else ""
        at = await self._reader(record.consult.requester)
        aside = bool(text) and not await self._private(record.origin)
        steps, self._quiet = self._quiet, []
        message = views.to_requester(
            at,
            record,
            effect,
            steps,
            await self._reasons() if steps else None,
            text="" if aside else text,
            warn=self._warn,
        )
        self._warn, self._told = False, True
        if effect.what == "room" and record.progress is not None:
            await self.desk.send(record.origin, message, thread=record.thread, edits=record.progress)
            self.record = replace(record, progress=None)
            return
        out = await self.desk.send(record.origin, message, thread=record.thread)
        making = effect.what == "accepted" and record.consult.room is Room.MAKING
        self.record = replace(record, progress=out if making else None)
        if aside and await self._private(f"dm:{record.consult.requester}"):
            told = views.to_requester(at, record, effect, text=text)
            await self.desk.direct(record.consult.requester, told)

    async def _show_progress(self) -> None:
        if not self._quiet or self._told:
            return
        record = self.record
        at = await self._reader(record.consult.requester)
        message = views.progress(at, record, self._quiet, await self._reasons(), warn=self._warn)
        if record.progress is None:
            out = await self.desk.send(record.origin, message, thread=record.thread)
            self.record = replace(record, progress=out)
        else:
            await self.desk.send(record.origin, message, thread=record.thread, edits=record.progress)

    async def _reasons(self) -> dict[str, str]:
        """Why people declined, where that may be shown."""
        record = self.record
        declined = any(page.outcome is Outcome.DECLINED for page in record.consult.asked)
        if not declined or not await self._private(record.origin):
            return {}
        return {one.author: one.text for one in await words.of_consult(self.desk.tx, record.id, "decline")}

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
        self.record = replace(record, progress=None)

    async def _survey(self) -> None:
        record = self.record
        if await words.survey(self.desk.tx, record.id) is None:
            message = views.survey(await self._reader(record.consult.requester), record)
            out = await self.desk.send(record.origin, message, thread=record.thread)
            await words.ask_survey(self.desk.tx, record.id, out)

    # ── others ──

    async def _tell_person(self, effect: model.TellPerson) -> None:
        record, user = self.record, effect.user
        if not self._takes_part(user):
            return
        page = record.consult.last_page(user)
        if effect.what == "accepted" and record.consult.room is Room.MAKING and page is not None:
            return  # their page says so, and that the room is ready follows in a moment
        request, text = None, ""
        if await self._private(f"dm:{user}"):
            text = self._text
            request = await self._asked() if effect.what == "no-room" else None
        at = await self._reader(user)
        message = views.to_person(at, record, effect.what, effect.who, request=request, text=text)
        await self.desk.direct(user, message)

    async def _open_room(self, invite: tuple[str, ...]) -> None:
        record = self.record
        name = self._in_house().say("Consult {id} · {service}", record).plain
        body = {"name": name, "invite": list(invite)}
        await outbox.put(
            self.desk.tx,
            Outgoing(record.bot, record.room, "create", body, topic=ROOM_RESULT, ref=record.id),
        )

    async def _to_room(self, message: Message) -> None:
        await self.desk.send(self.record.room, message)

    # ── parts ──

    async def _set_clocks(self) -> None:
        record, tx = self.record, self.desk.tx
        cancelled = [
            timer_kind(clock)
            for clock, effect in self._clocks.items()
            if effect is None and self._may_run(clock)
        ]
        if cancelled:
            await timers.cancel_all(tx, cancelled, record.id)
        for clock, effect in self._clocks.items():
            if effect is not None:
                kind, number = timer_kind(clock), effect.number
                await timers.set_timer(tx, kind, record.id, effect.due_at, number=number, bot=record.bot)
        self._clocks.clear()

    def _may_run(self, clock: Clock) -> bool:
        """Whether a clock may have been set, so that it has to be stopped."""
        before = self._before
        if before is None:
            return True
        if clock is Clock.NAG:
            return before.state is State.UNSTAFFED
        if clock is Clock.REMIND:
            return before.acknowledged_at is not None
        return True

    async def _asked(self) -> Request:
        if self._request is None:
            self._request = await store.request(self.desk.tx, self.record.id)
        return self._request

    async def _summary(self) -> Words | None:
        """What the last one wrote who wanted to hand it on."""
        return next(reversed(await words.of_consult(self.desk.tx, self.record.id, "handoff")), None)

    def _takes_part(self, user_id: str) -> bool:
        return may_talk(user_id, self.desk.house.hospitals.servers("consults"))

    def _in_house(self) -> Reader:
        return views.reader_of(self.desk, self.desk.house_translator(), self._people)

    async def _for_room(self) -> Reader:
        """In the language that both have in common, else in the house's."""
        requester = await self.desk.translator(self.record.consult.requester)
        consultant = await self.desk.translator(self.record.consult.consultant or "")
        same = requester.language == consultant.language
        return views.reader_of(self.desk, requester if same else self.desk.house_translator(), self._people)

    async def _reader(self, user_id: str) -> Reader:
        return views.reader_of(self.desk, await self.desk.translator(user_id), self._people)

    async def _private(self, room: str) -> bool:
        """Whether what is sent to a room is encrypted; a chat that is still to be made will be."""
        facts = await self.desk.house.rooms.facts(self.desk.tx, self.desk.bot, room)
        return facts.encrypted if facts is not None else not room.startswith("!")
