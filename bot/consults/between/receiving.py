"""What another hospital's Curbside says, and what it makes of our consults.

Nothing in it is taken for granted: whose it is, its form, its signature and its place among what was said
before are looked at first, and what fails changes nothing and makes one line for the operator.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.chat import store as chat
from bot.chat.desk import Context, Desk
from bot.chat.heard import Membership
from bot.consults import model, steps
from bot.consults import store as consults
from bot.consults.between import letters, offering, offers, post, protocol, store
from bot.consults.between.letters import OFFERS, Letter, Received, Unfit
from bot.consults.between.protocol import Kind, Leg, Place, Side, Verdict, may_say
from bot.consults.between.store import Held
from bot.consults.model import Clock, Consult, Expects, Refused, State, Urgency
from bot.consults.request import Attached, Request
from bot.consults.store import HOSPITAL_ORIGIN, Record
from bot.directory.hospital import signing
from bot.directory.hospital.rules import Hospital
from bot.directory.roster import RosterFile
from bot.directory.service import hospitals_of
from bot.screening import files

log = logging.getLogger(__name__)

_A_DAY = timedelta(days=1)
_REFUSES_US = "not-listed"
_LATER_VERSION = "version"


async def letter_came(ctx: Context, event: Mapping[str, Any]) -> bool:
    """A rule over events: a letter of a hospital that may talk to us."""
    if event.get("type") != letters.EVENT or "state_key" in event:
        return False
    if ctx.bot != next(iter(ctx.house.bot_users)):
        return True  # the first bot, which is in the same chat, sees to it
    server = ctx.sender.partition(":")[2]
    known = post.hospital(ctx, server)
    if known is None or post.peer(ctx, server) is None:
        await _turn_away(ctx, server, event, "unknown" if known is None else "suspended")
        return True
    reason, received = _examined(ctx, known, event)
    if received is None:
        await post.report(ctx, server, reason)
        if reason == _LATER_VERSION and await chat.once(ctx.tx, "between.version", server, keep=_A_DAY):
            held = Held(Leg(Side.ANSWERING), server, server, OFFERS)
            await post.confirm(ctx, held, why=_LATER_VERSION)
        return True
    await _take_in(ctx, known, received.letter)
    return True


async def stranger_wrote(ctx: Context, event: Mapping[str, Any]) -> None:
    """A witness: letters of hospitals that may not even talk to us get one refusal a day."""
    server = ctx.sender.partition(":")[2]
    if event.get("type") != letters.EVENT or server in ctx.house.hospitals.servers():
        return
    if ctx.bot == next(iter(ctx.house.bot_users)):
        state = hospitals_of(ctx.house).state(server)
        await _turn_away(ctx, server, event, "suspended" if state == "suspended" else "unknown")


async def bot_arrived(desk: Desk, membership: Membership) -> None:
    """Another hospital's bot is in a chat with us now: what it missed before is said again at once.

    A homeserver that joins a room learns late, or never, of what was sent while it was joining.
    """
    server = post.is_bot(desk, membership.user_id)
    if server is None or desk.bot != next(iter(desk.house.bot_users)):
        return
    if membership.now == "join":
        for held in await store.waiting_for(desk.tx, server):
            await post.say_again(desk, held)
    elif membership.before == "invite" and membership.by == membership.user_id:
        await _refused_us(desk, server)


# ── what counts ──


def _examined(ctx: Context, known: Hospital, event: Mapping[str, Any]) -> tuple[str, Received | None]:
    """Why a letter does not count, or the letter."""
    if ctx.sender not in known.bots:
        return "sender", None
    if not ctx.room.encrypted:
        return "unencrypted", None
    try:
        received = letters.read(event.get("content"))
    except Unfit as error:
        return error.code, None
    assert known.key is not None
    if not signing.signers_of(received.content, received.signatures, [known.key]):
        return "signature", None
    if received.letter.sender != known.server or received.letter.to != post.own(ctx):
        return "addressee", None
    return "", received


async def _turn_away(ctx: Context, server: str, event: Mapping[str, Any], reason: str) -> None:
    """A hospital that may do nothing here: once a day it is told so, and the operator."""
    await post.report(ctx, server, reason)
    if post.hospital(ctx, server) is None or not ctx.room.encrypted:
        return
    try:
        letter = letters.read(event.get("content")).letter
    except Unfit:
        return
    if letter.sender != server or letter.kind is Kind.STATUS:
        return
    if await chat.once(ctx.tx, "between.refused", server, letter.consult, keep=_A_DAY):
        held = Held(Leg(Side.ANSWERING), server, letter.asker, letter.consult)
        await post.confirm(ctx, held, why=_REFUSES_US)


async def _take_in(ctx: Context, known: Hospital, letter: Letter) -> None:
    server = known.server
    held = await store.load(ctx.tx, server, letter.asker, letter.consult)
    if held is None:
        if letter.kind is Kind.STATUS:
            if letter.body["why"] == _LATER_VERSION:
                await post.report(ctx, server, "version")
            return
        if letter.asker != server:
            await post.report(ctx, server, "wrong")
            return
        held = Held(Leg(Side.ANSWERING), server, server, letter.consult)
    if letter.kind is None:
        await post.report(ctx, server, "version")
        return
    verdict, leg = protocol.hear(held.leg, letter.kind, letter.number, letter.confirms)
    held = replace(held, leg=leg, heard_at=ctx.now)
    match verdict:
        case Verdict.WRONG:
            await post.report(ctx, server, "wrong")
        case Verdict.STATUS:
            await post.settle(ctx, held)
            await _status(ctx, held, letter)
        case Verdict.AGAIN | Verdict.GAP:
            log.info("a message between hospitals came again, or too early", extra={"hospital": server})
            if held.opened_at is not None:
                await post.settle(ctx, held)
            await post.confirm_again(ctx, held)
        case Verdict.NEW:
            await post.settle(ctx, held)
            about = held.local or held.consult
            ctx.tx.audit(ctx.sender, f"between.{letter.kind}", about, peer=server, seq=letter.number)
            await _act(ctx, known, held, letter)
            now = await store.load(ctx.tx, server, letter.asker, letter.consult)
            assert now is not None
            await post.confirm(ctx, now)


async def _status(desk: Desk, held: Held, letter: Letter) -> None:
    body = letter.body
    if body["why"] == _REFUSES_US:
        await _refused_us(desk, held.peer, held)
    elif protocol.disagree(held.leg, body["asking"], body["answering"], letter.confirms, body["sent"]):
        await post.report(desk, held.peer, "disagree")


async def _refused_us(desk: Desk, server: str, only: Held | None = None) -> None:
    """It takes nothing from us: what it has not received is not waited for, but still counts if it comes."""
    await post.report(desk, server, "refused-us")
    for held in [only] if only is not None else await store.waiting_for(desk.tx, server):
        leg = held.leg
        unasked = leg.asking is Place.ASKED and leg.answering in (Place.NOTHING, *protocol.GONE)
        if leg.side is Side.ASKING and not held.offers and unasked:
            record = await consults.load(desk.tx, held.consult)
            if record is not None:
                await _not_waited_for(desk, record, _bot_asked(desk, held, record))


async def _not_waited_for(desk: Desk, record: Record, bot: str) -> None:
    """As if the time to accept had run out: the next one is asked now."""
    if any(page.user == bot for page in record.consult.current):
        await _happen(desk, record, model.Timeout(Clock.PAGE, record.consult.turn))


async def _act(ctx: Context, known: Hospital, held: Held, letter: Letter) -> None:
    if letter.kind is Kind.OFFER:
        assert known.key is not None
        await offering.take_in(ctx, known.server, known.key, letter.body["statement"])
    elif letter.kind is Kind.REQUEST:
        await _requested(ctx, held, letter)
    elif held.local is not None and (record := await consults.load(ctx.tx, held.local)) is not None:
        if held.leg.side is Side.ANSWERING:
            await _of_requester(ctx, held, record, letter)
        else:
            await _of_consultant(ctx, held, record, letter)


# ── we are asked ──


async def _requested(ctx: Context, held: Held, letter: Letter) -> None:
    """A request of another hospital: our own people are asked, once, as their policy says."""
    body = letter.body
    people = {body["requester"]: body["name"]} if body["name"] else {}
    held = replace(held, service=body["service"], people=people)
    before = None if held.local is None else await consults.look(ctx.tx, held.local)
    if before is not None and before.consult.state not in model.FINAL:
        return  # asked already
    why = None
    if not offering.offers_service(ctx, body["service"], held.peer):
        why = "not-offered"
    elif body["requester"].partition(":")[2] != held.peer or body["urgency"] not in set(Urgency):
        why = "not-possible"
    if why is not None:
        await post.say(ctx, held, Kind.REFUSED, why=why)
        await post.report(ctx, held.peer, "not-offered" if why == "not-offered" else "form")
        return
    consult_id = await consults.free_id(ctx.tx)
    held = await post.say(ctx, replace(held, local=consult_id), Kind.RECEIVED)
    service, urgency = ctx.house.part(RosterFile).current.services[body["service"]], Urgency(body["urgency"])
    consult = Consult(
        id=consult_id,
        service=service.key,
        urgency=urgency,
        requester=body["requester"],
        policy=offers.kept_here(
            service.policy_for(urgency, {str(urgency): getattr(ctx.house.settings.consults, urgency)})
        ),
        opened_at=ctx.now,
        expects=Expects(body["expects"]) if body["expects"] in set(Expects) else Expects.ACTION,
        follow=body["follow"],
    )
    await steps.begin(
        ctx, consult, _asked(body, held.peer), origin=f"{HOSPITAL_ORIGIN}{held.peer}", thread=held.consult
    )


def _asked(body: Mapping[str, Any], server: str) -> Request:
    """What is asked, with such files only as could have been posted here, from that hospital's server."""
    request, fit = Request.from_json(body["request"]), []
    for one in request.attachments:
        with suppress(files.Unfit):
            if one.content.get("msgtype") in files.KINDS:
                fit.append(Attached(one.event_id, files.kept(one.content, {server}, encrypted=True)))
    return replace(request, attachments=tuple(fit))


async def _of_requester(desk: Desk, held: Held, record: Record, letter: Letter) -> None:
    """What the requester at the other hospital does, as if they did it here."""
    who, body = record.consult.requester, letter.body
    match letter.kind:
        case Kind.EDIT:
            request = _asked(body, held.peer)
            done = await steps.happen(desk, record, model.Edit(who), actor=who, request=request)
            if isinstance(done, Refused):  # somebody has it meanwhile: they are told what was changed
                await _happen(desk, record, model.GiveInfo(who), request.question)
        case Kind.INFO:
            await _happen(desk, record, model.GiveInfo(who), body["text"])
        case Kind.READ_BACK:
            await _happen(desk, record, model.ReadBack(who), body["text"])
        case Kind.REOPEN:
            done = await _happen(desk, record, model.Reopen(who), body["text"])
            if isinstance(done, Refused) and done.reason != "open" and may_say(held.leg, Kind.ENDED):
                await post.say(desk, held, Kind.ENDED, why=done.reason, text="")
        case Kind.CANCEL:
            await _happen(desk, record, model.Cancel(who))
        case Kind.ERROR:
            await _happen(desk, record, model.EnterInError(who))
        case _:
            pass


# ── we ask ──


async def _of_consultant(desk: Desk, held: Held, record: Record, letter: Letter) -> None:
    """What has become of our request at the other hospital; its bot stands for whoever it asks."""
    consult, body = record.consult, letter.body
    bot = _bot_asked(desk, held, record)
    who = consult.consultant if consult.via == bot and consult.consultant is not None else bot
    match letter.kind:
        case Kind.RECEIVED if consult.via == bot and consult.consultant is not None:
            await _happen(desk, record, model.Lost(bot))  # whom it had found was before it was asked anew
        case Kind.RECEIVED:
            await _happen(desk, record, model.PageDelivered(held.number))
        case Kind.SEEN:
            await _happen(desk, record, model.Acknowledge(bot))
        case Kind.UNSTAFFED:
            await _not_waited_for(desk, record, bot)
        case Kind.ACCEPTED:
            await _accepted(desk, held, record, bot, body)
        case Kind.ROOM:
            if consult.via == bot:
                await _room_told(desk, record, who, body["room"])
        case Kind.HOLD:
            await _happen(desk, record, model.AskInfo(who), body["text"])
        case Kind.INTERIM:
            await _happen(desk, await _reopened(desk, record, who), model.Interim(who), body["text"])
        case Kind.ANSWER:
            await _happen(desk, await _reopened(desk, record, who), model.Answer(who), body["text"])
        case Kind.LOST:
            if consult.via == bot:
                await _happen(desk, record, model.Lost(bot))
        case Kind.REFUSED:
            await post.report(desk, held.peer, "refused-us")
            await _gave_up(desk, record, bot)
        case Kind.ENDED if body["why"] == "read-back":  # the requester closed it there, in the room
            await _happen(desk, record, model.ReadBack(consult.requester), body["text"])
        case Kind.ENDED:
            await _gave_up(desk, record, bot)
        case _:
            pass


def _bot_asked(desk: Desk, held: Held, record: Record) -> str:
    """The account to which the page of this request went, whatever the hospital's statement says by now."""
    page = record.consult.page(held.number)
    return page.user if page is not None else str(post.bot_of(desk, held.peer))


async def _accepted(desk: Desk, held: Held, record: Record, bot: str, body: Mapping[str, Any]) -> None:
    """Somebody there has it; where we need nobody any more, they hear so."""
    who = body["consultant"]
    ours = who.partition(":")[2] == post.own(desk)
    if body["name"] and not ours:
        await store.save(desk.tx, replace(held, people={**held.people, who: body["name"]}))
    record = await _reopened(desk, record, who)
    done = Refused("ours") if ours else await _happen(desk, record, model.Accept(who, via=bot))
    if isinstance(done, Refused) and record.consult.via != bot:
        now = await store.load(desk.tx, held.peer, held.asker, held.consult)
        if now is not None and may_say(now.leg, Kind.CANCEL):
            await post.say(desk, now, Kind.CANCEL, why="taken")


async def _room_told(desk: Desk, record: Record, who: str, room_id: str) -> None:
    """The room that the other side has made; a room that our bot is in already cannot be it."""
    known = await desk.house.rooms.facts(desk.tx, record.bot, room_id) if room_id else None
    if room_id and known is None:
        await steps.happen(desk, record, model.RoomReady(), actor=who, room_id=room_id)
    else:
        await steps.happen(desk, record, model.RoomFailed(), actor=who)


async def _reopened(desk: Desk, record: Record, who: str) -> Record:
    """What is said of a consult that was closed opens it again."""
    if record.consult.state is not State.COMPLETED or record.consult.consultant != who:
        return record
    done = await _happen(desk, record, model.Reopen(who))
    return record if isinstance(done, Refused) else done


async def _gave_up(desk: Desk, record: Record, bot: str) -> None:
    """The hospital does no more: whoever is next is asked, and people are told."""
    had = record.consult.via == bot and record.consult.state is not State.ANSWERED
    await _happen(desk, record, model.Lost(bot) if had else model.Decline(bot))


async def _happen(desk: Desk, record: Record, event: model.Event, text: str = "") -> Record | Refused:
    return await steps.happen(desk, record, event, actor=record.bot, text=text)
