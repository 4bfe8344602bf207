"""awa-pg: queue storage (its default on a new database), 2000 workers, uvloop, one completion shard, two claimers."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import awa

from bench.probe import Ask, Figures, Tally, answer, row, say_ready, slices, timed_calls, worker_beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUEUE = "bench"
QUEUES = [{"name": QUEUE, "max_workers": 2000, "claimers": 2}]
CALL = 5000

# Completions still on record, and those that maintenance has already folded into a count.
COMPLETED = """
SELECT coalesce(sum(completed_count), 0)
        + (SELECT coalesce(sum(pruned_completed_count), 0) FROM awa.queue_terminal_rollups),
    coalesce(extract(epoch FROM max(finalized_at)), 0)
FROM awa.receipt_completion_batches
"""

os.environ["AWA_COMPLETION_SHARDS"] = "1"


@dataclass
class Noop:
    value: int
    x: str


@asynccontextmanager
async def migrated(ask: Ask) -> AsyncIterator[awa.AsyncClient]:
    async with awa.AsyncClient(ask.target) as client:
        await client.migrate()
        await client.install_queue_storage()
        yield client


async def enqueue(client: awa.AsyncClient, n: int) -> float:
    """Seconds of it, by COPY, the fastest way in that it documents."""
    jobs = [Noop(**row(index)) for index in range(n)]
    start = time.perf_counter()
    for part in slices(jobs, CALL):
        await client.enqueue_many_copy(list(part), queue=QUEUE)
    return time.perf_counter() - start


async def submit(ask: Ask) -> Figures:
    async with migrated(ask) as client:
        return {"rate": ask.n / await enqueue(client, ask.n)}


async def drain(ask: Ask) -> Figures:
    async with migrated(ask) as client:
        await enqueue(client, ask.n)
        connection = await asyncpg.connect(ask.target)
        await connection.execute("ANALYZE")
        tally = Tally(ask.n)

        @client.task(Noop, queue=QUEUE)
        async def noop(job: awa.Job) -> None:
            tally.hit()

        await client.start(QUEUES)
        completed, last = 0, 0.0
        while completed < ask.n:
            await asyncio.sleep(1)
            completed, seen = await connection.fetchrow(COMPLETED)
            last = max(last, float(seen))
        await client.shutdown()
        await connection.close()
        # The last one's record may be gone before it is looked at; its handler was called a moment before.
        return tally.rate(completed, max(last, tally.last_at))


async def worker(ask: Ask) -> Figures:
    async with awa.AsyncClient(ask.target) as client:

        @client.task(Noop, queue=QUEUE)
        async def noop(job: awa.Job) -> None: ...

        await client.start(QUEUES)
        say_ready()
        await asyncio.Event().wait()
    return {}


async def one_at_a_time(ask: Ask) -> Figures:
    """It has no way to wait for a job, and looking one up by its client takes longer than running it: its own record of
    completions is asked every millisecond instead."""
    async with migrated(ask) as client:
        connection = await asyncpg.connect(ask.target)
        completed = await connection.prepare(COMPLETED)
        submitted = 0
        with worker_beside(__file__, ask):

            async def once(index: int) -> None:
                nonlocal submitted
                submitted += 1
                await client.insert(Noop(**row(index)), queue=QUEUE)
                while await completed.fetchval() < submitted:
                    await asyncio.sleep(0.001)

            return await timed_calls(ask.n, once)


if __name__ == "__main__":
    answer({"submit": submit, "drain": drain, "worker": worker, "latency": one_at_a_time})
