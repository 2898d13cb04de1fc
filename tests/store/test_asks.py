"""Curbside questions: hypothetical, in a specialty room, answers brought to whoever asked, never the rota."""

from pathlib import Path

import pytest

from bot.chat import CHAT
from bot.chat.desk import Desk
from bot.chat.dispatch import Dispatcher
from bot.kernel import outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.inbox import InboxEntry
from bot.rooms.asking import ASKS
from bot.rooms.asking.store import ask_rows
from bot.rooms.moderation import MODERATION
from tests.support.hall import ADA, BEN, BRAIN, EVE, HEART, MIRA, Hall

DM_EVE = f"dm:{EVE}"
TEXT = "How long do you wait with anticoagulation after a small bleed?"
NETWORK = """
name = "Lakeland"
[templates.default]
level = "L0"
join = "knock"
[spaces.medicine]
name = "Medicine"
level = "L0"
rooms = ["cardiology", "neurology"]
[rooms.cardiology]
name = "Cardiology"
level = "L2"
[rooms.neurology]
name = "Neurology"
name_de = "Neurologie"
"""


class Corridor(Hall):
    """A hall in which people may ask."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path) -> None:
        super().__init__(db, clock, folder)
        (folder / "network.toml").write_text(NETWORK, "utf-8")
        self.dispatcher = Dispatcher(self.house, [CHAT, MODERATION, ASKS])
        self.broken = False

    async def _entry(self, tx: Tx, entry: InboxEntry) -> None:
        topic = ASKS.topics.get(entry.topic)
        if topic is not None:
            await topic(Desk(self.house, tx, entry.bot), entry)
        else:
            await super()._entry(tx, entry)

    async def _deliver(self) -> bool:
        if self.broken:
            async with self.db.begin() as tx:
                for row in (await outbox.due(tx, outbox.MATRIX, "curbside")).rows:
                    if row.room.startswith("room:network/"):
                        await outbox.mark_failed(tx, row.id, "M_FORBIDDEN")
        return await super()._deliver()

    async def asks(self, text: str = f"!ask neurology {TEXT}", user: str = EVE) -> None:
        await self.says(user, text, f"dm:{user}")

    async def answers(self, user: str, text: str) -> None:
        """Somebody answers the last question in its thread."""
        event = self.chat(BRAIN)[-1][0] if "Curbside" in self.last(BRAIN) else self.chat(BRAIN)[0][0]
        relation = {"rel_type": "m.thread", "event_id": event}
        await self.says(user, text, BRAIN, **{"m.relates_to": relation})

    async def count(self) -> int:
        async with self.db.read() as tx:
            return len((await tx.conn.execute(ask_rows.select())).all())


@pytest.fixture
async def corridor(db: Database, clock: ManualClock, tmp_path: Path) -> Corridor:
    corridor = Corridor(db, clock, tmp_path)
    await corridor.open()
    return corridor


async def test_a_question_its_answers_and_thanks(corridor: Corridor) -> None:
    await corridor.asks()
    shown = corridor.last(BRAIN)
    assert "from Dr Eve Stone" in shown and TEXT in shown
    assert "Hypothetical, not a consult: nobody is on call for this" in shown
    assert "is in Neurology. It is no consult" in corridor.last(DM_EVE)
    await corridor.answers(ADA, "Two weeks, then CT.")
    told = corridor.last(DM_EVE)
    assert "Dr Ada Reed answers in Neurology" in told and "Two weeks, then CT." in told
    await corridor.taps(EVE, "✅", DM_EVE)
    assert "Dr Eve Stone thanks you: solved" in corridor.last(BRAIN)
    assert "is solved; the room knows" in corridor.last(DM_EVE)
    await corridor.says(EVE, "!solved", DM_EVE)
    assert "no question of yours that waits" in corridor.last(DM_EVE)
    assert any("ask.posted" in line for line in await corridor.audit())


async def test_the_tap_under_the_question_is_the_askers_alone(corridor: Corridor) -> None:
    await corridor.asks()
    await corridor.taps(BEN, "✅", BRAIN)
    assert len(corridor.texts(BRAIN)) == 1
    await corridor.taps(EVE, "✅", BRAIN)
    assert "solved" in corridor.last(BRAIN)


async def test_what_the_asker_says_themselves_and_talk_beside_is_not_brought_back(corridor: Corridor) -> None:
    await corridor.asks()
    await corridor.answers(EVE, "to be clear: lobar")
    await corridor.says(ADA, "coffee?", BRAIN)
    assert len(corridor.texts(DM_EVE)) == 1


async def test_an_order_or_an_identifier_is_not_posted(corridor: Corridor) -> None:
    await corridor.asks("!ask neurology please order a CT head")
    assert "reads like an order" in corridor.last(DM_EVE) and "!consult" in corridor.last(DM_EVE)
    await corridor.asks("!ask neurology Mr Miller has a small bleed: when to anticoagulate?")
    assert "it seems to hold a patient’s name" in corridor.last(DM_EVE)
    assert corridor.texts(BRAIN) == []
    assert await corridor.count() == 0


async def test_the_room_is_named_in_any_language_and_asked_for_when_missing(corridor: Corridor) -> None:
    await corridor.asks("!frage Neurologie Wie lange warten?")
    assert "Wie lange warten?" in corridor.last(BRAIN)
    await corridor.asks("!ask")
    assert "Which specialty do you want to ask?" in corridor.last(DM_EVE)
    await corridor.says(EVE, "neurolgy", DM_EVE)
    assert "Neurology" in corridor.last(DM_EVE)
    await corridor.says(EVE, "neurology", DM_EVE)
    await corridor.says(EVE, TEXT, DM_EVE)
    assert TEXT in corridor.last(BRAIN)


async def test_who_may_not_be_in_a_room_cannot_speak_there_through_the_bot(corridor: Corridor) -> None:
    await corridor.asks("!ask cardiology Which rate control?")
    assert "Nothing was posted in Cardiology" in corridor.last(DM_EVE)
    assert "It needs L2" in corridor.last(DM_EVE)
    await corridor.says(MIRA, f"!mod mute {EVE} neurology 1h", "room:moderators")
    await corridor.asks()
    assert "Nothing was posted in Neurology" in corridor.last(DM_EVE)
    assert corridor.texts(HEART) == []
    assert await corridor.count() == 0


async def test_not_too_many_an_hour(corridor: Corridor) -> None:
    for number in range(7):
        await corridor.asks(f"!ask neurology question {number}?")
    assert "many questions for one hour" in corridor.last(DM_EVE)
    assert await corridor.count() == 6


async def test_what_could_not_be_posted_is_told(corridor: Corridor) -> None:
    corridor.broken = True
    await corridor.asks()
    assert "could not be posted in Neurology" in corridor.last(DM_EVE)


async def test_others_solve_nothing(corridor: Corridor) -> None:
    await corridor.asks()
    async with corridor.db.read() as tx:
        one = (await tx.conn.execute(ask_rows.select())).one()
    await corridor.says(ADA, f"!solved {one.id}", f"dm:{ADA}")
    assert "no question of yours" in corridor.last(f"dm:{ADA}")
    await corridor.says(EVE, "!solved Q-0000", DM_EVE)
    assert "no question of yours" in corridor.last(DM_EVE)
