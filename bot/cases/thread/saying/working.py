"""The worker that has the engine look at what authors want to say, outside of any transaction.

Whatever goes wrong, there is no preview and nothing can be posted; the author hears what to do.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.cases import store as cases
from bot.cases.model import Event, Shown, State
from bot.cases.rules import PUBLIC
from bot.cases.thread import author
from bot.cases.thread.model import POLLS, Given, Piece, canonical
from bot.cases.thread.saying import store, views
from bot.cases.thread.saying.service import CHANNEL
from bot.chat.deidentifying import Deidentifier
from bot.chat.desk import Desk, House
from bot.chat.filing import Made, worker
from bot.kernel.db import Database
from bot.kernel.failpoints import failpoint

log = logging.getLogger(__name__)


class _Unfit(Exception):
    """Why there is no preview: a key of `views.PIECE_REFUSALS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def make(house: House, database: Database, bot: str, what: Mapping[str, Any]) -> Sequence[Made]:
    """Make the preview that was ordered; nothing if the author has changed it meanwhile."""
    async with database.read() as tx:
        piece = await store.piece(tx, str(what["piece"]))
        given = None if piece is None else await store.given(tx, piece.id)
        case = None if piece is None else await cases.case(tx, piece.case_id)
    if piece is None or given is None or case is None or not _is_wanted(piece, what):
        return ()
    shown, reason = None, ""
    failpoint("case.before_find", "piece")
    try:
        shown = await _shown(house, piece, given, case.language or "en")
    except _Unfit as unfit:
        reason = unfit.reason
    failpoint("case.before_show", "piece")
    async with database.begin() as tx:
        now = await store.piece(tx, piece.id, lock=True)
        case = await cases.case(tx, piece.case_id)
        if now is None or case is None or not _is_wanted(now, what):
            return ()
        if case.author_key is None or case.state not in PUBLIC | {State.HIDDEN}:
            await store.move(tx, now, Event.DISCARD)
            return ()
        desk = Desk(house, tx, bot)
        if shown is None or case.room_key is None:
            await store.move(tx, now, Event.REFUSE, shown_at=tx.now)
            await author.tell(desk, case, lambda t: views.refused(t, case, now, reason or "engine"))
            return ()
        await store.keep_shown(
            tx, now.id, shown, cases.digest(tx.keys, canonical(now, case.room_key, given, shown))
        )
        state = await store.move(tx, now, Event.SHOW, shown_at=tx.now)
        previewed, p = replace(now, state=state), house.settings.prefix
        await author.tell(desk, case, lambda t: views.preview(t, case, previewed, shown, given.solution, p))
    return ()


def _is_wanted(piece: Piece, what: Mapping[str, Any]) -> bool:
    return piece.state is State.WORKING and piece.seq == what["seq"]


async def _shown(house: House, piece: Piece, given: Given, default: str) -> Shown:
    """What the engine and the author's corrections leave; raises _Unfit."""
    from bot.deid.edits import corrected  # these load the engine
    from bot.deid.engine import TooLong, UnsupportedLanguage

    try:
        found = await house.part(Deidentifier).find(given.text, default=default)
        result = corrected(given.text, found, given.edits)
    except UnsupportedLanguage:
        raise _Unfit("language") from None
    except TooLong:
        raise _Unfit("long") from None
    except TimeoutError:
        raise _Unfit("time") from None
    except Exception as error:
        # Its type alone: what it says may hold words of the text.
        log.error("the engine failed", extra={"error": type(error).__name__})
        raise _Unfit("engine") from None
    if not any(char.isalnum() for char in result.text):
        raise _Unfit("empty")
    if piece.kind in POLLS:
        _check_options(given.text, result.text)
    warnings = tuple((hint.reason, given.text[hint.start : hint.end]) for hint in result.quasi)
    return Shown(result.text, result.language, result.spans, warnings, versions=dict(result.versions))


def _check_options(before: str, after: str) -> None:
    """Question and options must still be as many, and the options different; raises _Unfit."""
    parts = after.split("\n")
    options = {part.strip().casefold() for part in parts[1:]}
    if len(parts) != len(before.split("\n")) or "" in options or len(options) != len(parts) - 1:
        raise _Unfit("form")


previews = worker(CHANNEL, make)
