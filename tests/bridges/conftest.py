"""The real peers of the bridges, each started once; a house whose process may be killed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from tests.support.bridge_process import House
    from tests.support.kannel import Kannel
    from tests.support.snpp import Terminal

OpenHouse = Callable[..., Awaitable["House"]]


@pytest.fixture(scope="session")
async def gateway() -> "AsyncIterator[Kannel]":
    """Kannel with its fake message centre."""
    from tests.support.kannel import kannel

    async with kannel() as running:
        yield running


@pytest.fixture(scope="session")
async def pagers() -> "AsyncIterator[Terminal]":
    """HylaFAX as a paging terminal."""
    from tests.support.snpp import terminal

    async with terminal() as running:
        yield running


@pytest.fixture
async def open_house(tmp_path: Path) -> "AsyncIterator[OpenHouse]":
    """`await open_house(bridges, url=…)`: a migrated database and its process, not started yet."""
    from tests.support.bridge_process import House

    opened: list[House] = []
    one_at_a_time = asyncio.Lock()  # Alembic has one context for the whole process

    async def make(bridges: dict[str, dict[str, object]], *, url: str | None = None) -> House:
        folder = tmp_path / uuid4().hex[:8]
        folder.mkdir()
        house = House(url or f"sqlite+aiosqlite:///{folder / 'curbside.db'}", folder, bridges)
        opened.append(house)
        async with one_at_a_time:
            await house.open()
        return house

    yield make
    for house in opened:
        await house.close()
