"""What goes out by SMS and pager (urgency, service and id, never more), and what the requester sees of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, lines
from bot.consults.paging.rules import Alert, Step, Try
from bot.consults.store import Record
from bot.consults.views import URGENCIES, Reader, about

_LONGEST_NAME = 40  # letters of a service's name: all of it fits into one message
_CHANNELS: Mapping[str, str] = {"sms": "SMS", "pager": "pager"}
_STEPS: Mapping[Step, str] = {
    Step.WAITING: "⏳ {channel} to {who}: on its way",
    Step.TAKEN: "⏳ {channel} to {who}: on its way",
    Step.DELIVERED: "✓ {channel} to {who}: arrived",
    Step.SILENT: "⏳ {channel} to {who}: no confirmation yet",
    Step.FAILED: "✗ {channel} to {who}: could not be delivered",
    Step.WITHDRAWN: "✗ {channel} to {who}: not needed any more",
}
_UNDER_WAY = (Step.WAITING, Step.TAKEN, Step.SILENT)


def page(t: Translator, record: Record, service: str, *, answerable: bool) -> str:
    """A page in one short message; on a pager nobody can answer."""
    name = service if len(service) <= _LONGEST_NAME else service[: _LONGEST_NAME - 3].rstrip() + "..."
    urgency = t(URGENCIES[record.consult.urgency]).plain
    said = {"urgency": urgency, "service": name, "id": record.id}
    if answerable:
        return t(
            "{urgency}: {service}, {id}. Reply 1 to accept, 2 to decline, or open Curbside.", **said
        ).plain
    return t("{urgency}: {service}, {id}. Please open Curbside.", **said).plain


def channels(reader: Reader, record: Record, alerts: Sequence[Alert], *, named: bool) -> Message:
    """How the second channels fare: one line a try. `named`: whether the requester may know who is asked."""
    shown = [
        _line(reader, alert, one, named)
        for alert in alerts
        for one in alert.tries
        if one.step is not Step.NEXT
    ]
    tried = [line for line in shown if line]
    last = alerts[-1]
    under_way = not last.stopped and any(one.step in (Step.WAITING, Step.TAKEN) for one in last.tries)
    state = "delivered" if last.is_delivered else "waiting" if under_way else "failed"
    message = about(record, lines([reader.say("**{id}**: paged by a second way, too.", record), *tried]))
    return Message("consult.channels", message.body, id=message.id, state=state, seq=message.seq)


def _line(reader: Reader, alert: Alert, one: Try, named: bool) -> Rich:
    channel = reader.t(_CHANNELS[one.channel]) if one.channel in _CHANNELS else one.channel
    if one.reason == "no-address":
        return Rich("", "")  # they have none: that is nobody's failure
    who = reader.who(alert.user) if named else reader.t("the colleague on call")
    if alert.stopped and one.step in _UNDER_WAY:
        return reader.t("– {channel} to {who}: sent, before there was an answer", channel=channel, who=who)
    return reader.t(_STEPS[one.step], channel=channel, who=who)


# ── answers by SMS ──


def accepted(t: Translator, consult: str) -> str:
    return t("{id}: you have it. The question is in Curbside.", id=consult).plain


def declined(t: Translator, consult: str) -> str:
    return t("{id}: declined. The next one is asked.", id=consult).plain


def not_done(why: Message) -> str:
    return why.body.plain


def not_understood(t: Translator) -> str:
    return t("I did not understand that, and changed nothing. Reply 1 to accept or 2 to decline.").plain


def nothing_waits(t: Translator) -> str:
    return t("No page waits for your answer. Nothing was changed.").plain


def which(t: Translator, consults: Sequence[str]) -> str:
    """Several wait: which one is meant."""
    short = consults[0].removeprefix("C-")
    return t(
        "Several pages wait: {ids}. Nothing was changed. Reply with the id, such as 1 {short}.",
        ids=", ".join(consults[:5]),
        short=short,
    ).plain


def stranger(t: Translator) -> str:
    return t("This number is on no roster here. Nothing was changed.").plain


# ── the moderators ──


def failed(reader: Reader, user: str, one: Try) -> Message:
    """Somebody could not be reached by a channel."""
    body = reader.t(
        "{channel} to {who} could not be delivered ({reason}). Is the address in the roster right?",
        channel=reader.t(_CHANNELS[one.channel]) if one.channel in _CHANNELS else one.channel,
        who=reader.who(user),
        reason=one.reason,
    )
    return Message("bridge.failed", body)


def bridge_state(t: Translator, bridge: str, reason: str, *, is_open: bool) -> Message:
    """A bridge's peer is left alone, or answers again."""
    if is_open:
        body = t(
            "⚠ The bridge **{bridge}** does not reach its other side ({reason}). Pages go another way, if "
            "there is one. I keep trying, and tell you when it works again.",
            bridge=bridge,
            reason=reason,
        )
    else:
        body = t("The bridge **{bridge}** works again.", bridge=bridge)
    return Message("bridge.state", body, state="open" if is_open else "closed", loud=is_open)
