"""An open store with its engine, and the workers of this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from typing import TYPE_CHECKING

from stook.config.settings import log_limits
from stook.core.errors import StoreError
from stook.engine import process
from stook.engine.catalogue import Catalogue
from stook.engine.maintenance import Maintenance
from stook.engine.service import Engine
from stook.engine.source import LocalSource
from stook.store.script.worker_row import forget_worker, see_worker
from stook.telemetry.tracing import Tracing, publishing
from stook.wiring.open_store import open_store
from stook.wiring.task_entry import entry_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

    from stook.config.settings import Settings
    from stook.engine.blobs import Blobs
    from stook.store.port import Store
    from stook.worker.definition import TaskDefinition
    from stook.worker.meter import Meter
    from stook.worker.runtime import WorkerRuntime

__all__ = ["Session", "open_session"]

HEARTBEAT = 10.0
"""Seconds between two signs of life of a worker."""


class Session:
    def __init__(self, settings: Settings, store: Store, blobs: Blobs, *, still: bool = False) -> None:
        self.settings = settings
        self.store = store
        self.engine = Engine(store, blobs, project=settings.project)
        self.engine.publishing = publishing
        self._blobs = blobs
        self._still = still
        kept = settings.webhook_retention_days * 86_400.0
        self._maintenance = Maintenance(store, blobs, settings.project, webhooks_kept=kept)
        self._maintained = 0

    def new_source(self) -> LocalSource:
        """For one worker."""
        return LocalSource(self.store, self._blobs, still=self._still)

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
    ) -> AsyncIterator[WorkerRuntime]:
        """A worker for `tasks` while the context is open; on leaving it stops gracefully. What a dead process of this
        machine held has come back before the first claim; without `maintained`, nothing happens by itself."""
        from stook.worker.runtime import WorkerRuntime  # noqa: PLC0415 - those who only submit load no runtime

        worker = name or f"{process.process().split(':')[0]}-{secrets.token_hex(4)}"
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
        )
        async with contextlib.AsyncExitStack() as leaving:
            if maintained:
                await leaving.enter_async_context(self.maintained())
            await Catalogue(self.store).see([entry_of(name, task) for name, task in tasks.items()])
            await leaving.enter_async_context(self.running(runtime, worker, tasks, grace=grace))
            self.engine.workers.append(runtime)
            leaving.callback(self.engine.workers.remove, runtime)
            yield runtime

    @contextlib.asynccontextmanager
    async def running(
        self, runtime: WorkerRuntime, worker: str, tasks: Collection[str], *, grace: float
    ) -> AsyncIterator[None]:
        """Others see it by the name `worker` while it runs; on leaving it stops gracefully."""
        async with contextlib.AsyncExitStack() as leaving:
            await self._see(worker, tasks)
            leaving.push_async_callback(self._forget, worker, runtime)
            beat = asyncio.create_task(self._beat(worker, tasks), name="stook-heartbeat")
            leaving.push_async_callback(_end, beat)
            await runtime.start()
            leaving.push_async_callback(runtime.stop, grace)
            yield

    @contextlib.asynccontextmanager
    async def maintained(self) -> AsyncIterator[None]:
        """Maintenance runs while anybody here wants it to."""
        self._maintained += 1
        try:
            if self._maintained == 1:
                await self._maintenance.start()
            yield
        finally:
            self._maintained -= 1
            if self._maintained == 0:
                await self._maintenance.stop()

    async def purge(self) -> None:
        """Removes now what deleted batches left, which maintenance would do by and by."""
        await self._maintenance.purge()

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
    session = Session(settings, store, blobs, still=clock is not None)
    try:
        yield session
    finally:
        await session.close()
