"""pgqueuer: one asyncpg connection on uvloop, batches of 1000, results are not its business (it stores none)."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

from bench.probe import Ask, Figures, Tally, answer, row, say_ready, slices, timed_calls, worker_beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pgqueuer.models import Job

ENTRYPOINT = "noop"
BATCH = 1000
CALL = 1000


@asynccontextmanager
async def installed(ask: Ask) -> AsyncIterator[tuple[asyncpg.Connection, AsyncpgDriver, Queries]]:
    connection = await asyncpg.connect(ask.target)
    driver = AsyncpgDriver(connection)
    queries = Queries(driver)
    if not await queries.has_table("pgqueuer"):
        await queries.install()
    try:
        yield connection, driver, queries
    finally:
        await connection.close()


async def enqueue(queries: Queries, n: int) -> float:
    """Seconds of it; payloads are bytes there, so their encoding stays off the clock."""
    payloads: list[bytes | None] = [json.dumps(row(index)).encode() for index in range(n)]
    start = time.perf_counter()
    for part in slices(payloads, CALL):
        await queries.enqueue([ENTRYPOINT] * len(part), list(part), [0] * len(part))
    return time.perf_counter() - start


async def submit(ask: Ask) -> Figures:
    async with installed(ask) as (_, _, queries):
        return {"rate": ask.n / await enqueue(queries, ask.n)}


async def drain(ask: Ask) -> Figures:
    async with installed(ask) as (connection, driver, queries):
        await enqueue(queries, ask.n)
        await connection.execute("ANALYZE")
        tally = Tally(ask.n)
        manager = PgQueuer(driver)

        @manager.entrypoint(ENTRYPOINT)
        async def noop(job: Job) -> None:
            tally.hit()

        await manager.run(batch_size=BATCH, mode=QueueExecutionMode.drain)
        completed, last = await connection.fetchrow(
            "SELECT count(*), extract(epoch FROM max(created)) FROM pgqueuer_log WHERE status = 'successful'"
        )
        return tally.rate(completed, float(last))


async def worker(ask: Ask) -> Figures:
    async with installed(ask) as (_, driver, _):
        manager = PgQueuer(driver)

        @manager.entrypoint(ENTRYPOINT)
        async def noop(job: Job) -> None: ...

        asyncio.get_running_loop().call_later(0.5, say_ready)
        await manager.run(batch_size=BATCH)
    return {}


async def one_at_a_time(ask: Ask) -> Figures:
    async with installed(ask) as (_, driver, queries):
        with worker_beside(__file__, ask):
            async with CompletionWatcher(driver, queries=queries, refresh_interval=timedelta(seconds=2)) as watcher:

                async def once(index: int) -> None:
                    (job_id,) = await queries.enqueue(ENTRYPOINT, json.dumps(row(index)).encode())
                    await watcher.wait_for(job_id)

                return await timed_calls(ask.n, once)


if __name__ == "__main__":
    answer({"submit": submit, "drain": drain, "worker": worker, "latency": one_at_a_time})
