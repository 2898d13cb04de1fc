"""A case without names: what the bot takes out, who reads it, and an answer that nobody can trace."""

from __future__ import annotations

from bot.dev.answers import API, quoted
from bot.dev.story import Cast, Person, heading, remark


async def a_case_without_names(cast: Cast) -> None:
    """From the preview over a correction to the room; an answer in its thread, and the author's own."""
    heading("A case without names")
    remark(
        "Eve asks her colleagues about a patient. The bot takes out what names somebody and shows her the "
        "rest; nothing is posted before her ✅, and the room reads it from a made-up name."
    )
    eve = await cast.enter("Eve Holm", "north", specialty="cardiology")
    jon = await cast.enter("Jon Berg", "north", specialty="internal medicine")
    await jon.types("!join cards")
    await jon.taps(await jon.reads("No patient names"), "✅")
    await jon.reads("You are invited", kind="rooms.invited")
    for person in (eve, jon):
        await _is_in(cast, person, "cardiology")

    await eve.types(
        "!case cardiology Mr Miller, 91, lighthouse keeper from Ashford, on apixaban: third fall since "
        "14 March. CT at St Mary's was normal. Stop it?"
    )
    await eve.reads("Not posted yet", kind="case.preview")
    await eve.types("!remove lighthouse keeper")
    await eve.taps(await eve.reads("Not posted yet", kind="case.preview"), "✅")
    post = await jon.reads("Stop it?", kind="case.post", where="Cardiology", ever=True)
    case = str(post["content"]["org.curbside"]["id"])
    thread = f"thread of {case}"

    await jon.types("Why does he fall? Any syncope?", post["room_id"], thread, thread=post["event_id"])
    await eve.reads("Any syncope?", kind="case.reply")
    await eve.types(f"!reply {case} None. Mr Miller trips over his dog.")
    await eve.taps(await eve.reads("over his dog", kind="case.preview"), "✅")
    await jon.reads("over his dog", kind="case.said", where=thread)


async def _is_in(cast: Cast, person: Person, room: str) -> None:
    """Return once an invited person's client has joined a room of North Hospital."""
    alias = f"#{room}:{cast.hospital('north')['server_name']}"
    answer = await person.client.request("GET", f"{API}/directory/room/{quoted(alias)}")
    await person.client.join(str(answer["room_id"]))
