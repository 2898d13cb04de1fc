"""Pages by second channels, from the policy to the answer by SMS, on both databases.

What the bridges' other sides say is said here, through the host's own sink; tests/bridges has the real ones.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.consults.store import page_rows
from bot.kernel import bridging, inbox, outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.outbox import OutboxRow
from bot.settings import BridgeSettings
from bridges.contract import Inbound, Report, Stage
from bridges.host import DatabaseSink
from tests.support.ward import ANNA, BEN, MOD, QUESTION, REQ, Ward

ROSTER = """
[policies.cardiac]
stat = { tiers = [{ ask = "service", wait = "5m", channels = ["sms", "pager"] }] }

[services.cardiology]
name = "Cardiology"
on_call = ["@anna:hs", "@ben:hs"]
policy = "cardiac"

[services.surgery]
name = "Surgery"
on_call = ["@anna:hs"]
policy = "cardiac"

[clinicians."@anna:hs"]
name = "Dr Anna Berg"
sms = "+49 170 1234567"
pager = "5123"

[clinicians."@ben:hs"]
name = "Dr Ben Oak"

[clinicians."@req:hs"]
name = "Dr Rosa Quill"
"""
PHONE = "+491701234567"
DM_REQ, MODS = f"dm:{REQ}", "room:moderators"


class Channels:
    """The other sides of the bridges `sms` and `pager`."""

    def __init__(self, ward: Ward) -> None:
        self.ward = ward
        self.said = 0

    async def rows(self, bridge: str) -> list[OutboxRow]:
        """What waits for a bridge."""
        async with self.ward.db.read() as tx:
            return list((await outbox.due(tx, bridging.CHANNEL + bridge, "curbside")).rows)

    async def row(self, bridge: str) -> OutboxRow:
        rows = await self.rows(bridge)
        assert len(rows) == 1, [row.body["text"] for row in rows]
        return rows[0]

    async def takes(self, bridge: str) -> str:
        """It takes the one that waits; returns its id."""
        row = await self.row(bridge)
        async with self.ward.db.begin() as tx:
            await outbox.mark_sent(tx, row.id)
        await self.ward.settle()
        return row.id

    async def rejects(self, bridge: str, reason: str = "smsc") -> None:
        row = await self.row(bridge)
        async with self.ward.db.begin() as tx:
            await outbox.mark_failed(tx, row.id, reason)
        await self.ward.settle()

    async def reports(self, bridge: str, out: str, stage: Stage) -> bool:
        fresh = await DatabaseSink(self.ward.db, "curbside", bridge).report(Report(out, stage, "type-1"))
        await self.ward.settle()
        return fresh

    async def hears(self, text: str, address: str = PHONE, key: str = "") -> bool:
        """A telephone says something."""
        self.said += 1
        inbound = Inbound(key or f"mo-{self.said}", address, text)
        fresh = await DatabaseSink(self.ward.db, "curbside", "sms").received(inbound)
        await self.ward.settle()
        return fresh

    async def answer(self) -> str:
        """What is written back."""
        row = await self.row("sms")
        async with self.ward.db.begin() as tx:
            await outbox.mark_sent(tx, row.id)
        return str(row.body["text"])


@pytest.fixture
async def ward(db: Database, clock: ManualClock, tmp_path: Path) -> Ward:
    ward = Ward(db, clock, tmp_path)
    (tmp_path / "roster.toml").write_text(ROSTER, "utf-8")
    tables = {"sms": BridgeSettings(kind="kannel"), "pager": BridgeSettings(kind="snpp")}
    ward.house = replace(ward.house, settings=ward.house.settings.model_copy(update={"bridges": tables}))
    ward.restart(db)
    return ward


@pytest.fixture
def channels(ward: Ward) -> Channels:
    return Channels(ward)


async def _delivered(ward: Ward) -> bool:
    async with ward.db.read() as tx:
        rows = (await tx.conn.execute(page_rows.select())).all()
    return rows[0].delivered_at is not None


def _second_way(ward: Ward) -> str:
    """The one message that shows how the second channels fare."""
    found = [text for text in ward.texts(DM_REQ) if "second way" in text]
    assert len(found) == 1, ward.texts(DM_REQ)
    return found[0]


async def test_a_stat_page_goes_out_by_sms_and_is_accepted_by_sms(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    row = await channels.row("sms")
    assert row.body["address"] == "+49 170 1234567"
    assert (
        row.body["text"]
        == f"STAT: Cardiology, {ward.consult_id}. Reply 1 to accept, 2 to decline, or open Curbside."
    )
    assert "⏳ SMS to Dr Anna Berg: on its way" in _second_way(ward)
    out = await channels.takes("sms")
    assert await channels.reports("sms", out, Stage.UNDERWAY)
    assert await channels.reports("sms", out, Stage.DELIVERED)
    assert not await channels.reports("sms", out, Stage.DELIVERED)  # a peer may say it twice
    assert "✓ SMS to Dr Anna Berg: arrived" in _second_way(ward)
    assert "pager" not in _second_way(ward)
    assert await _delivered(ward)
    assert await channels.hears("1")
    assert await ward.state() == "accepted" or await ward.state() == "in-progress"
    assert await channels.answer() == f"{ward.consult_id}: you have it. The question is in Curbside."
    assert "Dr Anna Berg has accepted" in " ".join(ward.texts(DM_REQ))
    assert not await channels.rows("pager")
    assert "paging.report" not in await ward.timers()


async def test_what_is_rejected_goes_by_pager(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    await channels.rejects("sms")
    row = await channels.row("pager")
    assert row.body["address"] == "5123"
    assert row.body["text"] == f"STAT: Cardiology, {ward.consult_id}. Please open Curbside."
    out = await channels.takes("pager")
    await channels.reports("pager", out, Stage.TAKEN)
    assert "✗ SMS to Dr Anna Berg: could not be delivered" in _second_way(ward)
    assert "✓ pager to Dr Anna Berg: arrived" in _second_way(ward)
    assert "SMS to Dr Anna Berg could not be delivered (smsc)" in ward.last(MODS)
    told = len(ward.texts(MODS))
    await ward.asks("!consult surgery stat acute abdomen: who comes?")
    await channels.rejects("sms")
    assert len(ward.texts(MODS)) == told  # once a day


async def test_silence_goes_by_pager_and_what_never_left_is_taken_back(
    ward: Ward, channels: Channels
) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    await ward.passes(seconds=91)
    assert not await channels.rows("sms")
    await channels.row("pager")
    assert "✗ SMS to Dr Anna Berg: not needed any more" in _second_way(ward)
    assert "⏳ pager to Dr Anna Berg: on its way" in _second_way(ward)


async def test_a_late_report_counts(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    out = await channels.takes("sms")
    await ward.passes(seconds=91)
    assert "no confirmation yet" in _second_way(ward)
    await channels.reports("sms", out, Stage.DELIVERED)
    assert not await channels.rows("pager")  # not needed any more
    assert await _delivered(ward)


async def test_when_no_channel_is_left_the_moderators_know(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    await channels.rejects("sms")
    await channels.rejects("pager", "snpp-550")
    (told,) = [text for text in ward.texts(MODS) if ward.consult_id in text]
    assert "Dr Anna Berg" in told


async def test_whose_page_has_no_second_channel_is_asked_in_matrix_alone(
    ward: Ward, channels: Channels
) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    await ward.says(ANNA, "!decline C-ID busy")
    assert await channels.rows("sms") == []  # taken back: she has answered
    assert len(ward.texts(f"dm:{BEN}")) == 1  # he has neither number nor pager
    assert "Dr Ben Oak" in ward.last(MODS)


async def test_an_answer_in_matrix_spares_the_sms(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    await ward.taps(ANNA, "✅")
    assert not await channels.rows("sms")
    assert "✗ SMS to Dr Anna Berg: not needed any more" in _second_way(ward)
    assert "paging.report" not in await ward.timers()


async def test_a_decline_by_sms_asks_the_next(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    out = await channels.takes("sms")
    await channels.reports("sms", out, Stage.DELIVERED)
    await channels.hears("Nein")
    assert await channels.answer() == f"{ward.consult_id}: declined. The next one is asked."
    assert len(ward.texts(f"dm:{BEN}")) == 1


async def test_strangers_are_told_once_and_change_nothing(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    await channels.takes("sms")
    await channels.hears("1", "+4915200000")
    assert "on no roster" in await channels.answer()
    await channels.hears("1", "+4915200000")
    assert await channels.rows("sms") == []
    assert await ward.state() == "requested"


async def test_what_is_no_answer_changes_nothing(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    await channels.takes("sms")
    await channels.hears("1 but only in an hour")
    assert "did not understand" in await channels.answer()
    await channels.hears("what?")
    assert await channels.rows("sms") == []  # told once
    assert await ward.state() == "requested"


async def test_of_several_pages_one_has_to_be_named(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    await channels.takes("sms")
    first = ward.consult_id
    await ward.asks("!consult surgery stat acute abdomen: who comes?")
    await channels.takes("sms")
    await channels.hears("1")
    assert "Several pages wait" in await channels.answer()
    await channels.hears(f"1 {first.removeprefix('C-').lower()}")
    assert f"{first}: you have it." in await channels.answer()
    await channels.hears(f"1 {first}")
    assert first in await channels.answer()  # she has it already
    await channels.hears("1")
    assert "you have it" in await channels.answer()  # only the other one waits


async def test_an_answer_that_comes_twice_is_heard_once(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    await channels.takes("sms")
    assert await channels.hears("1", key="same")
    await channels.answer()
    assert not await channels.hears("1", key="same")
    assert await channels.rows("sms") == []


async def test_nobody_waits_for_an_answer_to_nothing(ward: Ward, channels: Channels) -> None:
    await channels.hears("1")
    assert "No page waits" in await channels.answer()


async def test_the_moderators_hear_of_a_bridge_out_of_reach(ward: Ward, channels: Channels) -> None:
    async with ward.db.begin() as tx:
        payload = {"bridge": "sms", "open": True, "reason": "unreachable"}
        await inbox.put(tx, inbox.Incoming("curbside", bridging.STATE, "sms 1", "bridge sms", payload))
    await ward.settle()
    assert "The bridge sms does not reach its other side" in ward.last(MODS)


async def test_no_number_stands_in_the_clear(ward: Ward, channels: Channels) -> None:
    await ward.asks(f"!consult cardiology stat {QUESTION}")
    await channels.hears("1 what", "+4915211111")
    async with ward.db.read() as tx:
        for table in (outbox.outbox_rows, inbox.inbox_entries):
            for row in (await tx.conn.execute(table.select())).all():
                clear = " ".join(str(value) for value in row if isinstance(value, str))
                assert "1234567" not in clear and "15211111" not in clear
    assert MOD in ward.house.settings.moderators
