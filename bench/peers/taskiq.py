"""taskiq with taskiq-postgres (asyncpg): LISTEN/NOTIFY broker, results in PostgreSQL, its receiver as it comes."""

from __future__ import annotations

from taskiq.api import run_receiver_task
from taskiq_pg.asyncpg import AsyncpgBroker, AsyncpgResultBackend

from bench.probe import Ask, Figures, answer, result, row, say_ready, timed_calls, worker_beside


def broker_of(ask: Ask) -> AsyncpgBroker:
    broker = AsyncpgBroker(ask.target).with_result_backend(AsyncpgResultBackend(ask.target))

    @broker.task(task_name="noop")
    async def noop(value: int, x: str) -> dict[str, object]:
        return result({"value": value})

    return broker


async def worker(ask: Ask) -> Figures:
    broker = broker_of(ask)
    broker.is_worker_process = True
    await broker.startup()
    say_ready()
    await run_receiver_task(broker)
    return {}


async def one_at_a_time(ask: Ask) -> Figures:
    """Its way to wait for a result is to ask for it; it is told to ask every millisecond."""
    broker = broker_of(ask)
    with worker_beside(__file__, ask):
        await broker.startup()
        noop = broker.find_task("noop")
        assert noop is not None

        async def once(index: int) -> None:
            task = await noop.kiq(**row(index))
            await task.wait_result(check_interval=0.001)

        figures = await timed_calls(ask.n, once)
        await broker.shutdown()
        return figures


if __name__ == "__main__":
    answer({"worker": worker, "latency": one_at_a_time})
