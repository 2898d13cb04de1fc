"""A hall in which people write cases: the workers are run by hand, the engine is one that tests can bend."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.cases import CASES
from bot.cases import store as cases
from bot.cases.accountability.capability import ACCOUNTS
from bot.cases.drafting import working
from bot.cases.model import Case, State
from bot.cases.store import case_rows
from bot.cases.thread.capability import THREADS
from bot.cases.thread.saying import service as saying
from bot.cases.thread.saying import working as replies
from bot.chat import CHAT, filing
from bot.chat.capability import Capability
from bot.chat.deidentifying import Deidentifier
from bot.chat.desk import Desk
from bot.chat.dispatch import Dispatcher
from bot.chat.fetching import Fetcher, Unfetched
from bot.chat.i18n import Texts
from bot.deid.files.model import Cleaned, CleanFile, Counts
from bot.deid.model import Kind, Quasi, Result, Span, Tier
from bot.kernel import outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Sealed, Tx, metadata
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer
from bot.rooms.moderation import MODERATION
from bot.settings import CaseSettings
from tests.support.hall import BRAIN, EVE, MODS, Hall
from tests.support.logged import Listening

CAPABILITIES: tuple[Capability, ...] = (CHAT, CASES, THREADS, ACCOUNTS, MODERATION)
DM_EVE = f"dm:{EVE}"
NETWORK = """
name = "Lakeland"
[templates.default]
level = "L0"
join = "knock"
[spaces.medicine]
name = "Medicine"
rooms = ["cardiology", "neurology"]
[rooms.cardiology]
name = "Cardiology"
level = "L2"
[rooms.neurology]
name = "Neurology"
name_de = "Neurologie"
"""
NAMES = {"Miller": Kind.NAME, "Ashford": Kind.PLACE, "Quill": Kind.CLINICIAN, "4711": Kind.RECORD}
UNSURE = {"Rose": Kind.NAME}
CASE = "Mr Miller from Ashford fell again, Rose found him: stop the DOAC?"
CLEAN = "Mr [NAME] from [PLACE] fell again, [NAME] found him: stop the DOAC?"
SECRETS = ("Miller", "Ashford")


class WordEngine:
    """An engine that finds the words it is told; `trouble` is called before each look."""

    def __init__(self) -> None:
        self.versions = {"engine": "1", "model": "words"}
        self.trouble: Callable[[str], None] = lambda _text: None
        self.seen = 0

    def find(self, said: str, language: str | None = None, *, default: str = "en") -> Result:
        """As the engine does."""
        self.seen += 1
        self.trouble(said)
        found = [
            (match.start(), match.end(), kind, tier)
            for words, tier in ((NAMES, Tier.CERTAIN), (UNSURE, Tier.UNCERTAIN))
            for word, kind in words.items()
            for match in re.finditer(rf"\b{re.escape(word)}\b", said, re.IGNORECASE)
        ]
        spans = tuple(
            Span(start, end, kind, tier, f"[{kind.value.upper()}]", number, "word")
            for number, (start, end, kind, tier) in enumerate(sorted(found), 1)
        )
        shown, at = "", 0
        for span in spans:
            shown += said[at : span.start] + span.replacement
            at = span.end
        place = said.find("only trapeze artist")
        hints = () if place < 0 else (Quasi(place, place + 19, "rare job"),)
        return Result(shown + said[at:], spans, hints, language or default, dict(self.versions))

    def proven(self, said: str) -> tuple[Span, ...]:
        """As the engine does."""
        return self.find(said).spans


class Cleaner:
    """A cleaner that tests can bend: by default it gives back other bytes and one picture."""

    def __init__(self) -> None:
        self.trouble: Callable[[], None] = lambda: None

    def __call__(self, _engine: Any, data: bytes, _type: str, _name: str, _language: str) -> Any:
        self.trouble()
        clean = CleanFile(b"CLEAN" + bytes(len(data)), "image/png", 10, 10, "picture-1.png")
        both = CleanFile(b"LEFT:" + data + b"|RIGHT", "image/jpeg", 20, 10, "both.jpg")
        return Cleaned("png", (clean,), (both,), Counts())


class CaseStage(Hall):
    """A hall with cases: files that were sent stand in `files` as (room, name, type, bytes)."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path, **settings: Any) -> None:
        super().__init__(db, clock, folder)
        self.folder = folder
        (folder / "network.toml").write_text(NETWORK, "utf-8")
        self.finder: Any = WordEngine()
        self.media: dict[str, bytes] = {}
        self.files: list[tuple[str, str, str, bytes]] = []
        self.broken: set[str] = set()  # rooms that nothing reaches
        self.too_large: bytes | None = None  # files that begin so are not taken by the homeserver
        folders = [one.locale for one in CAPABILITIES if one.locale is not None]
        settings_of = self.settings.model_copy(update={"cases": CaseSettings(**settings)})
        self.house = replace(self.house, settings=settings_of, texts=Texts(folders))
        self.restart(db)

    def restart(self, db: Database) -> None:
        """The same database under a new process."""
        self.db = db
        self.deidentifier = Deidentifier(lambda: self.finder)
        parts = {**self.house.parts, Deidentifier: self.deidentifier, Fetcher: Fetcher(self._fetch)}
        self.house = replace(self.house, parts=parts)
        self.dispatcher = Dispatcher(self.house, CAPABILITIES)
        self.engine = type(self.engine)(db, on_entry=self._entry, on_timer=self._timer, gave_up=self._gave_up)

    async def _fetch(self, _db: Database, _bot: str, content: Mapping[str, Any], most: int) -> bytes:
        data = self.media.get(content["file"]["url"])
        if data is None:
            raise Unfetched("gone")
        return data[:most]

    # What people do ------------------------------------------------------------------------------

    async def writes(self, words: str, user: str = EVE, **content: Any) -> str:
        """Somebody writes to the bot alone, and what is ordered is made."""
        event = await self.says(user, words, f"dm:{user}", **content)
        await self.works()
        return event

    async def edits(self, event: str, words: str, user: str = EVE) -> None:
        """Somebody corrects their message."""
        relation = {"rel_type": "m.replace", "event_id": event}
        new = {"msgtype": "m.text", "body": words}
        await self.writes(f"* {words}", user, **{"m.new_content": new, "m.relates_to": relation})

    async def presses(self, key: str, room: str = DM_EVE, user: str = EVE) -> None:
        """Somebody presses a button, and what is ordered is made."""
        await self.taps(user, key, room)
        await self.works()

    async def sends_file(
        self, name: str, data: bytes | None, mimetype: str = "image/png", user: str = EVE
    ) -> str:
        """Somebody posts a file to the bot alone; None: one that the homeserver has no longer."""
        url = f"mxc://hs/{name.replace('.', '')}"
        if data is not None:
            self.media[url] = data
        file = {
            "url": url, "iv": "aXY", "v": "v2", "hashes": {"sha256": "aGFzaA"},
            "key": {"k": "a2V5", "kty": "oct", "alg": "A256CTR", "ext": True, "key_ops": ["decrypt"]},
        }  # fmt: skip
        content = {
            "msgtype": "m.image", "body": name, "filename": name, "file": file,
            "info": {"mimetype": mimetype, "size": len(data or b"")},
        }  # fmt: skip
        event = await self.hears(user, f"dm:{user}", "m.room.message", content)
        await self.works()
        return event

    async def works(self) -> None:
        """The worker makes what is ordered, and it is delivered."""
        while await working.make_one(self.house, self.db) or await filing.make_one(
            self.house, self.db, saying.CHANNEL, replies.make
        ):
            pass
        await self.settle()

    # What there is -------------------------------------------------------------------------------

    async def case(self) -> Case:
        """The newest case."""
        async with self.db.read() as tx:
            query = case_rows.select().order_by(case_rows.c.created_at.desc(), case_rows.c.id)
            row = (await tx.conn.execute(query)).first()
            assert row is not None
            found = await cases.case(tx, row.id)
        assert found is not None
        return found

    async def traces(self, words: str) -> list[str]:
        """Where these words still are: in any table, sealed or not, in any file of the data directory."""
        found = await kept(self.db, words)
        if self.db.is_sqlite:
            self._checkpoint()
        needle = words.encode()
        return found + [
            file.name for file in self.folder.rglob("*") if file.is_file() and needle in file.read_bytes()
        ]

    def _checkpoint(self) -> None:
        with self.db.engine.connect() as conn:
            conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    # Behind the scenes ---------------------------------------------------------------------------

    async def _entry(self, tx: Tx, entry: InboxEntry) -> None:
        topics = {topic: run for one in CAPABILITIES for topic, run in one.topics.items()}
        if entry.topic in topics:
            await topics[entry.topic](Desk(self.house, tx, entry.bot), entry)
        else:
            await self.dispatcher.handle(tx, entry)

    async def _timer(self, tx: Tx, timer: Timer) -> None:
        timers = {kind: run for one in CAPABILITIES for kind, run in one.timers.items()}
        await timers[timer.kind](Desk(self.house, tx, "curbside"), timer)

    async def _deliver(self) -> bool:
        async with self.db.begin() as tx:
            for row in (await outbox.due(tx, outbox.MATRIX, "curbside")).rows:
                if row.room in self.broken:
                    await outbox.mark_failed(tx, row.id, "M_FORBIDDEN")
                elif "file" in row.body:
                    file, data = row.body["file"], base64.b64decode(row.body["file"]["data"])
                    name = row.body["content"]["filename"]
                    if self.too_large is not None and data.startswith(self.too_large):
                        await outbox.mark_failed(tx, row.id, "M_TOO_LARGE")
                        return True
                    self.files.append((row.room, name, file["mimetype"], data))
        return await super()._deliver()


async def kept(db: Database, words: str) -> list[str]:
    """The columns of a database that hold these words, once opened."""
    async with db.begin() as tx:
        return [
            f"{table.name}.{name}"
            for table in metadata.sorted_tables
            for row in (await tx.conn.execute(table.select())).all()
            for name in _holding(tx, table, row, words)
        ]


def _holding(tx: Tx, table: Any, row: Any, words: str) -> Iterable[str]:
    """The columns of a row that hold these words, once opened."""
    for column in table.columns:
        value = getattr(row, column.name)
        if isinstance(column.type, Sealed) and value is not None:
            (key,) = table.primary_key.columns
            value = json.dumps(tx.open(column, getattr(row, key.name), value), ensure_ascii=False)
        if words.casefold() in str(value).casefold():
            yield column.name


async def leaves_nothing(stage: CaseStage, logged: Listening | None = None) -> None:
    """No word of the original is anywhere but in the author's own chat, which the homeserver keeps."""
    for secret in SECRETS:
        assert await stage.traces(secret) == []
        assert not any(secret in text for room in (BRAIN, MODS) for text in stage.texts(room))
        assert logged is None or not any(secret in line for line in logged.lines)


async def posts_it(stage: CaseStage) -> None:
    """From here on all works: the case is posted as it was previewed."""
    assert "Preview of K-" in stage.last(DM_EVE)
    await stage.presses("✅")
    assert [CLEAN in text for text in stage.texts(BRAIN)] == [True]
    assert (await stage.case()).state is State.POSTED
