"""The author of a case: which case they mean, where they write to us, and telling them something."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection

from bot.cases import store as cases
from bot.cases.ids import read_id
from bot.cases.model import Case, State
from bot.cases.rules import PUBLIC
from bot.cases.thread import store
from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.kernel import outbox
from bot.kernel.outbox import Outgoing
from bot.rooms.admission import gate

_HANDLE = re.compile(r"[0-9a-f]{12}")


class CaseWord:
    """A case's id as people write it, or its handle, which buttons name."""

    async def parse(self, ctx: Context, text: str) -> str:
        """The id in its one form, `K-7F3K`, or the handle."""
        word = text.strip(" .,;:!?()")
        if _HANDLE.fullmatch(word):
            return word
        found = read_id(word)
        if found is None:
            raise Misunderstood("I know no case “{word}”.", word=text[:20])
        return found


async def in_private(ctx: Context) -> bool:
    """Whether this is said in the author's encrypted chat; if not, they are told, and nothing is done.

    What was typed among others is taken away: it would show whose case it is.
    """
    if ctx.room.direct and ctx.room.encrypted:
        return True
    if not ctx.room.direct:
        body = {"event_id": ctx.said.event_id, "reason": ""}
        await outbox.put(ctx.tx, Outgoing(ctx.bot, ctx.room.room_id, "redact", body))
        words = ctx.t(
            "Please write that to me here: in a room everybody sees that the case is yours. "
            "**Nothing was done**, and I have tried to take your message away."
        )
        await ctx.direct(ctx.sender, Message("refused", words, loud=True))
        return False
    words = ctx.t(
        "This chat is not encrypted, so **nothing was done**. Please write to me in an encrypted one."
    )
    await ctx.reply(Message("refused", words))
    return False


async def mine(ctx: Context, word: str | None, states: Collection[State] = PUBLIC) -> Case:
    """The case of the person who asks, locked; raises Misunderstood.

    The same is said of a case that is not theirs and of one that does not exist.
    """
    if word is None:
        found = await cases.mine(ctx.tx, ctx.sender, states)
        if len(found) > 1:
            raise Misunderstood("Which one? {ids}", ids=", ".join(one.id for one in found))
        if not found:
            raise Misunderstood("You have no case that stands in a room.")
        word = found[0].id
    one = await (cases.by_handle if _HANDLE.fullmatch(word) else cases.locked)(ctx.tx, word)
    if one is None or not store.is_authors(ctx.tx, one.author_key, ctx.sender):
        raise Misunderstood("I know no case of yours “{word}”.", word=word)
    if one.state is State.HIDDEN and State.HIDDEN not in states:
        raise Misunderstood("{id} is hidden until the moderators have looked at it.", id=one.id)
    if one.state not in states:
        raise Misunderstood("{id} does not stand open in a room.", id=one.id)
    return one


async def handle_of(desk: Desk, one: Case) -> str:
    """The name of a case in its author's chat: buttons there are kept longer than the way to the author."""
    known = await cases.case(desk.tx, one.id)
    handle = known.handle if known is not None else None
    if handle is None:
        handle = secrets.token_hex(6)
        await cases.change(desk.tx, one.id, handle=handle)
    return handle


async def tell(desk: Desk, one: Case, say: Callable[[Translator], Message]) -> str | None:
    """Tell the author something in their chat; the outbox id, None when there is no way to them any more."""
    who = await cases.author(desk.tx, one.id)
    if who is None or not gate.in_reach(desk.house, who):
        return None
    return await Desk(desk.house, desk.tx, one.bot).direct(who, say(await desk.translator(who)))
