"""Asking for what a case still needs: the room, the text, files, tags, consent.

The conversation remembers only which draft it is about; what is answered goes into the draft.
"""

from __future__ import annotations

from dataclasses import replace

from bot.cases import store
from bot.cases.drafting import service
from bot.cases.model import Case, Consent, Draft, State, read_tags
from bot.chat import buttons
from bot.chat import store as chat
from bot.chat.buttons import NUMBERS
from bot.chat.command import Misunderstood
from bot.chat.conversation import ANSWER_MARK, ANSWER_TIME, explained
from bot.chat.desk import Context
from bot.chat.message import Message
from bot.chat.parsing import answer_number, normal
from bot.chat.rich import Rich, lines, verbatim
from bot.chat.store import Conversation
from bot.rooms.admission import naming

COMMAND = "case"
ROOM, TEXT, FILES, TAGS, CONSENT = "room", "text", "files", "tags", "consent"
_ANSWER = f"{ANSWER_MARK}{COMMAND} answer"
_SKIP = "skip"
_SKIPS = frozenset({_SKIP, "weiter", "überspringen", "➡", "-", "no", "nein", "none", "keine", "✅"})
_SPOKEN = {
    "given": Consent.GIVEN,
    "agrees": Consent.GIVEN,
    "erteilt": Consent.GIVEN,
    "ja": Consent.GIVEN,
    "yes": Consent.GIVEN,
    "not needed": Consent.NOT_NEEDED,
    "notneeded": Consent.NOT_NEEDED,
    "nicht nötig": Consent.NOT_NEEDED,
    "unnötig": Consent.NOT_NEEDED,
}


async def ask(ctx: Context, one: Case, step: str, problem: Rich | None = None) -> None:
    """Put the question of a step, and wait for its answer."""
    t = ctx.t
    offers: dict[str, str] = {}
    skip = [t("➡️ skips it")]
    if step == ROOM:
        titles = [(room.key, room.title(t.language)) for room in await naming.existing(ctx)]
        if not titles:
            raise Misunderstood("There is no specialty room here yet: please tell the moderators.")
        shown = [verbatim(f"{place}. {title}") for place, (_key, title) in enumerate(titles, 1)]
        offers = {emoji: key for emoji, (key, _title) in zip(NUMBERS, titles, strict=False)}
        body, skip = [t("For which specialty room is the case {id}?", id=one.id), *shown], []
    elif step == TEXT:
        body = [t("What is the case, and what do you want to know? I take names out, and show you first.")]
        skip = []
    elif step == FILES:
        body = [t("Post pictures or PDFs of it here now, if there are any. ➡️ goes on.")]
        skip = []
    elif step == TAGS:
        body = [t("By which words shall others find it? For example: afib, elderly")]
    else:
        body = [t("Does the patient agree? 1️⃣ yes · 2️⃣ need not be asked")]
        offers = {NUMBERS[0]: "given", NUMBERS[1]: "not needed"}
    leave = t(
        "❌ leaves this; the draft is kept. `{command}` goes on.", command=ctx.typed(f"case show {one.id}")
    )
    pressed = {emoji: f"{_ANSWER} {word}" for emoji, word in offers.items()}
    if step in (FILES, TAGS, CONSENT):
        pressed["➡️"] = f"{_ANSWER} {_SKIP}"
    message = Message(
        "question", lines([*([problem] if problem else []), *body, *skip, leave]),
        buttons={**pressed, "❌": f"{ANSWER_MARK}{COMMAND}"},
    )  # fmt: skip
    room = ctx.room.room_id
    question = await ctx.send(room, message, thread=ctx.said.thread)
    talk = Conversation(
        COMMAND, {"handle": one.handle or "", "step": step}, "answer", ctx.said.thread, question=question
    )
    await chat.keep_conversation(ctx.tx, ctx.bot, room, ctx.sender, talk, ctx.now + ANSWER_TIME)


async def proceed(ctx: Context, one: Case, draft: Draft) -> None:
    """Ask for what is missing; when nothing is, have the preview made."""
    if one.room_key is None:
        await ask(ctx, one, ROOM)
    elif not draft.text:
        await ask(ctx, one, TEXT)
    else:
        await service.rework(ctx, one, draft)


async def answered(ctx: Context, one: Case, step: str, answer: str) -> None:
    """Take the answer to a step, and go on to the next."""
    draft = await store.draft(ctx.tx, one.id)
    if draft is None or one.state is not State.DRAFTING:
        raise Misunderstood("{id} needs no answer any more.", id=one.id)
    word = normal(buttons.same(answer)) or buttons.same(answer.strip())
    skipped = word in _SKIPS
    try:
        if step == ROOM:
            known = await naming.existing(ctx)
            place = answer_number(answer, len(known))
            room = known[place] if place is not None else await naming.meant(ctx, answer, ctx.t.language)
            await store.change(ctx.tx, one.id, room_key=room.key)
            one = replace(one, room_key=room.key)
            if draft.text:
                await service.rework(ctx, one, draft)
            else:
                await ask(ctx, one, TEXT)
        elif step == TEXT:
            # The answer is the message that an edit corrects.
            draft = replace(draft.retyped(answer.strip()), event=ctx.said.event_id)
            await store.keep_draft(ctx.tx, one.id, draft)
            await ask(ctx, one, FILES)
        elif step == FILES:
            problem = None if skipped else ctx.t("Please post a file, or press ➡️ to go on.")
            await ask(ctx, one, TAGS if skipped else FILES, problem)
        elif step == TAGS:
            draft = draft if skipped else replace(draft, tags=tags_of(answer))
            await store.keep_draft(ctx.tx, one.id, draft)
            await ask(ctx, one, CONSENT)
        else:
            consent = Consent.NONE if skipped else consent_of(answer)
            await store.change(ctx.tx, one.id, consent=consent)
            await service.rework(ctx, replace(one, consent=consent), draft)
    except Misunderstood as unfit:
        await ask(ctx, one, step, explained(ctx, unfit))


def tags_of(text: str) -> tuple[str, ...]:
    """Tags as somebody types them; raises Misunderstood."""
    tags = read_tags(text)
    if tags is None:
        raise Misunderstood("Please write at most five tags, each one word of letters, digits and hyphens.")
    return tags


def consent_of(text: str) -> Consent:
    """Consent as somebody types it; raises Misunderstood."""
    place = answer_number(text, 2)
    found = (Consent.GIVEN, Consent.NOT_NEEDED)[place] if place is not None else _SPOKEN.get(normal(text))
    if found is None:
        raise Misunderstood("Please write `given` or `not needed`.")
    return found
