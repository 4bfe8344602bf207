"""A worker on a fake source, for the length of a `with` block."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from stook.worker.definition import define
from stook.worker.runtime import WorkerRuntime
from tests.worker.fake_source import FakeSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from stook.core.policy import TaskPolicy

LIMIT = 20
"""Seconds after which a test that waits for something is wrong."""


def run(main: Coroutine[Any, Any, Any]) -> Any:
    async def limited():
        async with asyncio.timeout(LIMIT):
            return await main

    return asyncio.run(limited())


async def soon(condition: Callable[[], Any]) -> None:
    """Until something holds that nobody announces: another process did it, or a thread."""
    while not condition():
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def working(
    *handlers: Callable[..., Any],
    source: FakeSource | None = None,
    policy: TaskPolicy | None = None,
    processes: int | None = None,
    strict_steps: bool = False,
    **options: Any,
) -> AsyncIterator[tuple[FakeSource, WorkerRuntime]]:
    """The first handler is task `t`, others go by their names. Stops without grace."""
    source = source or FakeSource()
    tasks = {}
    for handler in handlers:
        name = handler.__name__ if tasks else "t"
        tasks[name] = define(
            handler, name=name, policy=policy, processes=processes is not None, strict_steps=strict_steps
        )
    options.setdefault("name", "w")
    worker = WorkerRuntime(source, tasks, processes=processes, **options)
    await worker.start()
    try:
        yield source, worker
    finally:
        await worker.stop(0)


def outcomes(
    handler: Callable[..., Any], payloads: list[Any], *, policy: TaskPolicy | None = None, **options: Any
) -> Any:
    """The batch, after a worker has run it to its end."""

    async def main():
        async with working(handler, policy=policy, **options) as (source, _):
            batch = source.submit(payloads, policy=policy)
            await source.ended(batch)
            return batch

    return run(main())
