"""A mischievous provider, and a house that trusts it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.kernel.clock import ManualClock
from tests.directory.mischief import Mischief, mischief
from tests.directory.stage import SignInStage, sign_in_stage


@pytest.fixture
async def provider() -> AsyncIterator[Mischief]:
    async with mischief() as running:
        yield running


@pytest.fixture
async def make_stage(tmp_path: Path, provider: Mischief) -> AsyncIterator[Callable[..., Any]]:
    """`await make_stage(**settings of verification.oidc)`."""
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> SignInStage:
            return await stack.enter_async_context(sign_in_stage(tmp_path, provider.url, **options))

        yield make


@pytest.fixture
async def stage(make_stage: Callable[..., Any]) -> SignInStage:
    return await make_stage()


class SetClock(ManualClock):
    """A clock that begins where another one stands."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))


@pytest.fixture
def clock() -> SetClock:
    return SetClock()
