"""`!cases`: the cases of the rooms that somebody is in, by tag, word and state; the newest first."""

from __future__ import annotations

from dataclasses import replace

from bot.cases import store as cases
from bot.cases.drafting.posting import room_title
from bot.cases.model import State
from bot.cases.thread import store, views
from bot.cases.thread.model import Query
from bot.cases.thread.rules import read_query
from bot.cases.thread.views import Found
from bot.chat.desk import Context
from bot.rooms.admission import gate

PAGE = 8
MOST = 500  # cases that are looked through


async def search(ctx: Context, line: str) -> None:
    """Answer in the direct chat: what the rooms are that somebody is in concerns nobody else."""
    query = read_query(line)
    keys = [key for key, membership in (await gate.place_of(ctx, ctx.sender)).items() if membership == "join"]
    hits = [
        case_id
        for case_id, text in await store.listed(ctx.tx, keys, query, MOST)
        if all(word in text.casefold() or word == case_id.casefold() for word in query.words)
    ]
    pages = max(1, -(-len(hits) // PAGE))
    query = replace(query, page=min(query.page, pages))
    rows = [await _found(ctx, one) for one in hits[(query.page - 1) * PAGE : query.page * PAGE]]
    settings = ctx.house.settings
    message = views.found(ctx.t, rows, query, _again(query), pages, settings.prefix, settings.server_name)
    if ctx.room.direct:
        await ctx.reply(message)
    else:
        await ctx.direct(ctx.sender, replace(message, loud=True))


async def _found(ctx: Context, case_id: str) -> Found:
    case = await cases.case(ctx.tx, case_id)
    assert case is not None
    facts = await ctx.house.rooms.facts(ctx.tx, ctx.bot, f"dm:{ctx.sender}")
    closed_chat = ctx.room.encrypted if ctx.room.direct else facts is None or facts.encrypted
    text = await cases.text(ctx.tx, case_id) if closed_chat else ""
    stands = await store.standing(ctx.tx, {case.event_id} if case.event_id else set())
    return Found(case, text or "", room_title(ctx, case.room_key, ctx.t.language), stands)


def _again(query: Query) -> str:
    """The command for another page of the same search."""
    states = {State.POSTED: ["open"], State.CLOSED: ["solved"]}
    words = [*(f"#{tag}" for tag in query.tags), *query.words, *(states[query.state] if query.state else [])]
    return " ".join(["cases", *words])
