"""An open store with its engine, and the workers of this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from typing import TYPE_CHECKING, Any

from stook import __version__
from stook.config.settings import log_limits
from stook.core.errors import StoreError
from stook.engine import process
from stook.engine.maintenance import Maintenance
from stook.engine.service import Engine
from stook.engine.source import LocalSource
from stook.store.script.sweep import expire_waiting
from stook.store.script.worker_row import forget_worker, see_worker
from stook.telemetry.tracing import Tracing, publishing
from stook.wiring.custom_context import entered
from stook.wiring.executions import LocalExecutions
from stook.wiring.open_store import known_schema, open_store
from stook.wiring.outside import LocalOutside
from stook.wiring.presence import Presence
from stook.wiring.registration import registered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

    from stook.config.settings import Settings
    from stook.core.tally import Tally
    from stook.engine.blobs import Blobs
    from stook.store.foreign.run import Foreign
    from stook.store.port import Store
    from stook.wiring.custom_context import CustomContext
    from stook.wiring.executions import Executions
    from stook.wiring.opening import Opening
    from stook.wiring.targets import Targets
    from stook.wiring.triggers import Triggers
    from stook.worker.definition import TaskDefinition
    from stook.worker.meter import Meter
    from stook.worker.outside import Outside
    from stook.worker.runtime import WorkerRuntime

__all__ = ["Session", "open_session"]

HEARTBEAT = 10.0
"""Seconds between two signs of life of a worker."""


class Session:
    """`clock`: the store's in tests, which stands still until it is moved."""

    is_remote = False
    """A server's: the store is out of reach."""

    def __init__(
        self, settings: Settings, store: Store, blobs: Blobs, *, clock: Callable[[], int] | None = None
    ) -> None:
        self.settings = settings
        self.store = store
        self.engine = Engine(store, blobs, project=settings.project)
        self.engine.publishing = publishing
        self.engine.events_kept = settings.event_retention_days * 86_400_000_000
        self._blobs = blobs
        self.clock = clock
        kept = settings.webhook_retention_days * 86_400.0
        self.maintenance = Maintenance(store, blobs, settings.project, webhooks_kept=kept)
        self._maintained = 0
        self.executions: Executions = LocalExecutions(self.engine)
        self.triggers: Triggers = self.engine
        """Events and schedules."""
        self.outside: Outside = LocalOutside(self)
        """What handlers of workers here may ask of the rest of stook."""
        self.presence = Presence(store, version=__version__, schema=known_schema(settings.url))

    def counted_by(self, tally: Tally | None) -> None:
        """Hears from now on of what is invoked here, and of what is taken back from dead workers; None: as it was."""
        if tally is not None:
            self.engine.tally = self.maintenance.tally = tally

    def foreign(self, connection: Any) -> Foreign:
        """A connection of the caller's to this store's database."""
        from stook.store.foreign.run import Foreign  # noqa: PLC0415 - for those who use it

        return Foreign(connection, clock=self.clock)

    def targets(self, app: Opening) -> Targets:
        """The tasks that `app` may name."""
        from stook.wiring.targets import Targets  # noqa: PLC0415 - for those who invoke

        return Targets(app, self.store, self.engine.project)

    def new_source(self) -> LocalSource:
        """For one worker."""
        return LocalSource(self.store, self._blobs, still=self.clock is not None)

    @contextlib.asynccontextmanager
    async def working(
        self,
        tasks: Mapping[str, TaskDefinition],
        *,
        concurrency: int = 10,
        processes: int | None = None,
        grace: float = 30.0,
        name: str | None = None,
        maintained: bool = True,
        meter: Meter | None = None,
        custom: CustomContext | None = None,
    ) -> AsyncIterator[WorkerRuntime]:
        """A worker for `tasks` while the context is open; on leaving it stops gracefully. What a dead process of this
        machine held has come back before the first claim; without `maintained`, nothing happens by itself. `custom` as
        in `App(context=…)`."""
        from stook.worker.runtime import WorkerRuntime  # noqa: PLC0415 - those who only submit load no runtime

        self.counted_by(meter)
        worker = name or f"{process.process().split(':')[0]}-{secrets.token_hex(4)}"
        async with contextlib.AsyncExitStack() as leaving:
            if maintained:
                await leaving.enter_async_context(self.maintained({one.policy.queue for one in tasks.values()}))
            await leaving.enter_async_context(registered(self, worker, tasks))
            values = await entered({} if custom is None else custom, leaving)
            runtime = WorkerRuntime(
                self.new_source(),
                tasks,
                name=worker,
                concurrency=concurrency,
                processes=processes,
                lease=self.settings.lease_seconds,
                logs=log_limits(self.settings),
                grace=grace,
                meter=meter,
                spans=Tracing(),
                outside=self.outside,
                custom=values,
            )
            await leaving.enter_async_context(self.running(runtime, worker, tasks, grace=grace))
            yield runtime

    @contextlib.asynccontextmanager
    async def running(
        self, runtime: WorkerRuntime, worker: str, tasks: Collection[str], *, grace: float
    ) -> AsyncIterator[None]:
        """Others see it by the name `worker` while it runs; on leaving it stops gracefully. It gives up when this
        program has to make way for a newer one."""
        async with contextlib.AsyncExitStack() as leaving:
            await self._see(worker, tasks)
            leaving.push_async_callback(self._forget, worker, runtime)
            beat = asyncio.create_task(self._beat(worker, tasks), name="stook-heartbeat")
            leaving.push_async_callback(_end, beat)
            while await self.store.write(expire_waiting):
                pass  # what had to start while nobody worked is not to be started now
            await runtime.start()
            leaving.push_async_callback(runtime.stop, grace)
            self.engine.workers.append(runtime)
            leaving.callback(self.engine.workers.remove, runtime)
            self.presence.told.append(runtime.give_up)
            leaving.callback(self.presence.told.remove, runtime.give_up)
            if self.presence.asked is not None:  # before anybody here listened
                runtime.give_up(self.presence.asked)
            yield

    @contextlib.asynccontextmanager
    async def maintained(self, queues: Collection[str] = ()) -> AsyncIterator[None]:
        """Maintenance runs while anybody here wants it to; that of the day for `queues` as long as this context is
        open. Other programs know meanwhile that this one is at work."""
        self._maintained += 1
        self.maintenance.queues.update(queues)
        try:
            if self._maintained == 1:
                await self.presence.start()
                await self.maintenance.start()
            yield
        finally:
            self._maintained -= 1
            self.maintenance.queues.subtract(queues)
            if self._maintained == 0:
                await self.maintenance.stop()
                await self.presence.stop()

    async def purge(self) -> None:
        """Removes now what deleted batches left, which maintenance would do by and by."""
        await self.maintenance.purge()

    async def close(self) -> None:
        await self.engine.feeds.close()
        await self.store.close()

    async def _see(self, worker: str, tasks: Collection[str]) -> None:
        await self.store.write(see_worker, worker, process.host(), process.process(), json.dumps(sorted(tasks)))

    async def _forget(self, worker: str, runtime: WorkerRuntime) -> None:
        """What it could not settle comes back as soon as somebody finds that its process is gone, by this very row."""
        if runtime.failure is not None or runtime.in_flight:
            return
        with contextlib.suppress(StoreError):
            await self.store.write(forget_worker, worker)

    async def _beat(self, worker: str, tasks: Collection[str]) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            with contextlib.suppress(StoreError):
                await self._see(worker, tasks)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def open_session(
    settings: Settings, *, clock: Callable[[], int] | None = None, create: bool = True
) -> AsyncIterator[Session]:
    """`clock` and `create` as in `open_store`."""
    store, blobs = await open_store(settings, clock=clock, create=create)
    session = Session(settings, store, blobs, clock=clock)
    try:
        yield session
    finally:
        await session.close()
