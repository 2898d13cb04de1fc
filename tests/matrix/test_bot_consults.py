"""Consults as people live them: asked, passed on, missed, taken late; power cuts in the middle."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.dev.clinician import Event
from bot.dev.synapse import Homeserver
from tests.support.people import PATIENCE_S, Person, Stage, open_stage, ours, thread_of

QUESTION = "new AF, rate 140, BP 95/60: cardiovert or rate control?"


@pytest.fixture(scope="module")
async def stage(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(homeserver, tmp_path_factory.mktemp("consults")) as stage:
        yield stage


async def ask(
    person: Person, service: str, urgency: str = "urgent", question: str = QUESTION
) -> tuple[str, Event]:
    """Ask for a consult in the direct chat; returns its id and the bot's first word on it."""
    first = await person.asks(f"!consult {service} {urgency} {question}")
    return str(ours(first)["id"]), first


async def page_of(person: Person, consult: str) -> Event:
    return await person.client.wait_for(
        lambda event: (
            ours(event).get("kind") == "consult.page"
            and ours(event).get("id") == consult
            and "m.new_content" not in event["content"]
        ),
        timeout=PATIENCE_S,
    )


async def in_room(person: Person, consult: str) -> Event:
    """The question as posted in the consult's room."""
    return await person.client.wait_for(
        lambda event: (ours(event).get("kind"), ours(event).get("id")) == ("consult.question", consult),
        timeout=PATIENCE_S,
    )


def steps(person: Person, root: str) -> list[tuple[str, str]]:
    """What stands in a thread: kind and state of each of the bot's messages."""
    return [
        (ours(event)["kind"], ours(event).get("state", ""))
        for event in person.messages()
        if thread_of(event) == root
    ]


async def test_a_whole_consult(stage: Stage) -> None:
    ada = await stage.person("ada", on_roster=True)
    bela = await stage.person("bela", on_roster=True)
    service = stage.service([bela], name="Cardiology A", name_de="Kardiologie A")
    consult, first = await ask(ada, service)
    root = thread_of(first)
    assert root is not None and "Dr Bela" in first["content"]["body"]
    page = await page_of(bela, consult)
    assert QUESTION in page["content"]["body"] and page["encrypted"]
    assert page["content"]["msgtype"] == "m.text"  # it rings
    await bela.sees_button(page, "❌")
    await bela.taps(page, "✅")
    await bela.sees_edit(page, "you accepted")
    opening = await in_room(bela, consult)
    room = opening["room_id"]
    assert opening["encrypted"] and QUESTION in opening["content"]["body"]
    await in_room(ada, consult)
    answer = await bela.asks("!answer rate control first: metoprolol 5 mg", "metoprolol", room=room)
    assert ours(answer)["kind"] == "consult.answer"
    told = await ada.reads("metoprolol", kind="consult.answer", room=room)
    await ada.reads("metoprolol", kind="consult.answer", room=await ada.chat())
    await ada.says("!close metoprolol now, shock if she worsens", room)
    assert told["encrypted"]
    await bela.reads("shock if she worsens", room=page["room_id"])
    await bela.reads(f"{consult} is closed", room=room)
    await ada.reads("is closed. Thank you", room=await ada.chat())
    await ada.reads("three taps", kind="consult.survey", room=await ada.chat())
    assert steps(ada, root) == [
        ("consult.state", "requested"),
        ("consult.state", "accepted"),  # edited when the room was ready
        ("consult.answer", "answered"),
        ("consult.state", "completed"),
        ("consult.survey", "completed"),
    ]
    seqs = [ours(event)["seq"] for event in ada.messages() if thread_of(event) == root]
    assert seqs == sorted(seqs)
    names = [event["content"]["name"] for event in ada.client.events if event["type"] == "m.room.name"]
    assert names == [f"Consult {consult} · Cardiology A"]
    assert all(event["encrypted"] for event in (*ada.messages(), *bela.messages()))


async def test_nobody_answers_then_the_moderators_and_a_late_accept(stage: Stage) -> None:
    ada, first, second = await stage.people("ada", "first", "second")
    service = stage.service([first, second], timer="2s", name="Nephrology A")
    consult, asked = await ask(ada, service, "stat")
    root = str(thread_of(asked))
    await page_of(first, consult)
    await page_of(second, consult)
    alarm = await stage.moderator.client.wait_for(
        lambda event: (ours(event).get("kind"), ours(event).get("id")) == ("consult.unstaffed", consult),
        timeout=PATIENCE_S,
    )
    text = alarm["content"]["body"]
    assert alarm["encrypted"] and text.count("no answer") == 2 and QUESTION not in text
    told = await ada.reads("nobody could take it", kind="consult.unstaffed")
    assert "phone" in told["content"]["body"] and told["content"]["msgtype"] == "m.text"
    late = await page_of(first, consult)
    await first.taps(late, "✅")  # late is better than never
    await in_room(ada, consult)
    await stage.moderator.reads(f"{consult}: {first.user_id} has accepted", after=0)
    await second.sees_edit(await page_of(second, consult), "nothing to do")
    assert [state for _kind, state in steps(ada, root)][:2] == ["requested", "unstaffed"]


async def test_a_moderator_takes_what_nobody_is_on_call_for(stage: Stage) -> None:
    ada = await stage.person()
    service = stage.service([], name="Toxicology A")
    consult, told = await ask(ada, service)
    assert "nobody is on call" in told["content"]["body"]
    alarm = await stage.moderator.reads(consult, kind="consult.unstaffed", after=0)
    await stage.moderator.taps(alarm, "✅")
    await in_room(ada, consult)
    await stage.moderator.says(
        "!answer call the poison centre", (await in_room(stage.moderator, consult))["room_id"]
    )
    await ada.reads("poison centre", kind="consult.answer")


async def test_declined_with_a_reason_then_handed_on(stage: Stage) -> None:
    ada, first, second, third = await stage.people("ada", "first", "second", "third")
    service = stage.service([first, second], name="Surgery A")
    consult, asked = await ask(ada, service)
    page = await page_of(first, consult)
    await first.asks(f"!decline {consult} in theatre until noon", "you declined", room=page["room_id"])
    await ada.sees_edit(asked, "declined (in theatre until noon)")
    await first.sees_edit(page, "you declined")
    page = await page_of(second, consult)
    await second.asks("accept", room=page["room_id"], reply_to=page["event_id"])
    room = (await in_room(second, consult))["room_id"]
    await second.asks(f"!handoff {third.user_id}", "Until they accept", room=room)
    page = await page_of(third, consult)
    await third.taps(page, "✅")
    await third.client.wait_for(
        lambda event: event["room_id"] == room and ours(event).get("kind") == "consult.question",
        timeout=PATIENCE_S,
    )
    await second.reads("has taken over", after=0)
    assert "not in your care" in (await second.asks(f"!answer {consult} mine", room=room))["content"]["body"]
    await third.asks("!answer theirs", "theirs", room=room)
    await ada.reads("theirs", kind="consult.answer")


async def test_a_cancelled_consult_leaves_no_page_behind(stage: Stage) -> None:
    ada, bela = await stage.people("ada", "bela")
    service = stage.service([bela], name="Radiology A")
    consult, _asked = await ask(ada, service, "routine")
    page = await page_of(bela, consult)
    listed = await ada.asks("!consults", consult)
    assert "Requested by you" in listed["content"]["body"]
    await ada.asks("!cancel", f"{consult} is cancelled")
    await bela.sees_edit(page, "cancelled")
    mark = bela.client.bookmark()
    await bela.taps(page, "✅")
    await bela.reads("was cancelled", after=mark)
    await ada.asks("!consults", "no open consult")


async def test_a_power_cut_during_escalation_stops_no_timer(stage: Stage) -> None:
    ada, first, second = await stage.people("ada", "first", "second")
    service = stage.service([first, second], timer="3s", name="Haematology A")
    consult, _asked = await ask(ada, service)
    await page_of(first, consult)
    stage.running.kill()
    await asyncio.sleep(3.2)  # the timer runs out while nobody is there to see it
    await stage.restart()
    page = await page_of(second, consult)
    stage.running.kill()
    await stage.restart()
    await second.taps(page, "✅")
    await in_room(ada, consult)
    await in_room(second, consult)
    pages = [
        event
        for event in first.messages()
        if ours(event).get("kind") == "consult.page" and ours(event).get("id") == consult
    ]
    assert len(pages) == 1


GERMAN = "Z. n. TAVI, neuer AV-Block III°: Schrittmacher heute?"


async def test_everything_in_german(stage: Stage) -> None:
    ada, bela, cora = await stage.people("ada", "bela", "cora")
    service = stage.service([bela, cora], name="Rhythmology A", name_de="Rhythmologie A")
    await asyncio.gather(*(person.asks("!language deutsch", "Deutsch") for person in (ada, bela, cora)))
    consult, _first = await ask(ada, "Rhythmologie-A", "dringend", GERMAN)
    await bela.taps(await page_of(bela, consult), "❌")
    page = await page_of(cora, consult)
    assert "Rhythmologie A" in page["content"]["body"] and GERMAN in page["content"]["body"]
    await cora.asks("annehmen", room=page["room_id"], reply_to=page["event_id"])
    room = (await in_room(cora, consult))["room_id"]
    await cora.asks("!antwort ja, heute noch", "heute noch", room=room)
    await ada.reads("heute noch", kind="consult.answer", room=room)
    await ada.asks("!schließen Schrittmacher heute", "geschlossen", room=room)
    await cora.reads("geschlossen", room=page["room_id"], after=0)
    await ada.asks("!konsile", "kein offenes Konsil")
    await ada.asks("!konsil", "Welche", room=None)
    await ada.asks("abbrechen", "nichts getan")
    await ada.asks("!hilfe", "Bereitschaft")
    english = (
        "You",
        "you ",
        " the ",
        " has ",
        "accept",
        "declin",
        "asking",
        "answer ",
        "closed",
        "room",
        "please",
    )
    for person in (ada, bela, cora):
        for body in [*person.bodies(), *_edits(person)]:
            plain = re.sub(r"!\w+", "", body)  # commands stay what they are
            assert not [word for word in english if word in plain and not plain.startswith("!")], body
    assert service


def _edits(person: Person) -> list[Any]:
    return [
        event["content"]["m.new_content"]["body"]
        for event in person.client.events
        if event["sender"] == person.bot and "m.new_content" in event["content"]
    ]
