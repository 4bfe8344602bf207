"""procrastinate: its asynchronous psycopg connector on uvloop, the concurrency that drained fastest, jobs kept."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg
from procrastinate import App, PsycopgConnector

from bench.probe import Ask, Figures, Tally, answer, row, say_ready, slices, timed_calls, worker_beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONCURRENCY = 20
CALL = 1000
FINISHED = "SELECT count(*), extract(epoch FROM max(at)) FROM procrastinate_events WHERE type = 'succeeded'"

# Every job would write three lines at the level INFO.
logging.getLogger("procrastinate").setLevel(logging.WARNING)


@asynccontextmanager
async def opened(ask: Ask, *, empty: bool) -> AsyncIterator[App]:
    app = App(connector=PsycopgConnector(conninfo=ask.target, min_size=4, max_size=CONCURRENCY + 5))
    async with app.open_async():
        if empty:
            await app.schema_manager.apply_schema_async()
        yield app


async def drain(ask: Ask) -> Figures:
    tally = Tally(ask.n)
    async with opened(ask, empty=True) as app:

        @app.task(name="noop", queue="bench")
        async def noop(value: int, x: str) -> None:
            tally.hit()

        for part in slices(range(ask.n), CALL):
            await noop.batch_defer_async(*(row(index) for index in part))
        with psycopg.connect(ask.target, autocommit=True) as connection:
            connection.execute("ANALYZE")
            await app.run_worker_async(wait=False, concurrency=CONCURRENCY, install_signal_handlers=False)
            completed, last = connection.execute(FINISHED).fetchone() or (0, 0.0)
        return tally.rate(completed, float(last))


async def worker(ask: Ask) -> Figures:
    async with opened(ask, empty=False) as app:

        @app.task(name="noop", queue="bench")
        async def noop(value: int, x: str) -> None: ...

        asyncio.get_running_loop().call_later(0.5, say_ready)
        await app.run_worker_async(concurrency=CONCURRENCY)
    return {}


async def one_at_a_time(ask: Ask) -> Figures:
    """It has no way to wait for a job, so its state is asked for every millisecond."""
    async with opened(ask, empty=True) as app:
        with worker_beside(__file__, ask):

            async def once(index: int) -> None:
                job = await app.configure_task("noop", queue="bench").defer_async(**row(index))
                while (await app.job_manager.get_job_status_async(job)).value != "succeeded":
                    await asyncio.sleep(0.001)

            return await timed_calls(ask.n, once)


if __name__ == "__main__":
    answer({"drain": drain, "worker": worker, "latency": one_at_a_time})
