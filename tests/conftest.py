"""Real servers for the tests. Each starts when a test first asks for it, once per pytest-xdist worker."""

import asyncio
import atexit
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import hypothesis
import pytest

# How fast an example runs is not what a test is for, least of all on a busy machine.
hypothesis.settings.register_profile("curbside", deadline=None)
hypothesis.settings.load_profile("curbside")

if TYPE_CHECKING:
    from bot.dev.clinician import Clinician
    from bot.dev.synapse import Homeserver, HomeserverGroup
    from tests.support.gates import GatedFederation
    from tests.support.postgres import Postgres
    from tests.support.proxy import FaultProxy


# The longest files go first, so that no worker is left alone with them at the end.
_LONGEST_FIRST = ("federation", "chaos", "sim", "matrix", "directory", "bridges", "toolkit", "store", "unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start homeservers before those that need none; within a folder as they were."""
    place = {folder: index for index, folder in enumerate(_LONGEST_FIRST)}
    here = Path(__file__).parent
    items.sort(key=lambda item: place.get(item.path.relative_to(here).parts[0], len(place)))


_LAST_S = 0.5  # for a homeserver to end, seconds: nobody needs its data afterwards


@contextmanager
def _running(directory: Path, *names: str) -> "Iterator[HomeserverGroup]":
    from bot.dev.synapse import HomeserverGroup

    with _started(HomeserverGroup.create(directory, names)) as group:
        yield group


@contextmanager
def _started(group: "HomeserverGroup") -> "Iterator[HomeserverGroup]":
    # Synapse outlives its starter by design: also when the run is broken off it must not stay.
    atexit.register(group.stop, timeout=_LAST_S)
    try:
        group.start()
        yield group
    finally:
        group.stop(timeout=_LAST_S)
        atexit.unregister(group.stop)


@pytest.fixture(scope="session")
def homeserver_group(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[HomeserverGroup]":
    """One Synapse, named "solo", shared by all tests of the worker; for those that restart it."""
    with _running(tmp_path_factory.mktemp("homeserver"), "solo") as group:
        yield group


@pytest.fixture(scope="session")
def homeserver(homeserver_group: "HomeserverGroup") -> "Homeserver":
    """One Synapse without rate limits, shared by all tests of the worker."""
    return homeserver_group["solo"]


@pytest.fixture(scope="session")
def gated_federation(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[GatedFederation]":
    """Three Synapses that federate, named "north", "south" and "east", through gates that can be cut."""
    from tests.support.gates import make_gated

    gated = make_gated(tmp_path_factory.mktemp("network"), "north", "south", "east")
    try:
        with _started(gated.group):
            yield gated
    finally:
        for gate in gated.gates.values():
            gate.close()


@pytest.fixture(scope="session")
def federation(gated_federation: "GatedFederation") -> "HomeserverGroup":
    """Three Synapses that federate, named "north", "south" and "east"."""
    return gated_federation.group


@pytest.fixture(scope="session")
async def postgres() -> "AsyncIterator[Postgres]":
    """A PostgreSQL; `await postgres.create_database()` gives the URL of an empty database."""
    from tests.support.postgres import Postgres, PostgresUnavailableError

    try:
        server = await Postgres.start()
    except PostgresUnavailableError as error:
        pytest.skip(str(error))
    atexit.register(server.stop)
    try:
        yield server
    finally:
        server.stop()
        atexit.unregister(server.stop)


@pytest.fixture
async def clinician(tmp_path: Path) -> "AsyncIterator[Callable[..., Awaitable[Clinician]]]":
    """`await clinician(homeserver, name="ada", url=proxy.url, **options of Clinician.start)`.

    Registers a user (a random suffix keeps names apart) and starts a client, which is closed after the test.
    """
    from bot.dev.clinician import Clinician
    from bot.dev.synapse import register_user

    made: list[Clinician] = []

    async def make(
        server: "Homeserver", name: str = "clinician", *, url: str | None = None, **options: Any
    ) -> Clinician:
        localpart = f"{name}-{uuid4().hex[:8]}"
        account = await register_user(server, localpart, uuid4().hex, displayname=name.capitalize())
        person = await Clinician.start(
            url or server.url,
            account.user_id,
            tmp_path / localpart,
            access_token=account.access_token,
            device_id=account.device_id,
            **options,
        )
        made.append(person)
        return person

    try:
        yield make
    finally:
        await asyncio.gather(*(person.close() for person in made))


@pytest.fixture
async def proxy() -> "AsyncIterator[Callable[..., Awaitable[FaultProxy]]]":
    """`await proxy(homeserver.url, seed=0)` gives a `FaultProxy` in front of it, closed after the test."""
    from tests.support.proxy import FaultProxy

    async with AsyncExitStack() as stack:

        async def make(target: str, *, seed: int = 0) -> FaultProxy:
            return await stack.enter_async_context(FaultProxy(target, seed=seed))

        yield make


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the simulation has gone through, so that every seed can be run again."""
    for report in terminalreporter.getreports("passed"):
        for name, line in report.user_properties:
            if name == "simulation":
                terminalreporter.write_line(f"simulation: {line}")
