"""A worker that has its work from a server, over HTTP alone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Final, assert_never

from stook.core.errors import MissingExtra, StoreError, UnsupportedByBackend
from stook.core.payload import encode
from stook.core.triggers import Cron, Invocable, On, OnRow
from stook.engine import process
from stook.telemetry.tracing import Tracing
from stook.wire.work import SeeCron, SeeOn, SeeTask
from stook.wiring.custom_context import entered
from stook.wiring.task_entry import entry_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from stook.client.remote_outside import RemoteOutside
    from stook.client.remote_source import RemoteSource
    from stook.core.log import LogLimits
    from stook.core.triggers import Trigger
    from stook.wiring.custom_context import CustomContext
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
    custom: CustomContext | None = None,
) -> AsyncIterator[RemoteWorker]:
    """A worker for `tasks` of the key's project while the context is open; on leaving it stops gracefully.
    `StoreError` if the server does not answer at the start, or refuses the key."""
    source = open_source(server, key)
    from stook.worker.runtime import WorkerRuntime  # noqa: PLC0415 - a wrong address costs no loading

    worker = name or f"{process.process().split(':')[0]}-{secrets.token_hex(4)}"
    seen = [_seen(entry_name, task) for entry_name, task in tasks.items()]
    known = _known(tasks)
    async with contextlib.AsyncExitStack() as leaving:
        leaving.push_async_callback(source.close)
        values = await entered({} if custom is None else custom, leaving)
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
            custom=values,
            outside=open_outside(source),
        )
        await _see(source, worker, seen, known)
        leaving.push_async_callback(_forget, source, worker, runtime)
        beat = asyncio.create_task(_beat(source, worker, seen, known), name="stook-heartbeat")
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


def open_outside(source: RemoteSource) -> RemoteOutside:
    from stook.client.remote_outside import RemoteOutside  # noqa: PLC0415 - as above

    return RemoteOutside(source)


def _seen(name: str, task: TaskDefinition) -> SeeTask:
    entry = entry_of(name, task)
    return SeeTask(
        name=entry.name,
        queue=entry.queue,
        policy=entry.policy,
        schema=entry.schema,
        triggers=[made for one in task.triggers if (made := _trigger(one)) is not None],
        invocable=not task.triggers or any(isinstance(one, Invocable) for one in task.triggers),
        app="" if task.home is None else task.home.app,
    )


def _trigger(one: Trigger) -> SeeCron | SeeOn | None:
    match one:
        case Invocable():
            return None
        case Cron():
            return SeeCron(
                name=one.name,
                expr=one.expr,
                tz=one.tz,
                payload=encode(one.payload),
                priority=one.priority,
                missed=one.missed,
                overlap=one.overlap,
            )
        case On():
            fields = None if one.fields is None else list(one.fields)
            return SeeOn(event=one.event, when=None if one.when is None else one.when.encode(), fields=fields)
        case OnRow():
            raise UnsupportedByBackend(
                f"OnRow({one.table!r}): a worker over HTTP does not reach the tables", hint="work beside the database"
            )
        case unknown:
            assert_never(unknown)


def _known(tasks: Mapping[str, TaskDefinition]) -> list[str]:
    return sorted({name for task in tasks.values() if task.home is not None for name in task.home.tasks()})


async def _see(source: RemoteSource, worker: str, seen: list[SeeTask], known: Sequence[str]) -> None:
    await source.see(worker, process.host(), process.process(), seen, known)


async def _beat(source: RemoteSource, worker: str, seen: list[SeeTask], known: Sequence[str]) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT)
        with contextlib.suppress(StoreError):
            await _see(source, worker, seen, known)


async def _forget(source: RemoteSource, worker: str, runtime: WorkerRuntime) -> None:
    """A worker that holds something is found by its row when its process is gone."""
    if runtime.failure is None and not runtime.in_flight:
        with contextlib.suppress(StoreError):
            await source.forget(worker)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
