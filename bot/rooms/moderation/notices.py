"""What the moderators' room reads by itself: reports, spam, rushes, appeals, each with what one tap does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote

from bot.chat.message import Message
from bot.chat.rich import Rich, lines, verbatim
from bot.rooms.moderation.model import Action, Report
from bot.rooms.moderation.views import Reader, action_line

SPAM: Mapping[str, str] = {
    "copies": "the same text in several rooms",
    "repeats": "the same text again and again",
    "flood": "many messages within seconds",
    "mentions": "many people mentioned at once",
    "links": "many links, and newly arrived",
    "chorus": "one text from many newcomers",
}
VERDICTS: Mapping[str, str] = {
    "redact": "🗑️ removed",
    "mute": "🔇 muted",
    "warn": "⚠️ warned",
    "ban": "🚫 banned from the room",
    "fine": "✅ nothing wrong",
}


# Reports -----------------------------------------------------------------------------------------


def message_link(reader: Reader, room_id: str, event_id: str) -> Rich:
    """A link that opens a message in any Matrix client (appendices, "matrix.to navigation")."""
    place = "/".join(quote(part, safe="!:$") for part in (room_id, event_id))
    url = f"https://matrix.to/#/{place}?via={quote(reader.server, safe=':[]')}"
    shown = reader.t("Open the message").plain
    return Rich(f"{shown}: {url}", f'<a href="{url}">{shown}</a>')


def report(reader: Reader, report: Report, scope: str, mute: timedelta) -> Message:
    """Show a reported message to the moderators, with what one tap does."""
    t = reader.t
    head = t("🚩 **Reported** · {who} · {where}", who=reader.who(report.who), where=reader.where(scope))
    times = t.plural("By one person.", "By {number} people.", report.count)
    taps = [
        t("🗑️ remove it"),
        t("🔇 mute for {span}", span=t.span(mute)),
        t("⚠️ warn"),
        t("🚫 ban from the room"),
        t("✅ nothing wrong"),
    ]
    go = f"mod tap report {report.id}"
    buttons = {
        "🗑️": f"{go} redact", "🔇": f"{go} mute", "⚠️": f"{go} warn", "🚫": f"{go} ban", "✅": f"{go} fine",
    }  # fmt: skip
    body = lines([head, times, message_link(reader, report.room_id, report.event_id), *taps])
    return Message(
        "mod.report", body, id=report.id, state="open", seq=report.count, buttons=buttons, loud=True
    )


def settled_report(reader: Reader, report: Report, scope: str, by: str, verdict: str) -> Message:
    """What the moderators' message says once a report is settled."""
    t = reader.t
    head = t("🚩 **Reported** · {who} · {where}", who=reader.who(report.who), where=reader.where(scope))
    end = t("{verdict} · {by}", verdict=t(VERDICTS[verdict]), by=reader.who(by))
    return Message("mod.report", lines([head, end]), id=report.id, state="settled", seq=report.count)


def to_reporter(reader: Reader, what: str) -> Message:
    """One line to whoever reported."""
    t = reader.t
    match what:
        case "thanks":
            body = t("🚩 Thank you: the moderators look at it. Nobody else learns that you told them.")
        case "acted":
            body = t("🚩 The moderators have looked at your report, and have acted. Thank you.")
        case "fine":
            body = t(
                "🚩 The moderators have looked at your report and found nothing that they had to act on."
            )
        case _:
            body = t(
                "🚩 I did not pass this report on: there were many, or the last ones were without cause. "
                "If it is serious, write to a moderator."
            )
    return Message("mod.report", body)


# Spam --------------------------------------------------------------------------------------------


def spam(reader: Reader, action: Action, code: str) -> Message:
    """Tell the moderators whom the bot has muted by itself, and why."""
    t = reader.t
    head = t(
        "🤖 **Muted automatically** · {who} · {where} · until {until}",
        who=reader.who(action.who or ""),
        where=reader.where(action.scope),
        until=reader.until(action.until),
    )
    why = t("Looks like spam: {why}.", why=t(SPAM[code]))
    taps = [t("↩️ lift it"), t("🗑️ remove the messages"), t("🚫 ban everywhere")]
    buttons = {
        "↩️": f"mod undo {action.id}",
        "🗑️": f"mod tap clean {action.id}",
        "🚫": f"mod tap next {action.id} ban",
    }
    body = lines([head, why, *taps])
    return Message("mod.spam", body, id=action.id, state=action.kind.value, buttons=buttons, loud=True)


def spam_told(reader: Reader, action: Action) -> Message:
    """Tell whoever looked like a spammer."""
    return Message(
        "mod.told",
        reader.t(
            "🔇 That was a lot at once, so I have muted you until {until}. The moderators can lift it.",
            until=reader.until(action.until),
        ),
        id=action.id,
        state=action.kind.value,
    )


def slowed(reader: Reader, scope: str, seconds: int, wait: timedelta) -> Message:
    """Tell somebody that slow mode has removed their message."""
    return Message(
        "mod.told",
        reader.t(
            "🐢 {where} is in slow mode: one message in {seconds} s. I removed your last one, sent too soon; "
            "please send it again in {wait} s.",
            where=reader.where(scope),
            seconds=seconds,
            wait=int(wait.total_seconds()) + 1,
        ),
        state="slow",
    )


# Rushes ------------------------------------------------------------------------------------------


def storm(reader: Reader, scope: str, waiting: int, *, on: bool, choice: str = "", by: str = "") -> Message:
    """The one message about a rush: edited as it grows, and when it is over."""
    t = reader.t
    head = t("🌪️ **Many people come into {where} at once**", where=reader.where(scope))
    if choice:
        decided = {"in": t("✅ let in"), "out": t("⛔ refused"), "over": t("over by itself")}[choice]
        end = t("{decided} · {by}", decided=decided, by=reader.who(by)) if by else decided
        return Message("mod.storm", lines([head, end]), state="settled")
    parts = [
        head,
        t.plural(
            "**One** waits: mute, or not let in yet.", "**{number}** wait: mute, or not let in yet.", waiting
        ),
        t("It goes on.") if on else t("It is quiet now; they still wait for you."),
        t("✅ let them in · ⛔ refuse them all · 🔒 lock the room"),
    ]
    return Message("mod.storm", lines(parts), state="open" if on else "quiet", seq=waiting, loud=True)


def storm_buttons(key: str) -> dict[str, str]:
    """What a tap on the message about a rush does."""
    go = f"mod tap storm {key}"
    return {"✅": f"{go} in", "⛔": f"{go} out", "🔒": f"{go} lock"}


# Appeals -----------------------------------------------------------------------------------------


def appeal(reader: Reader, action: Action, text: Rich) -> Message:
    """An appeal, to the moderators."""
    t = reader.t
    head = t(
        "⚖️ **Appeal** · {who} · {what}", who=reader.who(action.who or ""), what=action_line(reader, action)
    )
    go = f"mod tap appeal {action.id}"
    taps = t("✅ lift it · ❌ keep it. Not by whoever decided first, if there is another moderator.")
    buttons = {"✅": f"{go} lift", "❌": f"{go} keep"}
    return Message(
        "mod.appeal", lines([head, text, taps]), id=action.id, state="open", buttons=buttons, loud=True
    )


def settled_appeal(reader: Reader, action: Action, by: str, *, lifted: bool) -> Message:
    """How an appeal ended, to the moderators."""
    head = reader.t(
        "⚖️ **Appeal** · {who} · {what}", who=reader.who(action.who or ""), what=verbatim(action.id)
    )
    end = (
        reader.t("✅ lifted · {by}", by=reader.who(by))
        if lifted
        else reader.t("❌ kept · {by}", by=reader.who(by))
    )
    return Message("mod.appeal", lines([head, end]), id=action.id, state="lifted" if lifted else "kept")
