"""What people read about consults between hospitals."""

from __future__ import annotations

from bot.chat.i18n import Translator, message_id
from bot.chat.message import Message
from bot.chat.rich import Rich, code, joined, lines, verbatim
from bot.consults.between.offers import Book

# Why something that came from another hospital's Curbside was not acted on.
TROUBLES = {
    "unknown": message_id("it does not take part here"),
    "suspended": message_id("it is suspended here"),
    "sender": message_id("it came from an account that its statement does not name"),
    "unencrypted": message_id("it was not encrypted"),
    "size": message_id("it was too long"),
    "form": message_id("it was malformed"),
    "version": message_id("it was of a later version of Curbside"),
    "signature": message_id("its signature was wrong"),
    "addressee": message_id("it was another hospital’s, or meant for another one"),
    "wrong": message_id("it did not fit what was said before"),
    "not-offered": message_id("it asked for a service that we do not offer it"),
    "disagree": message_id("the two hospitals do not know the same of a consult"),
    "replay": message_id("it was an old offer, sent again"),
    "expired": message_id("it was an offer that has expired"),
    "future": message_id("it is from the future: one of the two clocks is wrong"),
    "refused-us": message_id("it does not accept our requests"),
    "no-key": message_id("we have no key yet: our operator has to make our statement"),
}


def trouble(t: Translator, server: str, reason: str) -> Message:
    """To the moderators: something from or to a hospital did not count; said once a day."""
    body = lines(
        [
            t(
                "**A message between us and {server} did not count:** {why}.",
                server=code(server),
                why=t(TROUBLES[reason]),
            ),
            t("Nothing was changed by it. If this goes on, please tell your operator."),
        ]
    )
    return Message("between.trouble", body, loud=True)


def offers_changed(t: Translator, book: Book, typed: str) -> Message:
    """To the moderators: what another hospital offers from now on; `typed`: how to ask for it."""
    who = _who(t, book)
    if not book.services:
        return Message("between.offers", t("**{who} offers us no services any more.**", who=who))
    services: list[Rich] = [verbatim(service.name(t.language)) for service in book.services]
    body = lines(
        [
            t("**{who} offers us:** {services}.", who=who, services=joined(services, ", ")),
            t("Ask with {example}.", example=code(f"{typed} {book.services[0].key}@{book.server} …")),
        ]
    )
    return Message("between.offers", body)


def _who(t: Translator, book: Book) -> Rich:
    if not book.name:
        return t("The hospital {server}", server=code(book.server))
    return t("{name} ({server})", name=book.name, server=code(book.server))
