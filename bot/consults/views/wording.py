"""The words for states, outcomes and refusals: message ids by what the rules say."""

from __future__ import annotations

from collections.abc import Mapping

from bot.consults.model import Expects, Outcome, State, Urgency

URGENCIES: Mapping[Urgency, str] = {
    Urgency.STAT: "STAT",
    Urgency.URGENT: "URGENT",
    Urgency.ROUTINE: "Routine",
}
EXPECTS: Mapping[Expects, str] = {
    Expects.FYI: "for your information only",
    Expects.ACTION: "what to do",
    Expects.CONCERN: "your view on a concern",
    Expects.STAT: "a reply at once",
}
STATES: Mapping[State, str] = {
    State.REQUESTED: "being asked",
    State.UNSTAFFED: "nobody has it yet, the moderators know",
    State.ACCEPTED: "accepted, the room is being made",
    State.IN_PROGRESS: "in progress",
    State.ON_HOLD: "waits for information from the requester",
    State.ANSWERED: "answered, waits for the read-back",
    State.COMPLETED: "closed",
    State.CANCELLED: "cancelled",
    State.EXPIRED: "expired",
    State.ENTERED_IN_ERROR: "entered in error",
}
OUTCOMES: Mapping[Outcome, str] = {
    Outcome.WAITING: "asked",
    Outcome.ACKNOWLEDGED: "has seen it",
    Outcome.MISSED: "no answer",
    Outcome.FAILED: "not reached",
    Outcome.DECLINED: "declined",
    Outcome.ACCEPTED: "accepted",
    Outcome.OFF_DUTY: "off duty by now",
    Outcome.WITHDRAWN: "withdrawn",
}
REFUSALS: Mapping[str, str] = {
    "unknown": "I know no consult **{id}**. `{p}consults` lists yours.",
    "own": "**{id}** is the requester’s own question: somebody else has to answer it. "
    "To name somebody: `{p}handoff {id} @colleague`.",
    "not-asked": "You are not asked for **{id}**. `{p}consults` lists those that you are asked for.",
    "declined": "You have declined **{id}** already; the next one is being asked. "
    "If you can take it after all, please tell {requester}.",
    "off-duty": "Your duty ended before you answered **{id}**: whoever came on is asked instead. "
    "If you can take it, please tell {requester}.",
    "taken": "**{id}** is already taken by {consultant}. There is nothing for you to do.",
    "yours": "You have **{id}** already. To answer: `{p}answer {id} …`.",
    "hand-off": "**{id}** is in your care. To pass it on: `{p}handoff {id} @colleague`.",
    "theirs": "{consultant} has **{id}** already. To name somebody else: `{p}handoff {id} @colleague`.",
    "being-asked": "That colleague is being asked for **{id}** right now. Please wait for the answer.",
    "acknowledged": "I know already that you have seen **{id}**. To take it: `{p}accept {id}`.",
    "not-acknowledged": "**{id}** is not marked as seen by you. To take it: `{p}accept {id}`.",
    "not-accepted": "Nobody has accepted **{id}** yet. To take it: `{p}accept {id}`.",
    "not-answered": "**{id}** has no answer yet. To withdraw it: `{p}cancel {id}`.",
    "answered": "**{id}** is answered already and waits for the read-back: `{p}close {id} …`.",
    "not-yours": "**{id}** is not in your care. `{p}consults` lists yours.",
    "not-requester": "Only {requester}, who asked, can do that with **{id}**.",
    "accepted": "{consultant} has **{id}** already, so it stays as it was asked. "
    "To add something: `{p}info {id} …`.",
    "there-already": "That colleague is with **{id}** already.",
    "no-room": "**{id}** has no room to which I could add somebody. "
    "To pass it on: `{p}handoff {id} @colleague`.",
    "elsewhere": "Another hospital has **{id}**, and decides itself who sees to it. "
    "To withdraw it: `{p}cancel {id}`.",
    "open": "**{id}** is still open: there is nothing to reopen. `{p}consults` lists yours.",
    "too-old": "**{id}** ended too long ago to be reopened. Please ask anew: `{p}consult`.",
    "completed": "**{id}** is closed. To go on with it: `{p}reopen {id}`.",
    "cancelled": "**{id}** was cancelled. To ask again: `{p}reopen {id}`.",
    "expired": "**{id}** has expired. To ask again: `{p}reopen {id}`.",
    "entered-in-error": "**{id}** was entered in error: nothing can be done with it. "
    "To ask anew: `{p}consult`.",
    "stale": "That came too late for **{id}**. `{p}consults` shows how it stands.",
}
NOTHING: Mapping[str, str] = {
    "accept": "Nobody asks you for a consult at the moment. `{p}consults` lists yours.",
    "decline": "Nobody asks you for a consult at the moment. `{p}consults` lists yours.",
    "ack": "Nobody asks you for a consult at the moment. `{p}consults` lists yours.",
    "unack": "You have marked no consult as seen. `{p}consults` lists yours.",
    "answer": "You have no consult in your care. `{p}consults` lists yours.",
    "interim": "You have no consult in your care. `{p}consults` lists yours.",
    "handoff": "You have no consult in your care. `{p}consults` lists yours.",
    "add": "You have no consult to which you could add somebody. `{p}consults` lists yours.",
    "info": "You have no consult about which you could ask or tell more. `{p}consults` lists yours.",
    "close": "None of your consults waits for your read-back. `{p}consults` lists yours.",
    "cancel": "You have no open consult. `{p}consults` lists yours.",
    "reopen": "None of your consults ended lately. To ask anew: `{p}consult`.",
    "error": "You have asked for no consult lately. `{p}consults` lists yours.",
    "survey": "I ask you nothing about a consult at the moment.",
}
