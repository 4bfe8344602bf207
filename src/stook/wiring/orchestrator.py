"""The workers of a process, from start to stop."""

from __future__ import annotations

import asyncio
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from stook.core.errors import ConfigError, OptionError
from stook.core.moments import seconds_of
from stook.wiring.moment import Moment
from stook.wiring.stop_signals import stop_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.core.moments import Duration
    from stook.wiring.crew import Crew, Staff
    from stook.wiring.operating import Operating
    from stook.wiring.portal import Portal
    from stook.worker.meter import Meter

__all__ = ["BlockingOrchestrator", "Orchestrator", "OrchestratorInfo"]

Until = Literal["idle", "fixpoint"]
_State = Literal["new", "starting", "running", "stopping", "stopped"]


@dataclass(frozen=True, slots=True)
class OrchestratorInfo:
    """`version` is the package's, `migration_number` the newest schema it knows; `shutdown_signal` the name of what
    asked it to stop, `EPIPE` for a broken pipe."""

    id: str
    version: str
    migration_number: int
    worker_count: int
    is_running: bool
    is_shutting_down: bool
    is_stopped: bool
    shutdown_signal: str | None


class Orchestrator:
    """Made by `App.orchestrator`. Its calls may come from any event loop; its workers run on the app's own.

    `failure` is what made it stop by itself: the store refused, or a newer stook wants to change it."""

    def __init__(
        self,
        app: Operating,
        staffs: Callable[[], Sequence[Staff]],
        *,
        meter: Meter | None = None,
        grace: float | None = None,
    ) -> None:
        self._app = app
        self._staffs = staffs
        self._meter = meter
        self._grace = grace
        self._id = secrets.token_hex(8)
        self._turn = threading.Lock()
        self._state: _State = "new"
        self._crew: tuple[Crew, Portal] | None = None
        self._started, self._stopped = Moment(), Moment()
        self._signal: str | None = None
        self._count = 0
        self.failure: BaseException | None = None
        self.on_signal: Callable[[str], object] | None = None
        """Called by `run`, once, with the name of what asks it to stop."""

    @property
    def sync(self) -> BlockingOrchestrator:
        """Its coroutines, blocking."""
        return BlockingOrchestrator(self)

    @property
    def started(self) -> Moment:
        """`await orchestrator.started`: its workers claim."""
        return self._started

    @property
    def stopped(self) -> Moment:
        """`await orchestrator.stopped`: of the start before it, if there was one."""
        return self._stopped

    @property
    def info(self) -> OrchestratorInfo:
        from stook import __version__  # noqa: PLC0415 - of the whole package, which imports this
        from stook.wiring.open_store import known_schema  # noqa: PLC0415 - loads the stores

        return OrchestratorInfo(
            id=self._id,
            version=__version__,
            migration_number=known_schema(self._app.url),
            worker_count=self._count,
            is_running=self._state in ("running", "stopping"),
            is_shutting_down=self._state == "stopping",
            is_stopped=self._state == "stopped",
            shutdown_signal=self._signal,
        )

    async def start(self) -> None:
        """Brings the schema up to date, registers the tasks, and works. Returns once it does. `ConfigError` while it
        runs; after a stop it starts anew."""
        from stook.wiring.crew import Crew  # noqa: PLC0415 - those who only invoke load no runtime

        with self._turn:
            if self._state not in ("new", "stopped"):
                raise ConfigError(f"the orchestrator is {self._state}", hint="stop it before it is started again")
            before, self._state = self._state, "starting"
            if before == "stopped":
                self._started, self._stopped = Moment(), Moment()
            self._signal = self.failure = None
        try:
            staffs = self._staffs()
            session, portal = self._app.opened()
            crew = Crew(session, staffs, custom=self._app.context, ended=self._ended, meter=self._meter)
            self._crew, self._count = (crew, portal), len(staffs)
            await portal.await_(crew.start())
        except BaseException:
            self._state, self._count = before, 0
            raise
        with self._turn:
            if self._state == "starting":
                self._state = "running"
        self._started.happen()

    async def stop(self, grace: Duration | None = None) -> None:
        """Nothing more is claimed; what runs may end, for `grace` seconds or each worker's own; then all is written.
        Does nothing where nothing runs."""
        if grace is not None:
            grace = seconds_of("grace", grace)
        with self._turn:
            if self._crew is None or self._state not in ("running", "stopping"):
                return
            self._state = "stopping"
            crew, portal = self._crew
        await portal.await_(crew.stop(grace if grace is not None else self._grace))

    async def drain(self, until: Until = "idle", timeout: Duration | None = None) -> bool:
        """Works until nothing of its queues is runnable now and no handler runs, what was invoked meanwhile included,
        then stops; starts if it has not. `"fixpoint"` goes on until nothing waits for its time either: retries,
        sleepers, future work (schedules, which never end, are not waited for); a `FakeClock` is moved from one due time
        to the next. False if `timeout` seconds were not enough: it has stopped then, too. Raises what stopped a
        worker."""
        if until not in ("idle", "fixpoint"):
            raise OptionError(f"until={until!r} is neither 'idle' nor 'fixpoint'")
        if timeout is not None:
            timeout = seconds_of("timeout", timeout)
        if self._state in ("new", "stopped"):
            await self.start()
        assert self._crew is not None
        crew, portal = self._crew
        try:
            return await portal.await_(crew.drain(until, timeout))
        finally:
            await self.stop()

    async def run(self) -> None:
        """Starts, and returns once it has stopped: by `stop`, or gracefully by SIGINT, SIGTERM, SIGHUP, SIGUSR2,
        SIGABRT or a standard output or error that nobody reads any more. Further signals change nothing. Raises what
        made it stop by itself."""
        asked = asyncio.Event()

        def heard(name: str) -> None:
            if self._signal is None and not asked.is_set():
                self._signal = name
                if self.on_signal is not None:
                    self.on_signal(name)
            asked.set()

        with stop_signals(heard):
            await self.start()
            waits: set[asyncio.Future[Any]] = {
                asyncio.ensure_future(asked.wait()),
                asyncio.ensure_future(_awaited(self._stopped)),
            }
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waits:
                    one.cancel()
                await self.stop()
                await self._stopped
        if self.failure is not None:
            raise self.failure

    def _ended(self, failure: BaseException | None) -> None:
        """On the portal's loop."""
        with self._turn:
            self._state, self._crew, self._count = "stopped", None, 0
            self.failure = failure
        self._stopped.happen()


class BlockingOrchestrator:
    """`Orchestrator.sync`. Not to be called on an event loop: it would stand still."""

    def __init__(self, orchestrator: Orchestrator) -> None:
        self._async = orchestrator

    @property
    def info(self) -> OrchestratorInfo:
        return self._async.info

    @property
    def started(self) -> Moment:
        return self._async.started

    @property
    def stopped(self) -> Moment:
        return self._async.stopped

    def start(self) -> None:
        """As `Orchestrator.start`."""
        self._run(self._async.start())

    def stop(self, grace: Duration | None = None) -> None:
        """As `Orchestrator.stop`."""
        self._run(self._async.stop(grace))

    def drain(self, until: Until = "idle", timeout: Duration | None = None) -> bool:
        """As `Orchestrator.drain`."""
        return bool(self._run(self._async.drain(until, timeout)))

    def run(self) -> None:
        """As `Orchestrator.run`."""
        self._run(self._async.run())

    @staticmethod
    def _run(coroutine: Any) -> Any:
        from stook.wiring.loop import run  # noqa: PLC0415 - loaded with the runtime

        return run(coroutine)


async def _awaited(moment: Moment) -> None:
    await moment
