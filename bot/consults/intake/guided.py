"""From what somebody typed to a consult on its way: checks, the next question, the draft, sending.

A request in one line is sent at once, and so is a STAT one, however it was asked for: details can be added
by an edit. Any other one that was asked for step by step is shown before it is sent.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

from bot.chat import buttons, store
from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.parsing import answer_number, normal, take_word
from bot.chat.rich import Rich
from bot.chat.store import Conversation
from bot.consults import service as consults
from bot.consults.intake import parsing, views
from bot.consults.intake.draft import DETAILS, ORDER, QUESTION, REVIEW, Draft
from bot.consults.intake.parsing import LONGEST_PLACE, Typed
from bot.consults.intake.views import MORE, SEND, SKIP, YES
from bot.consults.model import Expects, Urgency
from bot.consults.request import Request
from bot.consults.views import reader_of
from bot.directory.model import Service
from bot.directory.roster import RosterFile
from bot.directory.templates import RequestTemplate
from bot.kernel import timers
from bot.kernel.timers import Timer
from bot.screening import identifiers, orders

DRAFT_TIMER = "consults.draft"
REMIND_AFTER = timedelta(minutes=5)
DROP_AFTER = timedelta(minutes=30)
COMMAND = "consult"

_SEND = frozenset({"send", "senden", "✅", "👍"})
_URGENCIES = frozenset(
    {"stat", "urgent", "routine", "emergency", "sofort", "notfall", "dringend", "eilig", "planbar"}
)
_SKIP = frozenset({"skip", "weiter", "überspringen", "➡", "-"})
_MORE = frozenset({"more", "details", "mehr", "✏"})
_YES = frozenset({"yes", "ja", "ok", "okay", "✅", "👍"})


async def begin(ctx: Context, service: Service, urgency: Urgency, text: str) -> None:
    """Ask for a consult with what was typed behind service and urgency, or at the question for it."""
    template = ctx.house.part(RosterFile).current.template_for(service, str(urgency), text)
    left, fields = parsing.take_fields(text, field_words(template))
    typed = parsing.read(left)
    refuse_unfit(typed)
    _refuse_second_service(ctx, typed.question)
    said = ctx.said
    # Typed in one line the question is the end of it; else it answered a question of ours.
    guided = not (said.text.strip().endswith(text.strip()) and len(said.text.strip()) > len(text.strip()))
    anchor = said.event_id if said.reaction is None else said.reply_to or said.event_id
    request = Request("", template=template.key if template is not None else "").with_fields(fields)
    await _proceed(
        ctx, service, Draft(service.key, urgency, request, anchor, guided=guided).with_typed(typed)
    )


async def answered(ctx: Context, service: Service, draft: Draft, answer: str) -> None:
    """Go on with a draft after the answer to its step."""
    word = _word(answer)
    if draft.step == ORDER:
        if answer == YES or word in _YES:
            ctx.tx.audit(ctx.sender, "consult.asked", service.key)
            await _proceed(ctx, service, replace(draft, asked=True))
        else:
            await _take(ctx, service, draft, answer)
    elif draft.step == QUESTION:
        await _take(ctx, service, draft, answer)
    elif answer == SEND or word in _SEND or (draft.step == REVIEW and word in _YES):
        await _check_and_send(ctx, service, draft)
    elif draft.step == REVIEW:
        if answer == MORE or word in _MORE:
            await ask(ctx, draft.at(DETAILS[0]), room=ctx.room.room_id, thread=ctx.said.thread)
        else:
            await _take(ctx, service, draft, answer, adds=True)
    else:
        await _detail(ctx, service, draft, "" if answer == SKIP or word in _SKIP else answer)


async def _detail(ctx: Context, service: Service, draft: Draft, answer: str) -> None:
    """Take the answer to a field or a detail (empty: left out), and go on to the next."""
    typed = parsing.read(parsing.take_fields(answer, field_words(_template(ctx, draft)))[0])
    if answer and not typed.question:  # all at once
        await _take(ctx, service, draft.at(REVIEW), answer)
        return
    changed: Draft | None = draft
    if not answer:
        changed = replace(draft, passed=(*draft.passed, draft.field)) if draft.field else draft
    elif draft.part in ("ward", "callback") and len(parsing.clean(answer)) > LONGEST_PLACE:
        problem = ctx.t("That is too long: at most {limit} characters fit here.", limit=LONGEST_PLACE)
        await _ask_here(ctx, draft, problem)
        return
    else:
        changed = draft.with_answer(_chosen(ctx, draft, answer))
    if changed is None:
        await _ask_here(ctx, draft, ctx.t("Please choose one of these."))
    elif draft.step in DETAILS and (step := draft.next_detail()) != REVIEW:
        await _ask_here(ctx, changed.at(step))
    else:
        await _proceed(ctx, service, changed)


async def _take(ctx: Context, service: Service, draft: Draft, answer: str, *, adds: bool = False) -> None:
    """Work what was typed into a draft; what does not fit leaves it as it is."""
    left, fields = parsing.take_fields(answer, field_words(_template(ctx, draft)))
    typed = parsing.read(left)
    try:
        refuse_unfit(typed)
    except Misunderstood as problem:
        await _ask_here(ctx, draft, ctx.t(problem.template, **problem.values))
        return
    draft = replace(draft, request=draft.request.with_fields(fields))
    await _proceed(ctx, service, draft.with_typed(typed, adds=adds and not typed.replaces))


async def _proceed(ctx: Context, service: Service, draft: Draft) -> None:
    """Ask for what is missing, show the draft, or send it."""
    if not draft.request.question:
        await _ask_here(ctx, draft.at(QUESTION))
    elif _order(draft) is not None:
        await _ask_here(ctx, draft.at(ORDER))
    elif draft.guided and draft.urgency is not Urgency.STAT:
        field = draft.next_field(_template(ctx, draft))
        await _ask_here(ctx, draft.at(field or REVIEW))
    else:
        await _send(ctx, service, draft)


async def _check_and_send(ctx: Context, service: Service, draft: Draft) -> None:
    if _order(draft) is not None:
        await _ask_here(ctx, draft.at(ORDER))
    else:
        await _send(ctx, service, draft)


async def _send(ctx: Context, service: Service, draft: Draft) -> None:
    ctx.said = replace(ctx.said, event_id=draft.anchor)
    record = await consults.open_consult(
        ctx, service, draft.urgency, draft.request, expects=draft.expects, follow=draft.follow
    )
    await timers.cancel(ctx.tx, DRAFT_TIMER, _key(ctx.bot, ctx.room.room_id, ctx.sender))
    template = _template(ctx, draft)
    told = {key for key, _text in draft.request.fields} | set(draft.passed)
    missing = [one for one in template.fields if one.key not in told] if template is not None else []
    hints = views.hints(reader_of(ctx, ctx.t), record, identifiers.find(text_of(draft.request)), missing)
    if hints is not None:
        await ctx.send(record.origin, hints, thread=record.thread)


# The next question -------------------------------------------------------------------------------


async def _ask_here(ctx: Context, draft: Draft, problem: Rich | None = None) -> None:
    await ask(ctx, draft, room=ctx.room.room_id, thread=_thread(ctx), problem=problem)


async def ask(
    desk: Context | Desk,
    draft: Draft,
    *,
    room: str,
    thread: str | None,
    user: str = "",
    problem: Rich | None = None,
    reminded: bool = False,
) -> None:
    """Put the question of the draft's step, and keep the draft until it is answered.

    Who does not answer is reminded once that nothing is sent; then the draft is dropped, and they are told.
    """
    user = user or (desk.sender if isinstance(desk, Context) else "")
    facts = await desk.house.rooms.facts(desk.tx, desk.bot, room)
    reader = reader_of(desk, await desk.translator(user))
    order = _order(draft) or ""
    found = identifiers.find(text_of(draft.request))
    message = views.step(
        reader, draft, _template(desk, draft), order, found,
        encrypted=facts is None or facts.encrypted, problem=problem,
    )  # fmt: skip
    question = await desk.send(room, replace(message, loud=reminded), thread=thread)
    given = {
        "service": draft.service,
        "urgency": str(draft.urgency),
        "question": draft.request.question or "…",
        "draft": draft.pack(),
    }
    talk = Conversation(COMMAND, given, "answer", thread, question=question)
    wait = DROP_AFTER - REMIND_AFTER if reminded else REMIND_AFTER
    await store.keep_conversation(desk.tx, desk.bot, room, user, talk, desk.now + DROP_AFTER)
    await timers.set_timer(
        desk.tx, DRAFT_TIMER, _key(desk.bot, room, user), desk.now + wait,
        bot=desk.bot, room=room, user=user, reminded=reminded,
    )  # fmt: skip


async def draft_due(desk: Desk, timer: Timer) -> None:
    """Nobody has answered for a while: remind them that nothing is sent, or drop it and say so."""
    room, user = str(timer.facts["room"]), str(timer.facts["user"])
    talk = await store.conversation(desk.tx, desk.bot, room, user)
    draft = draft_in(talk)
    if talk is None or draft is None:
        return
    if not timer.facts["reminded"]:
        t = await desk.translator(user)
        problem = t("Your request still waits for you: nobody is asked.")
        await ask(desk, draft, room=room, thread=talk.thread, user=user, problem=problem, reminded=True)
        return
    await store.end_conversation(desk.tx, desk.bot, room, user)
    message = views.dropped(reader_of(desk, await desk.translator(user)), draft)
    await desk.send(room, message, thread=talk.thread)


def draft_in(talk: Conversation | None) -> Draft | None:
    """The draft that a conversation is about."""
    packed = talk.given.get("draft") if talk is not None and talk.command == COMMAND else None
    return Draft.unpack(packed) if packed is not None else None


# What is asked -----------------------------------------------------------------------------------


def field_words(template: RequestTemplate | None) -> dict[str, str]:
    """What a line that tells one of a template's fields may begin with, and the key that is meant."""
    fields = template.fields if template is not None else ()
    asks = {ask.strip(" ?:").lower(): one.key for one in fields for ask in one.asks.values()}
    return {**asks, **{one.key: one.key for one in fields}}


def _template(desk: Desk, draft: Draft) -> RequestTemplate | None:
    """The template that was chosen when the request was begun."""
    return desk.house.part(RosterFile).current.templates.get(draft.request.template)


def text_of(request: Request) -> str:
    """All the words of a request, each part a sentence of its own."""
    return "\n".join((request.question, *request.parts.values(), *(text for _key, text in request.fields)))


def _order(draft: Draft) -> str | None:
    found = None if draft.asked else orders.find(text_of(draft.request))
    return found.words if found is not None else None


def refuse_unfit(typed: Typed) -> None:
    """Raise Misunderstood for a part that does not fit."""
    if typed.too_long == "ward":
        raise Misunderstood("The ward is too long: at most {limit} characters.", limit=LONGEST_PLACE)
    if typed.too_long:
        raise Misunderstood("The callback is too long: at most {limit} characters.", limit=LONGEST_PLACE)
    if typed.unknown:
        raise Misunderstood(
            "I do not know the expected reply “{word}”.",
            word=typed.unknown,
            suggestions=[one.value for one in Expects],
        )


def _refuse_second_service(ctx: Context, question: str) -> None:
    """Raise Misunderstood when a second service stands where the question begins."""
    first, rest = take_word(question)
    second, _rest = take_word(rest)
    roster = ctx.house.part(RosterFile).current
    exact = {normal(word): one for one in roster.services.values() for word in one.words}
    named = exact.get(normal(first))
    if named is not None and normal(second) in _URGENCIES:
        raise Misunderstood(
            "A consult asks one service, so nothing was sent. Please write another one to {second}.",
            second=named.name(ctx.t.language),
        )


def _word(answer: str) -> str:
    return normal(buttons.same(answer)) or buttons.same(answer.strip())


def _chosen(ctx: Context, draft: Draft, answer: str) -> str:
    """A number typed in place of one of the choices."""
    template = _template(ctx, draft)
    field = next((one for one in template.fields if one.key == draft.field), None) if template else None
    choices = field.choices if field is not None else ()
    if draft.step == "expects":
        choices = tuple(Expects)
    elif draft.step == "follow":
        choices = ("once", "follow")
    place = answer_number(answer, len(choices))
    return choices[place] if place is not None else answer


def _thread(ctx: Context) -> str | None:
    """Where to ask: among several people in a thread, lest other talk is taken for the answer."""
    if ctx.said.thread is not None or ctx.room.direct:
        return ctx.said.thread
    return ctx.said.reply_to if ctx.said.reaction is not None else ctx.said.event_id


def _key(bot: str, room: str, user: str) -> str:
    return hashlib.sha256(f"{bot} {room} {user}".encode()).hexdigest()
