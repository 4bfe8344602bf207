"""A worker that has its work from a server, over HTTP alone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Final

from stook.core.errors import MissingExtra, StoreError
from stook.engine import process
from stook.telemetry.tracing import Tracing
from stook.wire.work import SeeTask
from stook.wiring.task_entry import entry_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from stook.client.remote_source import RemoteSource
    from stook.core.log import LogLimits
    from stook.worker.definition import TaskDefinition
    from stook.worker.meter import Meter
    from stook.worker.runtime import WorkerRuntime

__all__ = ["RemoteWorker", "working_from_afar"]

HEARTBEAT: Final = 10.0
"""Seconds between two signs of life."""
POLL: Final = 2.0
"""Seconds after which a claim is tried although no news came."""


class RemoteWorker:
    def __init__(self, runtime: WorkerRuntime, source: RemoteSource) -> None:
        self._runtime = runtime
        self._source = source

    @property
    def name(self) -> str:
        return self._runtime.name

    @property
    def failure(self) -> BaseException | None:
        """Why it cannot go on."""
        return self._runtime.failure or self._source.refused


@contextlib.asynccontextmanager
async def working_from_afar(
    server: str,
    key: str,
    tasks: Mapping[str, TaskDefinition],
    *,
    concurrency: int = 10,
    processes: int | None = None,
    lease: float = 60.0,
    grace: float = 30.0,
    name: str | None = None,
    meter: Meter | None = None,
    logs: LogLimits | None = None,
) -> AsyncIterator[RemoteWorker]:
    """A worker for `tasks` of the key's project while the context is open; on leaving it stops gracefully.
    `StoreError` if the server does not answer at the start, or refuses the key."""
    source = open_source(server, key)
    from stook.worker.runtime import WorkerRuntime  # noqa: PLC0415 - a wrong address costs no loading

    worker = name or f"{process.process().split(':')[0]}-{secrets.token_hex(4)}"
    seen = [_seen(entry_name, task) for entry_name, task in tasks.items()]
    runtime = WorkerRuntime(
        source,
        tasks,
        name=worker,
        concurrency=concurrency,
        processes=processes,
        lease=lease,
        grace=grace,
        poll_interval=POLL,
        meter=meter,
        spans=Tracing(),
        logs=logs,
    )
    async with contextlib.AsyncExitStack() as leaving:
        leaving.push_async_callback(source.close)
        await _see(source, worker, seen)
        leaving.push_async_callback(_forget, source, worker, runtime)
        beat = asyncio.create_task(_beat(source, worker, seen), name="stook-heartbeat")
        leaving.push_async_callback(_end, beat)
        await runtime.start()
        leaving.push_async_callback(runtime.stop, grace)
        yield RemoteWorker(runtime, source)


def open_source(server: str, key: str) -> RemoteSource:
    try:
        from stook.client.remote_source import RemoteSource  # noqa: PLC0415 - its library is an extra
    except ModuleNotFoundError as error:
        if error.name != "httpx":
            raise
        raise MissingExtra("work over HTTP needs the package httpx", hint="pip install 'stook[client]'") from None
    return RemoteSource(server, key)


def _seen(name: str, task: TaskDefinition) -> SeeTask:
    entry = entry_of(name, task)
    return SeeTask(name=entry.name, queue=entry.queue, policy=entry.policy, schema=entry.schema)


async def _see(source: RemoteSource, worker: str, seen: list[SeeTask]) -> None:
    await source.see(worker, process.host(), process.process(), seen)


async def _beat(source: RemoteSource, worker: str, seen: list[SeeTask]) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT)
        with contextlib.suppress(StoreError):
            await _see(source, worker, seen)


async def _forget(source: RemoteSource, worker: str, runtime: WorkerRuntime) -> None:
    """A worker that holds something is found by its row when its process is gone."""
    if runtime.failure is None and not runtime.in_flight:
        with contextlib.suppress(StoreError):
            await source.forget(worker)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
