"""stook on PostgreSQL. `worker` is another process with `App.working` and nothing else, as `stook worker` is."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import asyncpg

from bench.gauges import CoresBusy, resident_mib
from bench.probe import Ask, Figures, Tally, answer, result, say_ready, timed_calls, worker_beside
from bench.subjects import noop
from bench.subjects.operations import operations
from stook import App, BatchConfig

if TYPE_CHECKING:
    from stook import Task

GROUP = 500
WORKERS = (1, 2, 4)
LOOK = 0.02
"""Seconds between two looks at a process's memory."""
SPARE = 20_000_000
"""Bytes that a database may have beyond what is proportional."""


def execute(ask: Ask, statement: str) -> Any:
    async def once() -> Any:
        connection = await asyncpg.connect(ask.target)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(once())


def pausing_of(app: App) -> Task[Any, Any, dict[str, Any]]:
    @app.task("pausing")
    async def pausing(payload: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.001)
        return result(payload)

    return pausing


def worker(ask: Ask) -> Figures:
    with App("bench", store=ask.target) as app:
        noop.noop_of(app, lambda: None)
        pausing_of(app)
        with app.working():
            say_ready()
            threading.Event().wait()
    return {}


def submit(ask: Ask) -> Figures:
    items = list(noop.rows(ask.n))
    with App("bench", store=ask.target) as app:
        task = noop.noop_of(app, lambda: None)
        task.map(items[:10])
        start = time.perf_counter()
        batch = task.map(items)
        taken = time.perf_counter() - start
        if batch.show().counters.total != ask.n:
            msg = "items are missing"
            raise RuntimeError(msg)
    return {"rate": ask.n / taken}


def drain(ask: Ask) -> Figures:
    return noop.drain(ask, ask.target, lambda: execute(ask, "ANALYZE"))


def drain_batched(ask: Ask) -> Figures:
    tally = Tally(ask.n)
    with App("bench", store=ask.target) as app:

        @app.task("noop", batch=BatchConfig(size=GROUP))
        async def many(payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
            tally.hit()  # the first call is what counts
            return [result(payload) for payload in payloads]

        batch = many.map(noop.rows(ask.n))
        execute(ask, "ANALYZE")
        with app.working():
            view = batch.wait()
            closed_at = time.time()
        noop.check(batch, ask.n)
    return tally.rate(view.counters.succeeded, closed_at)


async def latency(ask: Ask) -> Figures:
    with App("bench", store=ask.target) as app:
        task = noop.noop_of(app, lambda: None)
        with worker_beside(__file__, ask):
            return await timed_calls(ask.n, lambda index: noop.once(task, index))


async def latency_in_process(ask: Ask) -> Figures:
    return await noop.latency(ask, ask.target)


def progress(ask: Ask) -> Figures:
    return noop.progress(ask, ask.target)


def operate(ask: Ask) -> Figures:
    return operations(ask, ask.target)


def workers(ask: Ask) -> Figures:
    """The batch is held back until all of them are there."""
    figures: Figures = {}
    with App("bench", store=ask.target) as app:
        task = pausing_of(app)
        for count in WORKERS:
            batch = task.map(noop.rows(ask.n))
            batch.pause()
            execute(ask, "ANALYZE")
            with ExitStack() as crew:
                for _ in range(count):
                    crew.enter_context(worker_beside(__file__, ask))
                busy, start = CoresBusy(), time.perf_counter()
                batch.resume(ramp=False)
                batch.wait()
                figures[f"rate_{count}"] = ask.n / (time.perf_counter() - start)
                figures[f"busy_{count}"] = busy.share()
            noop.check(batch, ask.n)
    return figures


def memory(ask: Ask) -> Figures:
    with App("bench", store=ask.target) as app:
        batch = noop.noop_of(app, lambda: None).map(noop.rows(ask.n))
        batch.pause()
        execute(ask, "ANALYZE")
        with worker_beside(__file__, ask) as pid:
            batch.resume(ramp=False)
            first = resident_mib(pid)
            most = first
            while not (view := batch.show()).state.terminal:
                most = max(most, resident_mib(pid))
                if view.counters.terminal <= ask.n // 10:
                    first = most
                time.sleep(LOOK)
            most = max(most, resident_mib(pid))
        noop.check(batch, ask.n)
    return {"rss_mib": most, "rss_growth_mib": most - first}


def disk(ask: Ask) -> Figures:
    """Everything in the database, its catalogue included; no VACUUM has been asked for."""
    noop.drain(ask, ask.target)
    execute(ask, "CHECKPOINT")
    size = execute(ask, "SELECT pg_database_size(current_database())")
    return {"size_ratio": (size - SPARE) / noop.size_of_items(ask.n)}


if __name__ == "__main__":
    answer(
        {
            "worker": worker,
            "submit": submit,
            "drain": drain,
            "drain_batched": drain_batched,
            "latency": latency,
            "latency_in_process": latency_in_process,
            "progress": progress,
            "operations": operate,
            "workers": workers,
            "memory": memory,
            "disk": disk,
        }
    )
