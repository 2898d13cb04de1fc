"""The composition root: the one place that knows everybody and puts the house together."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from functools import partial
from importlib.metadata import entry_points

from aiohttp import web

from bot.cases import CASES
from bot.cases.accountability.capability import ACCOUNTS
from bot.cases.thread.capability import THREADS
from bot.chat import CHAT
from bot.chat.capability import Capability, Worker
from bot.chat.deidentifying import Deidentifier, shipped
from bot.chat.desk import Desk, House
from bot.chat.dispatch import Dispatcher
from bot.chat.fetching import Fetcher
from bot.chat.i18n import Texts
from bot.consults import CONSULTS, watch
from bot.consults.between.capability import BETWEEN
from bot.consults.export.capability import EXPORT
from bot.consults.paging.capability import PAGING
from bot.consults.stats.capability import STATS
from bot.deid import versions
from bot.directory.capability import DIRECTORY
from bot.directory.hospital.capability import HOSPITALS
from bot.directory.hospital.service import TOPICS as HOSPITAL_TOPICS
from bot.directory.hospitals import HospitalBook
from bot.directory.moderators import MODERATOR_POWER, MODERATORS_ROOM
from bot.directory.profiles.erasing import Erasers
from bot.directory.roster import RosterFile
from bot.directory.service import hospitals_of
from bot.kernel import inbox, outbox, timers
from bot.kernel.clock import Clock, SystemClock
from bot.kernel.db import Database, Tx
from bot.kernel.engine import Engine, backoff
from bot.kernel.errors import CurbsideError
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import Outgoing
from bot.kernel.sealing import KeyRing
from bot.kernel.timers import Timer
from bot.matrix.bot import BotAccount
from bot.matrix.fetching import MediaFetcher
from bot.matrix.http import MatrixError, open_session
from bot.matrix.reports import REPORTS
from bot.matrix.roomindex.store import RoomIndex
from bot.matrix.sync import EVENT_TOPIC, LEFT_TOPIC
from bot.oncall import ONCALL
from bot.rooms.admission import ROOMS
from bot.rooms.asking import ASKS
from bot.rooms.file import NetworkFile
from bot.rooms.moderation import MODERATION
from bot.rooms.moderation.lists.capability import LISTS
from bot.rooms.moderation.lists.service import PolicyBooks
from bot.rooms.moderation.retention.capability import RETENTION
from bot.rooms.watching import WATCH
from bot.settings import Settings
from bot.web.calls import bridge_calls
from bot.web.health import BotState, Health, bots_probe, bridges_probe, problem_probe, work_probe
from bot.web.server import WebServer
from bridges.host import Bridging
from bridges.making import make as make_the_bridges

log = logging.getLogger(__name__)

ROLES = ("sync", "worker", "web")
_DRAIN_SECONDS = 10.0
_LEAVE_SECONDS = 5.0  # for what is being de-identified, of which nothing is kept
_DAY = timedelta(days=1)
_WORKED = timedelta(minutes=2)  # a worker that worked for so long starts again at once


def capabilities() -> tuple[Capability, ...]:
    """Our own features, then those of outside packages (entry point `curbside.capabilities`)."""
    outside = []
    for point in entry_points(group="curbside.capabilities"):
        found = point.load()
        if not isinstance(found, Capability):
            raise CurbsideError(f"The entry point {point.name} of curbside.capabilities is no Capability.")
        outside.append(found)
    rooms = (ROOMS, MODERATION, LISTS, RETENTION, REPORTS, ASKS, WATCH)
    consults = (CONSULTS, BETWEEN, PAGING, STATS, EXPORT)
    cases = (CASES, ACCOUNTS, THREADS)  # before the consults, which ask for what every file is
    return (CHAT, DIRECTORY, HOSPITALS, ONCALL, *cases, *consults, *rooms, *outside)


def open_database(settings: Settings, clock: Clock | None = None) -> Database:
    """The database of these settings, with its at-rest keys."""
    keys = KeyRing.load(settings.path(settings.at_rest_keys))
    settings.path(settings.data_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
    return Database(settings.database_url, clock or SystemClock(), keys)


def make_house(settings: Settings, known: Sequence[Capability], roster: RosterFile) -> House:
    """What every use case is handed."""
    bot_users = {name: account.user_id for name, account in settings.bots.items()}
    folders = [capability.locale for capability in known if capability.locale is not None]
    return House(
        settings,
        Texts(folders),
        RoomIndex(bot_users),
        bot_users,
        HospitalBook(settings),
        {
            RosterFile: roster,
            NetworkFile: NetworkFile(settings.path(settings.network), settings.language),
            PolicyBooks: PolicyBooks(),
            Erasers: Erasers([one.erase for one in known if one.erase is not None]),
            Deidentifier: Deidentifier(shipped, versions=versions.shipped),
            Fetcher: Fetcher(MediaFetcher(settings).fetch),
        },
    )


def make_bridges(settings: Settings) -> Bridging:
    """The bridges of these settings; a wrong option is one sentence."""
    tables = {name: bridge.model_dump() for name, bridge in settings.bridges.items()}
    return make_the_bridges(tables, list(settings.bots), settings.base)


class Curbside:
    """The running program: accounts, engine and web server, by role."""

    def __init__(
        self, settings: Settings, database: Database, roles: Collection[str], bots: Collection[str]
    ) -> None:
        self._settings = settings
        self._database = database
        self._roles = roles
        # Alone, we are woken by our own commits; beside others, we look for theirs.
        self._poll = 5.0 if {"sync", "worker"} <= set(roles) else 0.25
        self._bots = [name for name in settings.bots if name in bots]
        self._capabilities = capabilities()
        self._roster = RosterFile(settings.path(settings.roster), settings.timezone)
        self._house = make_house(settings, self._capabilities, self._roster)
        self._bridging = make_bridges(settings)
        self._hospitals = hospitals_of(self._house)
        self._dispatcher = Dispatcher(self._house, self._capabilities)
        self._engine = Engine(
            database, on_entry=self._on_entry, on_timer=self._on_timer, gave_up=self._gave_up, poll=self._poll
        )
        self._topics = {topic: run for one in self._capabilities for topic, run in one.topics.items()}
        self._topics[LEFT_TOPIC] = self._left
        self._timers = {kind: run for one in self._capabilities for kind, run in one.timers.items()}
        self._accounts: list[BotAccount] = []
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT, then finish what is in hand."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        async with self._database.read() as tx:
            await self._hospitals.refresh(tx)  # nobody is heard before it is known who may be
        async with open_session() as session:
            if "sync" in self._roles:
                self._accounts = [
                    BotAccount(
                        name,
                        self._settings,
                        self._database,
                        session,
                        self._hospitals,
                        poll=self._poll,
                    )
                    for name in self._bots
                ]
            tasks = [asyncio.create_task(account.run()) for account in self._accounts]
            beside = [asyncio.create_task(self._hospitals.keep(self._database, self._look_at_inbox))]
            engine = None
            if "worker" in self._roles:
                await self._set_daily()
                await self._ensure_moderators_room()
                engine = asyncio.create_task(self._engine.run())
                beside += [
                    asyncio.create_task(self._keep_working(worker))
                    for capability in self._capabilities
                    for worker in capability.workers
                ]
                bridging = self._bridging.run(self._database, poll=min(1.0, self._poll))
                beside.append(asyncio.create_task(bridging))
            server = (
                WebServer(self._settings.web, self._health(), self._database, self._pages())
                if "web" in self._roles
                else None
            )
            try:
                if server is not None:
                    await server.start()
                await self._stop.wait()
                await self._drain(engine)
            finally:
                await _cancel([*tasks, *beside, *([engine] if engine else [])])
                if server is not None:
                    await server.stop()
                await self._house.part(Deidentifier).threads.ended(_LEAVE_SECONDS)

    async def _drain(self, engine: asyncio.Task[None] | None) -> None:
        log.info("stopping: finishing what is in hand")
        self._engine.drain()
        if engine is not None:
            await asyncio.wait([engine], timeout=_DRAIN_SECONDS)
        await asyncio.gather(*(account.drain(_DRAIN_SECONDS) for account in self._accounts))

    async def _keep_working(self, worker: Worker) -> None:
        """Run a capability's worker; one that fails is started again."""
        failures = 0
        while True:
            began = self._database.clock.now()
            try:
                await worker(self._house, self._database)
            except Exception as error:
                failures = 1 if self._database.clock.now() - began > _WORKED else failures + 1
                log.error("a worker failed and starts again", exc_info=error)
                await asyncio.sleep(backoff(failures, first=0.5, most=60).total_seconds())
            else:
                return

    def _look_at_inbox(self) -> None:
        """Hospitals changed, in another process perhaps: what follows from it waits in the inbox."""
        self._database.wakeups.event("inbox").set()

    def _pages(self) -> list[web.RouteDef]:
        """What capabilities add to the web server."""
        return [
            web.route(route.method, route.path, partial(route.handler, self._house, self._database))
            for capability in self._capabilities
            for route in capability.routes
        ] + [bridge_calls(self._bridging, self._database)]

    def _health(self) -> Health:
        health = Health()
        health.add("database", work_probe(self._database, self._settings.health))
        health.add("bots", bots_probe(self._bot_states, self._database.clock))
        health.add("bridges", bridges_probe(self._database, self._bridging.bridges))
        health.add("consults", watch.probe(self._database))
        health.add("roster", problem_probe(self._roster_problem))
        health.add("network", problem_probe(self._network_problem))
        return health

    def _bot_states(self) -> list[BotState]:
        return [BotState(one.name, one.stopped, one.last_sync) for one in self._accounts]

    def _roster_problem(self) -> str | None:
        error = self._roster.error
        return None if error is None else f"The roster is broken: {error}"

    def _network_problem(self) -> str | None:
        error = self._house.part(NetworkFile).error
        return None if error is None else f"The network file is broken: {error}"

    # Handlers ------------------------------------------------------------------------------------

    async def _on_entry(self, tx: Tx, entry: InboxEntry) -> None:
        if entry.topic in HOSPITAL_TOPICS:
            await self._hospitals.refresh(tx)
        if entry.topic == EVENT_TOPIC:
            await self._dispatcher.handle(tx, entry)
        elif (handler := self._topics.get(entry.topic)) is not None:
            await handler(Desk(self._house, tx, entry.bot), entry)
        else:
            log.error("nobody handles this topic", extra={"topic": entry.topic})

    async def _gave_up(self, tx: Tx, entry: InboxEntry) -> None:
        if entry.topic == EVENT_TOPIC:
            await self._dispatcher.failed(tx, entry)

    async def _on_timer(self, tx: Tx, timer: Timer) -> None:
        if timer.kind == "daily":
            await self._daily(tx)
        elif (handler := self._timers.get(timer.kind)) is not None:
            bot_name = str(timer.facts.get("bot") or next(iter(self._settings.bots)))
            await handler(Desk(self._house, tx, bot_name), timer)
        else:
            log.error("nobody handles this timer", extra={"kind": timer.kind})

    # Housekeeping --------------------------------------------------------------------------------

    async def _set_daily(self) -> None:
        async with self._database.begin() as tx:
            if not await timers.is_set(tx, "daily", "house"):
                await self._next_daily(tx)

    async def _next_daily(self, tx: Tx) -> None:
        tomorrow = (tx.now + _DAY).replace(hour=3, minute=17, second=0, microsecond=0)
        await timers.set_timer(tx, "daily", "house", tomorrow)

    async def _daily(self, tx: Tx) -> None:
        """Forget what is old, and let every capability do its daily work."""
        await inbox.purge(tx)
        await outbox.purge(tx)
        for capability in self._capabilities:
            if capability.daily is not None:
                await capability.daily(Desk(self._house, tx, next(iter(self._settings.bots))))
        await self._next_daily(tx)

    async def _ensure_moderators_room(self) -> None:
        """Make the moderators' room on the first start; give those added since their place and power."""
        name, moderators = next(iter(self._settings.bots)), self._settings.moderators
        async with self._database.begin() as tx:
            facts = await self._house.rooms.facts(tx, name, MODERATORS_ROOM)
            if facts is None:
                await self._make_moderators_room(tx)
                return
            missing = [user for user in moderators if user not in facts.members]
            outs = [Outgoing(name, MODERATORS_ROOM, "invite", {"user_id": user}) for user in missing]
            if any(facts.power.get(user, 0) < MODERATOR_POWER for user in moderators):
                least = dict.fromkeys(moderators, MODERATOR_POWER)
                outs.append(Outgoing(name, MODERATORS_ROOM, "levels", {"least": least}))
            await outbox.put_all(tx, outs)

    async def _make_moderators_room(self, tx: Tx) -> None:
        name, moderators = next(iter(self._settings.bots)), self._settings.moderators
        if not moderators or await outbox.is_pending(tx, name, MODERATORS_ROOM, "create"):
            return
        room_name = f"Curbside moderators · {self._settings.hospital}"
        body = {"name": room_name, "invite": list(moderators), "power": {"users_default": 0}}
        least = dict.fromkeys(moderators, MODERATOR_POWER)
        create = Outgoing(name, MODERATORS_ROOM, "create", body)
        await outbox.put_all(tx, [create, Outgoing(name, MODERATORS_ROOM, "levels", {"least": least})])

    async def _left(self, desk: Desk, _entry: InboxEntry) -> None:
        """A bot is in a room no longer: the moderators' room is made anew at once."""
        name = next(iter(self._settings.bots))
        if desk.bot == name and await self._house.rooms.facts(desk.tx, name, MODERATORS_ROOM) is None:
            log.warning("the moderators' room is lost and made anew", extra={"bot": name})
            desk.tx.audit("system", "moderators.room.lost", self._house.bot_users[name])
            await self._make_moderators_room(desk.tx)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def key_status(settings: Settings) -> list[str]:
    """What people's clients show about the bots, in words."""
    return await _for_each_bot(settings, lambda account: account.key_status())


async def bootstrap_keys(settings: Settings, reset: bool) -> list[str]:
    """Set up cross-signing for every bot; with `reset` make new identities."""
    return await _for_each_bot(settings, lambda account: account.bootstrap_keys(reset=reset))


async def _for_each_bot(
    settings: Settings, ask: Callable[[BotAccount], Awaitable[tuple[str, ...]]]
) -> list[str]:
    database = open_database(settings)
    said: list[str] = []
    try:
        async with open_session() as session:
            for name in settings.bots:
                try:
                    said += await ask(BotAccount(name, settings, database, session, HospitalBook(settings)))
                except MatrixError as error:
                    raise CurbsideError(
                        f"{settings.homeserver} does not answer as it should ({error})."
                    ) from None
    finally:
        await database.close()
    return said


async def run(settings: Settings, roles: Collection[str] = ROLES, bots: Collection[str] = ()) -> None:
    """Run the bots (all of them by default) in these roles until a signal ends the process."""
    unknown = [name for name in bots if name not in settings.bots]
    if unknown:
        raise CurbsideError(f"--bots: there is no bot called {unknown[0]} in the settings.")
    database = open_database(settings)
    try:
        await Curbside(settings, database, roles, bots or list(settings.bots)).run()
    finally:
        await database.close()
