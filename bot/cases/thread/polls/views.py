"""What people see of a poll beside the poll itself."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cases.model import Case
from bot.cases.thread.polls import events
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import lines, verbatim


def beside(t: Translator, case: Case, question: str, options: Sequence[str], until: str, p: str) -> Message:
    """Beside a poll, for clients that show none."""
    body = lines(
        [
            t("📊 **Poll** on {id}: {question}", id=case.id, question=question),
            verbatim(events.numbered(options)),
            t(
                "Vote in the poll above, or write `{p}vote {id} 2`. It ends {until}.",
                p=p,
                id=case.id,
                until=until,
            ),
        ]
    )
    return Message("case.poll", body, id=case.id, state="open")


def result(
    t: Translator,
    case: Case,
    question: str,
    options: Sequence[str],
    counts: Sequence[int],
    solution: int | None,
) -> Message:
    """What a poll came to; of a quiz also which was right."""
    rows = [
        verbatim(f"{'✔ ' if place == solution else ''}{place + 1}. {option}: {count}")
        for place, (option, count) in enumerate(zip(options, counts, strict=True))
    ]
    body = [t("📊 **Result** on {id}: {question}", id=case.id, question=question), *rows]
    votes = sum(counts)
    body.append(t.plural("{number} vote", "{number} votes", votes))
    if solution is not None:
        body.append(t("Right is ✔ {number}.", number=solution + 1))
    return Message("case.poll", lines(body), id=case.id, state="closed", loud=True)


def counted(t: Translator, case: Case, choice: int | None) -> Message:
    """To somebody who voted by text."""
    if choice is None:
        body = t(
            "Your vote on {id} does not count: the poll is over, or you are not in its room.", id=case.id
        )
    else:
        body = t("Your vote on {id} counts: {number}. The last one counts.", id=case.id, number=choice + 1)
    return Message("case.poll", body, id=case.id)
