"""What the bots refuse: devices nobody vouches for, too much at once. Never in silence."""

from collections.abc import AsyncIterator

import pytest

from bot.dev.synapse import Homeserver
from tests.support.people import PATIENCE_S, Stage, open_stage, ours


@pytest.fixture(scope="module")
async def stage(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The trust policy that a hospital starts with, and five commands a minute."""
    async with open_stage(
        homeserver,
        tmp_path_factory.mktemp("strict"),
        trust='users_without_identity = "withhold"',
        limits="commands_per_minute = 5",
    ) as stage:
        yield stage


async def test_an_unsigned_device_gets_a_notice_and_the_next_one_the_page(stage: Stage) -> None:
    ada = await stage.person("ada")
    unsigned = await stage.person("uri", cross_sign=False)
    signed = await stage.person("sina")
    service = stage.service([unsigned, signed], timer="30m", name="Oncology S")
    first = await ada.asks(f"!consult {service} stat neutropenic fever: which antibiotics?", "asking")
    consult = ours(first)["id"]
    # Half an hour has not passed: what cannot be read is not waited for.
    page = await signed.reads("neutropenic fever", kind="consult.page", after=0)
    assert page["encrypted"]
    await ada.sees_edit(first, "not reached")
    notice = await unsigned.reads("not verified", kind="withheld", after=0)
    assert not notice["encrypted"]
    assert "neutropenic" not in str(notice["content"]) and consult not in str(notice["content"])
    assert unsigned.client.device_id in notice["content"]["body"]
    told = await stage.moderator.reads("was withheld", kind="withheld", after=0)
    assert unsigned.client.device_id in told["content"]["body"] and told["encrypted"]
    await stage.moderator.reads(f"{consult}: the page to {unsigned.user_id} could not be delivered", after=0)
    assert not [event for event in unsigned.messages() if event["encrypted"]]


async def test_whoever_asks_from_an_unsigned_device_is_told_why_there_is_no_answer(stage: Stage) -> None:
    unsigned = await stage.person("ulla", cross_sign=False)
    await unsigned.says("!ping secret")
    notice = await unsigned.reads("verify", kind="withheld", after=0)
    assert not notice["encrypted"] and "secret" not in str(notice["content"])
    await unsigned.client.wait_for(
        lambda event: event["sender"] == stage.bot and event["undecrypted"], timeout=PATIENCE_S
    )


async def test_too_much_at_once_is_told_once(stage: Stage) -> None:
    ada, bela = await stage.people("ada", "bela")
    for number in range(5):
        await ada.asks(f"!ping {number}", f"pong {number}")
    for number in range(5, 9):
        await ada.says(f"!ping {number}")
    told = await ada.reads("a lot at once", after=0)
    assert ours(told)["kind"] == "limit" and "minute" in told["content"]["body"]
    await bela.asks("!ping mine", "pong mine")
    assert len([body for body in ada.bodies() if "at once" in body]) == 1
    # Where a clock minute begins in between, the sliding one is reckoned to within one.
    assert len([body for body in ada.bodies() if body.startswith("pong")]) in (5, 6)
