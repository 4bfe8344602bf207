"""The statements of a queue that keeps a row per execution, as Postgres Conductor has them: a table with the indexes
such a queue needs, claims by FOR UPDATE SKIP LOCKED, a column written (or the row deleted) at the end. No worker, no
results, no retries; each statement a transaction of its own.
"""

from __future__ import annotations

import json
import time
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
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

SCHEMA = """
create table execution (
    id uuid not null, queue text not null, task text not null, priority int not null default 0,
    run_at timestamptz not null default clock_timestamp(), payload jsonb, dedupe_key text, parent_id uuid,
    created_at timestamptz not null default clock_timestamp(), attempts int not null default 0, locked_by uuid,
    locked_at timestamptz, completed_at timestamptz, failed_at timestamptz, last_error text,
    open bool generated always as (completed_at is null and failed_at is null and locked_at is null) stored,
    primary key (queue, id)
) with (fillfactor = 70);
create index execution_ready on execution (queue, priority desc, run_at) where open;
create unique index execution_dedupe on execution (queue, task, dedupe_key)
    where dedupe_key is not null and completed_at is null and failed_at is null;
create index execution_locked on execution (locked_by) where locked_by is not null;
create index execution_completed on execution (completed_at) where completed_at is not null;
create index execution_failed on execution (failed_at) where failed_at is not null;
create index execution_parent on execution (parent_id) where parent_id is not null;
create index execution_task on execution (task);
"""

INVOKE = """
insert into execution (id, queue, task, payload) values ($1, 'default', 'noop', $2)
on conflict do nothing returning id
"""

INVOKE_MANY = """
insert into execution (id, queue, task, priority, run_at, payload, dedupe_key)
select id, 'default', 'noop', 0, clock_timestamp(), payload, null
from unnest($1::uuid[], $2::jsonb[]) as item (id, payload)
on conflict do nothing returning id
"""

LOAD = """
insert into execution (id, queue, task, priority, run_at, payload)
select gen_random_uuid(), 'default', 'noop', $2, clock_timestamp() + $3::interval,
    jsonb_build_object('value', value, 'x', repeat('a', 40))
from generate_series(0, $1::int - 1) value
"""

CLAIM = """
with ready as (
    select id from execution where queue = $1 and open and run_at <= clock_timestamp()
    order by priority desc, run_at limit $2 for update skip locked
)
update execution set attempts = attempts + 1, locked_by = $3, locked_at = clock_timestamp()
from ready where execution.queue = $1 and execution.id = ready.id
returning execution.id, execution.task, execution.payload, execution.attempts
"""

COMPLETE = """
update execution set completed_at = clock_timestamp(), locked_by = null, locked_at = null
where queue = $1 and id = any($2) and locked_by = $3
"""

DELETE = "delete from execution where queue = $1 and id = any($2) and locked_by = $3"


@asynccontextmanager
async def connected(ask: Ask) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(ask.target)
    try:
        yield connection
    finally:
        await connection.close()


async def load(ask: Ask, *rows: tuple[int, int, str]) -> None:
    """Anew: (how many, priority, from when on) each."""
    async with connected(ask) as connection:
        await connection.execute("drop table if exists execution")
        await connection.execute(SCHEMA)
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
            await connection.fetchval(INVOKE, uuid.uuid4(), json.dumps(items[0]))

        return send

    return {"rate": await sent(ask, SENDERS, 1, of)}


async def invoke_many(ask: Ask) -> Figures:
    def of(connection: Any) -> Callable[..., Awaitable[object]]:
        async def send(items: Sequence[dict[str, Any]]) -> None:
            ids = [uuid.uuid4() for _ in items]
            await connection.fetch(INVOKE_MANY, ids, [json.dumps(item) for item in items])

        return send

    return {f"rate_{size}": await sent(ask, clients, size, of) for size, clients in MANY}


def finishing(ask: Ask, size: int, most: int, finish: str) -> Callable[[Start], Coroutine[None, None, int]]:
    """Claims and finishes `most` of them."""

    async def client(start: Start) -> int:
        worker, finished = uuid.uuid4(), 0
        async with connected(ask) as connection:
            claim = await connection.prepare(CLAIM)
            complete = await connection.prepare(finish)
            await start()
            while finished < most:
                rows = await claim.fetch("default", size, worker)
                await complete.fetch("default", [one["id"] for one in rows], worker)
                finished += len(rows)
        return finished

    return client


def finished_by(size: int, *workers: int, finish: str = COMPLETE) -> Callable[[Ask], Figures]:
    def rates(ask: Ask) -> Figures:
        figures: Figures = {}
        run_async(load(ask, (len(workers) * ask.n + BACKLOG, 0, "0 s")))
        for clients in workers:
            client = finishing(ask, size, ask.n // clients, finish)
            figures[f"rate_{clients}"] = rate_of_processes(ask.n, clients, client)
        return figures

    return rates


async def poll(ask: Ask) -> Figures:
    """`n` rows of a better priority are due tomorrow."""
    await load(ask, (READY, 0, "0 s"), (ask.n, 1, "1 day"))
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
            "delete_500": finished_by(500, 1, 4, finish=DELETE),
            "poll": poll,
        }
    )
