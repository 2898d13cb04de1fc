"""What people see of the rotas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, lines, mention, verbatim
from bot.directory.model import Roster, Service


def chain(t: Translator, roster: Roster, service: Service, users: Sequence[str], prefix: str) -> Message:
    """Who is on call for one service, in the order in which they are asked."""
    name = service.name(t.language)
    if not users:
        nobody = t("**{service}**: nobody is on call now. A consult goes to the moderators.", service=name)
        return Message("oncall.who", nobody)
    body = lines(
        [
            t("**{service}**, on call now:", service=name),
            *(verbatim(f"{place}. ") + _who(roster, user) for place, user in enumerate(users, 1)),
            t("To ask: `{p}consult {service}`", p=prefix, service=service.key),
        ]
    )
    return Message("oncall.who", body)


def overview(t: Translator, roster: Roster, first: Iterable[tuple[Service, str | None]]) -> Message:
    """Every service and who is asked first now."""
    rows = [
        t(
            "**{service}**: {who}",
            service=service.name(t.language),
            who=_who(roster, user) if user else t("nobody"),
        )
        for service, user in first
    ]
    if not rows:
        return Message(
            "oncall.list", t("The hospital has not set up any service yet: please tell the moderators.")
        )
    return Message("oncall.list", lines([t("On call now:"), bullets(rows)]))


def _who(roster: Roster, user: str) -> Rich:
    return mention(user, roster.name_of(user))
