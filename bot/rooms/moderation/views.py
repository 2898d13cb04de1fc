"""What people see of moderation: what was done, what will be done after a ✅, and what somebody is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.chat.buttons import NUMBERS
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, code, joined, lines, mention, verbatim
from bot.directory.model import Roster
from bot.rooms.model import Network
from bot.rooms.moderation.model import APPEALABLE, EVERYWHERE, SYSTEM, Action, Kind, Plan
from bot.settings import ModerationSettings

# The templates by number, where the settings have none of their own.
REASONS = (
    "Details that could identify a patient",
    "Please stay courteous",
    "Advertising, or asking for custom",
    "Off topic in this room",
    "Advice that is not safe or not supported",
)
DONE: Mapping[Kind, str] = {
    Kind.WARN: "⚠️ **Warned**",
    Kind.MUTE: "🔇 **Muted**",
    Kind.KICK: "👋 **Removed**",
    Kind.BAN: "🚫 **Banned**",
    Kind.UNMUTE: "🔊 **Mute lifted**",
    Kind.UNBAN: "🕊️ **Ban lifted**",
    Kind.REDACT: "🗑️ **Messages removed**",
    Kind.NOTE: "📝 **Noted**",
    Kind.LOCK: "🔒 **Locked**",
    Kind.UNLOCK: "🔓 **Unlocked**",
    Kind.SLOW: "🐢 **Slow mode**",
}
ASKED: Mapping[Kind, str] = {
    Kind.WARN: "⚠️ **Warn?**",
    Kind.MUTE: "🔇 **Mute?**",
    Kind.KICK: "👋 **Remove?**",
    Kind.BAN: "🚫 **Ban?**",
    Kind.UNMUTE: "🔊 **Lift the mute?**",
    Kind.UNBAN: "🕊️ **Lift the ban?**",
    Kind.REDACT: "🗑️ **Remove messages?**",
    Kind.NOTE: "📝 **Note?**",
    Kind.LOCK: "🔒 **Lock?**",
    Kind.UNLOCK: "🔓 **Unlock?**",
    Kind.SLOW: "🐢 **Slow mode?**",
}
TOLD: Mapping[Kind, str] = {
    Kind.WARN: "⚠️ The moderators have warned you ({where}).",
    Kind.MUTE: "🔇 You are muted in {where} until {until}: you can read, not write.",
    Kind.KICK: "👋 The moderators have taken you out of {where}. You may ask to come in again.",
    Kind.BAN: "🚫 The moderators have banned you from {where} until {until}.",
    Kind.UNMUTE: "🔊 You can write in {where} again.",
    Kind.UNBAN: "🕊️ You are no longer banned from {where}: you may come in again.",
    Kind.REDACT: "🗑️ The moderators have removed messages of yours in {where}.",
}
TAKEN_BACK: Mapping[Kind, str] = {
    Kind.WARN: "↩️ The warning in {where} is taken back.",
    Kind.MUTE: "🔊 You can write in {where} again.",
    Kind.KICK: "↩️ That you were taken out of {where} is taken back: you are invited again.",
    Kind.BAN: "🕊️ You are no longer banned from {where}: you may come in again.",
}
LABELS: Mapping[Kind, str] = {
    Kind.WARN: "warned",
    Kind.MUTE: "muted",
    Kind.KICK: "removed",
    Kind.BAN: "banned",
    Kind.UNMUTE: "mute lifted",
    Kind.UNBAN: "ban lifted",
    Kind.REDACT: "messages removed",
    Kind.NOTE: "note",
    Kind.LOCK: "locked",
    Kind.UNLOCK: "unlocked",
    Kind.SLOW: "slow mode",
}


@dataclass(frozen=True)
class Reader:
    """Who will read: in what language, with what names, with what prefix before commands, and when."""

    t: Translator
    prefix: str
    now: datetime
    settings: ModerationSettings
    roster: Roster
    declared: Network
    server: str

    def who(self, user_id: str) -> Rich:
        """A person, by name where the hospital gave one."""
        return self.t("the bot") if user_id == SYSTEM else mention(user_id, self.roster.name_of(user_id))

    def where(self, scope: str) -> Rich:
        """A room, a space, or all of them."""
        if scope == EVERYWHERE:
            return self.t("all rooms")
        room = self.declared.rooms.get(scope)
        return verbatim(scope if room is None else room.title(self.t.language))

    def reason(self, number: int | None) -> Rich:
        """A reason template's text; empty without one."""
        if number is None or not 0 < number <= len(self.reasons):
            return Rich("", "")
        return self.reasons[number - 1]

    @property
    def reasons(self) -> list[Rich]:
        """The templates in this reader's language."""
        own = self.settings.reasons
        if not own:
            return [self.t(REASONS[number]) for number in range(len(REASONS))]
        return list(map(verbatim, (self.settings.reasons_de or own) if self.t.language == "de" else own))

    def until(self, moment: datetime | None) -> Rich:
        """The end of something, in words."""
        return self.t("further notice") if moment is None else verbatim(self.t.time(moment, self.now))

    def length(self, length: timedelta | None) -> Rich:
        """How long something will hold."""
        if length is None:
            return self.t("until it is lifted")
        return self.t("for {span}", span=self.t.span(length))


DOT = " · "


def _facts(reader: Reader, *, who: str | None, scope: str, kind: Kind, seconds: object = 0) -> list[Rich]:
    parts = [reader.who(who)] if who is not None else []
    if kind is not Kind.NOTE:
        parts.append(reader.where(scope))
    if kind is Kind.SLOW:
        number = int(str(seconds))
        parts.append(
            reader.t.plural("one message per second", "one message in {number} seconds", number)
            if number
            else reader.t("off")
        )
    return parts


def _because(reader: Reader, reason: int | None) -> Rich:
    text = reader.reason(reason)
    return reader.t("Reason: {reason}", reason=text) if text else text


def done(
    reader: Reader,
    action: Action,
    *,
    strikes: int = 0,
    next_step: tuple[Kind, timedelta | None] | None = None,
    rooms: int | None = None,
) -> Message:
    """Say what was done, with ↩️ to take it back, and the next step where strikes have added up."""
    t, kind = reader.t, action.kind
    facts = _facts(
        reader, who=action.who, scope=action.scope, kind=kind, seconds=action.facts.get("seconds", 0)
    )
    if kind is Kind.REDACT:
        number = int(str(action.facts.get("count", 0)))
        facts.append(t.plural("one message", "{number} messages", number))
    if action.until is not None:
        facts.append(t("until {until}", until=reader.until(action.until)))
    elif kind in (Kind.MUTE, Kind.BAN, Kind.LOCK):
        facts.append(t("until it is lifted"))
    wide = action.scope == EVERYWHERE or rooms != 1  # a single room has been named already
    if rooms is not None and wide and kind in (Kind.KICK, Kind.BAN, Kind.MUTE):
        facts.append(t.plural("now in one room", "now in {number} rooms", rooms))
    parts = [joined([t(DONE[kind]), *facts], DOT), _because(reader, action.reason)]
    buttons = {"↩️": f"mod undo {action.id}"}
    if strikes:
        parts.append(t.plural("One strike now.", "{number} strikes now.", strikes))
    if next_step is not None:
        what, length = next_step
        step = joined([t(ASKED[what]), reader.length(length)], " ")
        parts.append(t("⏫ next step: {step}", step=step))
        buttons["⏫"] = f"mod tap next {action.id}"
    if kind is Kind.REDACT:
        del buttons["↩️"]
        tail = verbatim(action.id)
    else:
        tail = t("↩️ or `{undo}`", undo=f"{reader.prefix}mod undo {action.id}")
    return Message("mod.done", lines([*parts, tail]), id=action.id, state=kind.value, buttons=buttons)


def proposal(
    reader: Reader, plan_id: str, plan: Plan, *, by: str, second: bool, rooms: int, member_of: int
) -> Message:
    """Show what will happen, and wait for a ✅: of the one who asked, or of a second moderator."""
    t = reader.t
    facts = _facts(reader, who=plan.who, scope=plan.scope, kind=plan.kind, seconds=plan.seconds)
    if plan.kind is Kind.REDACT:
        facts.append(t.plural("one message", "{number} messages", len(plan.events)))
    if plan.kind in (Kind.MUTE, Kind.BAN, Kind.LOCK):
        facts.append(reader.length(plan.length))
    parts = [joined([t(ASKED[plan.kind]), *facts], DOT)]
    if plan.who is not None and plan.kind in (Kind.MUTE, Kind.KICK, Kind.BAN):
        parts.append(t("In {number} of {rooms} rooms now.", number=member_of, rooms=rooms))
    elif plan.who is None and rooms != 1:
        parts.append(t.plural("One room.", "{number} rooms.", rooms))
    go = f"mod tap plan {plan_id}"
    buttons: dict[str, str] = {}
    if second:
        parts.append(
            t("{who} moderates: a **second** moderator has to agree.", who=reader.who(plan.who or ""))
        )
        parts.append(t("Asked by {by}.", by=reader.who(by)))
    if plan.reason is not None:
        parts.append(_because(reader, plan.reason))
    elif plan.who is not None and plan.kind in (Kind.WARN, Kind.MUTE, Kind.KICK, Kind.BAN):
        numbered = list(zip(NUMBERS, reader.reasons, strict=False))
        parts.append(t("A number does it, with this reason:"))
        parts += [verbatim(f"{emoji} ") + text for emoji, text in numbered]
        buttons = {emoji: f"{go} {place}" for place, (emoji, _text) in enumerate(numbered, 1)}
    parts.append(t("✅ do it · ❌ leave it"))
    buttons |= {"✅": f"{go} yes", "❌": f"{go} no"}
    return Message("mod.plan", lines(parts), id=plan_id, state=plan.kind.value, buttons=buttons, loud=second)


def settled_plan(reader: Reader, plan_id: str, plan: Plan, by: str, *, carried_out: bool) -> Message:
    """What a proposal says once somebody has decided it."""
    facts = _facts(reader, who=plan.who, scope=plan.scope, kind=plan.kind, seconds=plan.seconds)
    head = joined([reader.t(ASKED[plan.kind]), *facts], DOT)
    end = (
        reader.t("✅ Done by {by}.", by=reader.who(by))
        if carried_out
        else reader.t("❌ Left: {by}.", by=reader.who(by))
    )
    return Message("mod.plan", lines([head, end]), id=plan_id, state="done" if carried_out else "left")


def taken_back(reader: Reader, action: Action, by: str) -> Message:
    """Say that an action was taken back."""
    facts = _facts(reader, who=action.who, scope=action.scope, kind=action.kind)
    head = joined([reader.t(DONE[action.kind]), *facts], DOT)
    end = reader.t("↩️ Taken back by {by}.", by=reader.who(by))
    return Message("mod.done", lines([head, end]), id=action.id, state="undone")


def told(reader: Reader, action: Action, text: str) -> Message:
    """Tell the person: what, until when, why, and how to object."""
    t = reader.t
    parts = [t(text, where=reader.where(action.scope), until=reader.until(action.until))]
    if action.ended is None:
        parts.append(_because(reader, action.reason))
    if action.kind in APPEALABLE and action.ended is None:
        parts.append(
            t(
                "If you think that this is wrong: `{appeal}` and a few words, once. "
                "Another moderator looks at it.",
                appeal=f"{reader.prefix}appeal",
            )
        )
    return Message("mod.told", lines(parts), id=action.id, state=action.kind.value, loud=True)


def to_room(reader: Reader, action: Action) -> Message:
    """Tell a room what holds in it for everybody: never anything about a person."""
    t = reader.t
    match action.kind:
        case Kind.LOCK:
            body = t("🔒 Only moderators can write here until {until}.", until=reader.until(action.until))
        case Kind.SLOW if action.facts.get("seconds"):
            number = int(str(action.facts["seconds"]))
            body = t.plural(
                "🐢 Slow mode: one message per second from each of you, please.",
                "🐢 Slow mode: one message in {number} seconds from each of you, please.",
                number,
            )
        case Kind.SLOW:
            body = t("🐇 Slow mode is over.")
        case _:
            body = t("🔓 Everybody can write here again.")
    return Message("mod.room", lines([body, _because(reader, action.reason)]), state=action.kind.value)


# The log -----------------------------------------------------------------------------------------


def action_line(reader: Reader, action: Action) -> Rich:
    """One action on one line."""
    t = reader.t
    parts = [t(LABELS[action.kind]), *_facts(reader, who=None, scope=action.scope, kind=action.kind,
             seconds=action.facts.get("seconds", 0))]  # fmt: skip
    if action.until is not None:
        parts.append(t("until {until}", until=reader.until(action.until)))
    because = reader.reason(action.reason)
    return joined([*parts, because, t("by {by}", by=reader.who(action.by))], DOT)


def log(
    reader: Reader, actions: Sequence[Action], notes: Mapping[str, str], days: int, strikes: int | None
) -> Message:
    """What was done, newest first."""
    t = reader.t
    if not actions:
        return Message(
            "mod.log", t.plural("Nothing in the last day.", "Nothing in the last {number} days.", days)
        )
    rows = []
    for one in actions:
        when = verbatim(t.time(one.at, reader.now))
        parts = [
            when,
            reader.who(one.who) if one.who else Rich("", ""),
            action_line(reader, one),
            code(one.id),
        ]
        if one.ended is not None and one.ended_by not in (None, SYSTEM):
            parts.append(t("taken back by {by}", by=reader.who(one.ended_by or "")))
        row = joined(parts, DOT)
        rows.append(lines([row, verbatim(notes[one.id])]) if notes.get(one.id) else row)
    head = t.plural("**The last day**", "**The last {number} days**", days)
    count = Rich("", "") if strikes is None else t.plural("One strike.", "{number} strikes.", strikes)
    return Message("mod.log", lines([joined([head, count], DOT), bullets(rows)]))


# Answers -----------------------------------------------------------------------------------------

REFUSED: Mapping[str, str] = {
    "self": "Nobody moderates themselves: ask another moderator.",
    "bot": "That is a bot: nothing was done.",
    "needs-two": "That person moderates too: this needs two. Write `{p}mod …`, and a second one can agree.",
    "too-few": "That person moderates too: this needs two moderators, and there is no second one.",
    "settled": "Somebody was faster: this is settled already.",
    "gone": "I do not know that any more: it is settled, or too old.",
    "over": "That is over or taken back already.",
    "removed": "Removed messages cannot be brought back.",
    "own-action": "Another moderator has to decide this: it is about what you did.",
    "second": "This needs a second moderator: you have asked for it yourself.",
    "no-room": "I know no such room that exists.",
    "nothing-to-undo": "There is nothing of yours to take back.",
    "no-messages": "I know no messages of that person there: I remember 30 days.",
    "not-theirs": "There is nothing to lift: nothing holds against that person.",
}
APPEALS: Mapping[str, str] = {
    "sent": "⚖️ I have passed this on to the moderators. You will hear from me.",
    "again": "⚖️ You have appealed already: once is what there is.",
    "nothing": "⚖️ There is nothing that you could appeal against.",
    "kept": "⚖️ The moderators have looked at your appeal. It stays as it is.",
}


def refused(reader: Reader, code: str) -> Message:
    """Why something was not done."""
    return Message("error", reader.t(REFUSED[code], p=reader.prefix))


def appeal_answer(reader: Reader, code: str) -> Message:
    """What becomes of somebody's appeal."""
    return Message("mod.appeal", reader.t(APPEALS[code]))
