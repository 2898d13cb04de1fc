"""What a consult's decisions mean for another hospital: the carrier hands over what concerns one.

On the side that asks, the page to another hospital's bot becomes a request, and what is told to the
consultant whom that hospital found goes to its Curbside. On the side that is asked, what is told to the
requester does. What the other side learns is listed here, and is nothing of a rota: no names before
somebody accepts, no steps, no numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.chat.desk import Desk
from bot.consults import model
from bot.consults import store as consults
from bot.consults.between import post, store
from bot.consults.between.post import TooLong
from bot.consults.between.protocol import Kind, Leg, Place, Side, may_say
from bot.consults.between.store import Held
from bot.consults.store import Record
from bot.directory.roster import RosterFile
from bot.kernel import inbox
from bot.kernel.inbox import Incoming

bot_of = post.bot_of

_PAGE_RESULT = "consults.page_result"
# What an earlier page to a hospital is taken back with; it knows itself what it has declined or taken.
_NOT_WITHDRAWN = frozenset({"yours", "declined"})
_ENDS = {
    "cancelled": "cancelled",
    "expired": "expired",
    "entered-in-error": "entered-in-error",
    "completed": "read-back",
}


async def carry(desk: Desk, record: Record, effect: model.Effect, *, text: str = "") -> bool:
    """Carry out an effect that concerns another hospital; False if it does not, and is the carrier's.

    `text` is what a person wrote with what happened.
    """
    consult = record.consult
    match effect:
        case model.Page(user=user, number=number) if (server := post.is_bot(desk, user)) is not None:
            await _request(desk, record, server, number)
        case model.Unpage(user=user, why=why) if (server := post.is_bot(desk, user)) is not None:
            if why not in _NOT_WITHDRAWN:
                await _say_to(desk, record, server, *_withdrawal(why))
        case model.Repage(user=user) if post.is_bot(desk, user) is not None:
            pass  # what was changed is said with “edited”
        case model.TellPerson(user=user, what=what) if (server := _found_by(desk, record, user)) is not None:
            if (said := _to_consultant(what, text)) is not None:
                await _say_to(desk, record, server, said[0], **said[1])
        case model.TellRequester() | model.DeliverAnswer() | model.AskSurvey() if record.hospital is not None:
            await _tell(desk, record, effect, text)
        case model.TellRequester(what="lost", who=str(bot)) if (server := post.is_bot(desk, bot)) is not None:
            if post.peer(desk, server) is None:  # shut out: once it may hear, it hears that it need not go on
                await _say_to(desk, record, server, Kind.CANCEL)
            return False
        case model.TellRequester(what="edited"):
            request = (await consults.request(desk.tx, record.id)).to_json()
            for server in {post.is_bot(desk, page.user) for page in consult.asked} - {None}:
                await _say_to(desk, record, str(server), Kind.EDIT, request=request)
            return False
        case _:
            return False
    return True


async def people(desk: Desk, record: Record) -> dict[str, str]:
    """What to call people of the other hospital that a consult is with, as it has told us; few have one."""
    via, own = record.consult.via, post.own(desk)
    if record.hospital is not None:
        held = await store.answering(desk.tx, record.id, own)
    elif via is not None:
        held = await store.asked_of(desk.tx, record.id, via.partition(":")[2], own)
    else:
        return {}
    if held is None:
        return {}
    hospital = post.name_of(desk, held.peer)
    return {user: f"{name} ({hospital})" for user, name in held.people.items()}


def _name(desk: Desk, user: str) -> str:
    clinician = desk.house.part(RosterFile).current.clinicians.get(user)
    return "" if clinician is None else clinician.name


# ── the side that asks ──


async def _request(desk: Desk, record: Record, server: str, number: int) -> None:
    """Ask a hospital, once: while it has the request, a later page is the same one."""
    held = await store.asked_of(desk.tx, record.id, server, post.own(desk))
    if held is None:
        service = record.consult.service.partition("@")[0]
        held = Held(Leg(Side.ASKING), server, post.own(desk), record.id, record.id, service)
    held = replace(held, number=number)
    if held.leg.asking is Place.ASKED and (held.leg.open or held.leg.waiting):
        await store.save(desk.tx, held)
        if held.leg.waiting:
            await post.say_again(desk, held)
        else:
            await _result(desk, record, number)
        return
    if post.peer(desk, server) is None or not may_say(held.leg, Kind.REQUEST):
        await _result(desk, record, number, "HOSPITAL_NOT_LISTED")
        return
    consult = record.consult
    try:
        await post.say(
            desk,
            held,
            Kind.REQUEST,
            service=held.service,
            urgency=str(consult.urgency),
            expects=str(consult.expects),
            follow=consult.follow,
            request=(await consults.request(desk.tx, record.id)).to_json(),
            requester=consult.requester,
            name=_name(desk, consult.requester),
        )
    except TooLong:
        await _result(desk, record, number, "TOO_LONG")


async def _result(desk: Desk, record: Record, number: int, error: str | None = None) -> None:
    """Let the consult hear what has become of a page, as the outbox would."""
    ref = f"{record.id} {number}"
    payload: dict[str, Any] = {"ref": ref, "error": error}
    source, lane = f"{ref} {error or 'known'}", f"{record.bot} consult {record.id}"
    await inbox.put(desk.tx, Incoming(record.bot, _PAGE_RESULT, source, lane, payload))


def _found_by(desk: Desk, record: Record, user: str) -> str | None:
    """The hospital that tells this person, because it found them or is asked in their place."""
    via = record.consult.via
    if via is not None and user == record.consult.consultant:
        return post.is_bot(desk, via)
    return post.is_bot(desk, user)


def _withdrawal(why: str) -> tuple[Kind]:
    return (Kind.ERROR,) if why == "entered-in-error" else (Kind.CANCEL,)


def _to_consultant(what: str, text: str) -> tuple[Kind, dict[str, Any]] | None:
    match what:
        case "completed":
            return Kind.READ_BACK, {"text": text}
        case "reopened":
            return Kind.REOPEN, {"text": text}
        case "info":
            return Kind.INFO, {"text": text}
        case "entered-in-error":
            return Kind.ERROR, {}
        case "cancelled" | "expired":
            return Kind.CANCEL, {"why": what}
        case _:
            return None  # it tells its own people


async def _say_to(desk: Desk, record: Record, server: str, kind: Kind, **body: Any) -> None:
    held = await store.asked_of(desk.tx, record.id, server, post.own(desk))
    if held is not None and may_say(held.leg, kind):
        await post.say(
            desk, held, kind, **({"why": "cancelled"} if kind is Kind.CANCEL and not body else body)
        )


# ── the side that is asked ──


async def _tell(desk: Desk, record: Record, effect: model.Effect, text: str) -> None:
    """What a requester at another hospital is to know."""
    held = await store.answering(desk.tx, record.id, post.own(desk))
    if held is None or not (held.leg.open or held.leg.phase is Place.CLOSED):
        return
    said = await _news(desk, record, held, effect, text)
    if said is not None and may_say(held.leg, said[0]) and (held.leg.open or said[0] is not Kind.ENDED):
        await post.say(desk, held, said[0], **said[1])


async def _news(
    desk: Desk, record: Record, held: Held, effect: model.Effect, text: str
) -> tuple[Kind, dict[str, Any]] | None:
    if isinstance(effect, model.DeliverAnswer):
        return Kind.ANSWER, {"text": await consults.answer(desk.tx, record.id)}
    if not isinstance(effect, model.TellRequester):
        return None
    match effect.what:
        case "acknowledged":
            return Kind.SEEN, {}
        case "accepted" if effect.who is not None:
            return Kind.ACCEPTED, {"consultant": effect.who, "name": _name(desk, effect.who)}
        case "unstaffed" | "still-unstaffed" if held.leg.answering is not Place.UNSTAFFED:
            return Kind.UNSTAFFED, {}
        case "room":
            return Kind.ROOM, {"room": record.room_id or ""}
        case "no-room":
            return Kind.ROOM, {"room": ""}
        case "info-wanted":
            return Kind.HOLD, {"text": text}
        case "interim":
            return Kind.INTERIM, {"text": text}
        case "lost":
            return Kind.LOST, {}
        case what if what in _ENDS:
            return Kind.ENDED, {"why": _ENDS[what], "text": text if what == "completed" else ""}
        case _:
            return None
