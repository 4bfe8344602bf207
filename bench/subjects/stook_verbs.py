"""stook on PostgreSQL, asked as callers and workers ask it, without handlers: what `bench/floors/rows.py` does by plain
statements. A queue that keeps a row per execution stores no results; here they are stored.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.clients import rate_of_processes, rate_of_senders
from bench.floors.rows import BACKLOG, MANY, POLLED, READY, SENDERS
from bench.probe import Ask, Figures, answer, result, row, run_async, slices
from bench.subjects import noop
from bench.subjects.stook_postgres import execute
from stook import App, Retention
from stook.config.settings import read_settings
from stook.core.outcome import Settlement
from stook.core.work import Claim, Claimed
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from bench.clients import Start
    from stook.engine.source import LocalSource

RESULT = json.dumps(result(row(0))).encode()
TOMORROW = 86_400.0
POLLS = 100
TURNS = 3
LIMITED = (100, 500)
"""Items a claim."""
MOST = 2_000
"""A limit that never holds anything back: what counts is what it costs to look."""


async def claimed(source: LocalSource, tasks: Sequence[str], size: int, worker: str) -> Claimed:
    return await source.claim(Claim(worker=worker, tasks=tasks, items=size, slices=size, idle=True))


async def settled(source: LocalSource, found: Claimed) -> int:
    """How many items that were."""
    made = [
        Settlement(one.token, one.batch_id, one.offsets, [RESULT] * len(one.offsets), [0] * len(one.offsets))
        for one in found.slices
    ]
    await source.settle(made)
    return sum(len(one.offsets) for one in made)


def finishing(ask: Ask, size: int, most: int, *tasks: str) -> Callable[[Start], Coroutine[None, None, int]]:
    """Claims and settles `most` of them. While others hold what there is, it asks again when the claim says."""

    async def client(start: Start) -> int:
        finished, worker = 0, secrets.token_hex(8)
        async with open_session(read_settings(url=ask.target)) as session:
            source = session.new_source()
            await session.engine.batches()  # connects
            await start()
            while finished < most:
                found = await claimed(source, tasks, min(size, most - finished), worker)
                if found.slices:
                    finished += await settled(source, found)
                elif found.wait is None:
                    break
                else:
                    await asyncio.sleep(found.wait)
        return finished

    return client


def submit(ask: Ask, n: int, **options: Any) -> None:
    with App("bench", store=ask.target) as app:

        @app.task("noop", **options)
        async def noop_(payload: dict[str, Any]) -> None: ...

        noop_.map(noop.rows(n))
    execute(ask, "VACUUM ANALYZE")


def finished_by(size: int, *workers: int, **options: Any) -> Callable[[Ask], Figures]:
    def rates(ask: Ask) -> Figures:
        figures: Figures = {}
        submit(ask, len(workers) * ask.n + BACKLOG, **options)
        for clients in workers:
            client = finishing(ask, size, ask.n // clients, "noop")
            figures[f"rate_{clients}"] = rate_of_processes(ask.n, clients, client)
        return figures

    return rates


async def sent(ask: Ask, clients: int, size: int, of: Callable[[App], Callable[..., Awaitable[object]]]) -> float:
    async with App("bench", store=ask.target) as app:
        noop.noop_of(app, lambda: None)
        send = of(app)
        parts = slices(list(noop.rows(ask.n)), size)
        await send(list(noop.rows(size)))  # connects
        return await rate_of_senders(parts, [send] * clients)


async def invoke(ask: Ask) -> Figures:
    def of(app: App) -> Callable[..., Awaitable[object]]:
        async def send(items: Sequence[dict[str, Any]]) -> None:
            await app.invoke("noop", items[0])

        return send

    return {"rate": await sent(ask, SENDERS, 1, of)}


async def invoke_many(ask: Ask) -> Figures:
    def of(app: App) -> Callable[..., Awaitable[object]]:
        async def send(items: Sequence[dict[str, Any]]) -> None:
            await app.invoke_many("noop", items)

        return send

    return {f"rate_{size}": await sent(ask, clients, size, of) for size, clients in MANY}


async def polled(ask: Ask, *tasks: str) -> list[float]:
    """Seconds of a claim of each task, the median. By turns: what else goes on meets all of them."""
    taken: dict[str, list[float]] = {task: [] for task in tasks}
    async with open_session(read_settings(url=ask.target)) as session:
        source = session.new_source()
        for _ in range(POLLS):
            for task, found in taken.items():
                start = time.perf_counter()
                claim = await claimed(source, [task], POLLED, "bench")
                found.append(time.perf_counter() - start)
                assert sum(len(one.offsets) for one in claim.slices) == POLLED
    return [median(found) for found in taken.values()]


def poll(ask: Ask) -> Figures:
    """Of two tasks of a queue: one has n executions of a better priority that are due tomorrow, the other has none."""
    with App("bench", store=ask.target) as app:
        crowded = noop.noop_of(app, lambda: None)

        @app.task("calm")
        async def calm(payload: dict[str, Any]) -> None: ...

        calm.map(noop.rows(READY))
        crowded.map(noop.rows(READY))
        crowded.map(noop.rows(ask.n), priority=1, delay=TOMORROW)
    execute(ask, "VACUUM ANALYZE")
    beside, alone = run_async(polled(ask, "noop", "calm"))
    return {"poll_ms": 1000 * beside, "polls": 1 / beside, "slowdown": beside / alone}


def limit(ask: Ask) -> Figures:
    return {f"lost_{size}": lost(ask, size) for size in LIMITED}


def lost(ask: Ask, size: int) -> float:
    """Percent of the rate at which one worker drains a queue of two tasks, once one of them has a limit. In turns, in
    changing order, so that neither always finds what the other left."""
    rates: dict[int | None, list[float]] = {None: [], MOST: []}
    for turn in range(TURNS):
        for most in list(rates)[:: -1 if turn % 2 else 1]:
            with App("bench", store=ask.target) as app:
                for name in ("limited", "beside"):

                    @app.task(name, concurrency=most if name == "limited" else None)
                    async def nothing(payload: dict[str, Any]) -> None: ...

                    nothing.map(noop.rows(ask.n // 2))
            execute(ask, "ANALYZE")
            rates[most].append(rate_of_processes(ask.n, 1, finishing(ask, size, ask.n, "limited", "beside")))
            execute(ask, "DROP SCHEMA stook CASCADE")
    return 100 * (1 - median(rates[MOST]) / median(rates[None]))


if __name__ == "__main__":
    answer(
        {
            "invoke": invoke,
            "invoke_many": invoke_many,
            "finish_10": finished_by(10, 1, 4),
            "finish_100": finished_by(100, 1),
            "finish_500": finished_by(500, 1, 4),
            "delete_500": finished_by(500, 1, 4, retention=Retention(completed=0)),
            "poll": poll,
            "limit": limit,
        }
    )
