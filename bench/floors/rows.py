"""The statements of a queue that keeps a row per execution, in the shape that Postgres Conductor's have (`rows_*.sql`):
claims by FOR UPDATE SKIP LOCKED, at the end a column written, or the row deleted. No worker, no results, no retries;
each statement a transaction of its own. A lower priority goes first there.
"""

from __future__ import annotations

import json
import time
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import asyncpg

from bench.clients import rate_of_processes, rate_of_senders
from bench.probe import Ask, Figures, answer, row, run_async, slices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence

    from bench.clients import Start

SENDERS = 8
MANY = ((500, 2), (1000, 4))
"""Items a call, clients."""
BACKLOG = 50_000
"""At least so many wait while some of them are claimed and finished: a queue is not empty when it matters."""
READY = 4_000
POLLS = 40
POLLED = 10

SCHEMA = (Path(__file__).parent / "rows_schema.sql").read_text()
FINISH = (Path(__file__).parent / "rows_finish.sql").read_text()

INVOKE = "select made from invoke_one('noop', 'default', $1, null, null, null)"

INVOKE_MANY = """
select made from invoke_all(array(select jsonb_populate_recordset(null::asked, $1::jsonb)))
"""

ASKED = {
    "task": "noop",
    "queue": "default",
    "run_at": None,
    "dedupe_key": None,
    "slot_seconds": None,
    "cron": None,
    "priority": 0,
}

LOAD = """
insert into execution (id, task, queue, priority, run_at, payload)
select gen_random_uuid(), 'noop', 'default', $2, clock_timestamp() + $3::interval,
    jsonb_build_object('value', value, 'x', repeat('a', 40))
from generate_series(0, $1::int - 1) value
"""

CLAIM = """
with ready as (
    select id, task from execution where queue = $1 and run_at <= clock() and ready = true
    order by priority, run_at limit $2 for update skip locked
)
update execution set attempts = execution.attempts + 1, locked_by = $3, locked_at = clock()
from ready where execution.id = ready.id and execution.queue = $1
returning execution.id, execution.task, execution.queue, execution.payload, execution.waits_for, execution.waits_in,
    execution.cancelled, execution.last_error, execution.dedupe_key, execution.cron
"""


@asynccontextmanager
async def connected(ask: Ask) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(ask.target, server_settings={"search_path": "rows"})
    try:
        yield connection
    finally:
        await connection.close()


async def load(ask: Ask, *rows: tuple[int, int, str], keep: int | None = None) -> None:
    """Anew: (how many, priority, from when on) each; those that are completed are kept, or with 0 deleted."""
    async with connected(ask) as connection:
        await connection.execute("drop schema if exists rows cascade; create schema rows; set search_path to rows")
        await connection.execute(SCHEMA)
        await connection.execute("insert into task (name, keep_completed) values ('noop', $1)", keep)
        for n, priority, after in rows:
            await connection.execute(LOAD.replace("$3", f"'{after}'"), n, priority)
        await connection.execute("vacuum analyze execution")


async def sent(ask: Ask, clients: int, size: int, of: Callable[[Any], Callable[..., Awaitable[object]]]) -> float:
    await load(ask)
    async with AsyncExitStack() as stack:
        senders = [of(await stack.enter_async_context(connected(ask))) for _ in range(clients)]
        return await rate_of_senders(slices(list(map(row, range(ask.n))), size), senders)


async def invoke(ask: Ask) -> Figures:
    def of(connection: Any) -> Callable[..., Awaitable[object]]:
        async def send(items: Sequence[dict[str, Any]]) -> None:
            await connection.fetchval(INVOKE, json.dumps(items[0]))

        return send

    return {"rate": await sent(ask, SENDERS, 1, of)}


async def invoke_many(ask: Ask) -> Figures:
    def of(connection: Any) -> Callable[..., Awaitable[object]]:
        async def send(items: Sequence[dict[str, Any]]) -> None:
            asked = [{**ASKED, "payload": item} for item in items]
            await connection.fetch(INVOKE_MANY, json.dumps(asked))

        return send

    return {f"rate_{size}": await sent(ask, clients, size, of) for size, clients in MANY}


def finishing(ask: Ask, size: int, most: int) -> Callable[[Start], Coroutine[None, None, int]]:
    """Claims and finishes `most` of them."""

    async def client(start: Start) -> int:
        worker, finished = uuid.uuid4(), 0
        async with connected(ask) as connection:
            claim = await connection.prepare(CLAIM)
            finish = await connection.prepare(FINISH)
            await start()
            while finished < most:
                rows = await claim.fetch("default", size, worker)
                done = [{"execution_id": str(one["id"]), "task": one["task"], "result": None} for one in rows]
                await finish.fetch(json.dumps(done), ["noop"])
                finished += len(rows)
        return finished

    return client


def finished_by(size: int, *workers: int, keep: int | None = None) -> Callable[[Ask], Figures]:
    def rates(ask: Ask) -> Figures:
        figures: Figures = {}
        run_async(load(ask, (len(workers) * ask.n + BACKLOG, 0, "0 s"), keep=keep))
        for clients in workers:
            client = finishing(ask, size, ask.n // clients)
            figures[f"rate_{clients}"] = rate_of_processes(ask.n, clients, client)
        return figures

    return rates


async def poll(ask: Ask) -> Figures:
    """`n` rows of a better priority are due tomorrow."""
    await load(ask, (READY, 1, "0 s"), (ask.n, 0, "1 day"))
    taken: list[float] = []
    async with connected(ask) as connection:
        for _ in range(POLLS):
            start = time.perf_counter()
            rows = await connection.fetch(CLAIM, "default", POLLED, uuid.uuid4())
            taken.append(time.perf_counter() - start)
            assert len(rows) == POLLED
    return {"poll_ms": 1000 * median(taken), "polls": 1 / median(taken)}


if __name__ == "__main__":
    answer(
        {
            "invoke": invoke,
            "invoke_many": invoke_many,
            "finish_10": finished_by(10, 1, 4),
            "finish_100": finished_by(100, 1),
            "finish_500": finished_by(500, 1, 4),
            "delete_500": finished_by(500, 1, 4, keep=0),
            "poll": poll,
        }
    )
