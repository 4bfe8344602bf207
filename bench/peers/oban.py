"""Oban for Python (needs Python 3.12): one queue, the limit that drained fastest, its own pool and defaults."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from oban import Oban, worker
from oban.schema import install

from bench.probe import Ask, Figures, Tally, answer, row, slices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oban import Job
    from psycopg_pool import AsyncConnectionPool

LIMIT = 500
CALL = 5000
FINISHED = "SELECT count(*), extract(epoch FROM max(completed_at)) FROM oban_jobs WHERE state = 'completed'"


@asynccontextmanager
async def installed(ask: Ask) -> AsyncIterator[AsyncConnectionPool]:
    pool = await Oban.create_pool(ask.target)
    try:
        await install(pool)
        yield pool
    finally:
        await pool.close()


async def drain(ask: Ask) -> Figures:
    tally = Tally(ask.n)

    @worker(queue="default")
    class Noop:
        async def process(self, job: Job) -> None:
            tally.hit()

    async with installed(ask) as pool:
        client = Oban(pool=pool)
        for part in slices(range(ask.n), CALL):
            await client.enqueue_many(Noop.new(row(index)) for index in part)
        # No ANALYZE: with statistics that know only waiting jobs, PostgreSQL looks an executing job up by its state
        # instead of its key, and the drain takes nearly twice as long.
        async with Oban(pool=pool, queues={"default": LIMIT}):
            await tally.done.wait()
            completed, last = 0, 0.0
            for _ in range(20):
                await asyncio.sleep(1)
                async with pool.connection() as connection:
                    cursor = await connection.execute(FINISHED)
                    completed, last = await cursor.fetchone() or (0, 0.0)
                if completed == ask.n:
                    break
        return tally.rate(completed, float(last))


if __name__ == "__main__":
    answer({"drain": drain})
