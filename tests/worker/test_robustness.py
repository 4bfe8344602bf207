"""What must not bring a worker down, and what must end it visibly instead of leaving it to hang."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from stook.core.errors import ConfigError
from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker import puller, runtime
from stook.worker.assignment import Assignment
from stook.worker.definition import define
from stook.worker.held import NEVER, Held
from stook.worker.outbox import Outbox
from stook.worker.runtime import WorkerRuntime
from stook.worker.watchdog import Watchdog
from stook.worker.words import Context
from tests.worker import process_handlers
from tests.worker.fake_source import FakeSource
from tests.worker.running import outcomes, run, soon, working


async def echo(n):
    return n


def test_slots_stay_busy_while_claims_are_slow():
    async def main():
        idle, done = [], 0

        class Slow(FakeSource):
            async def claim(self, claim):
                claimed = await super().claim(claim)
                await asyncio.sleep(0.01)
                return claimed

        async def handler(_payload):
            nonlocal done
            await asyncio.sleep(0.002)
            done += 1
            if 500 < done < 1500 and worker.running < 20:
                idle.append(done)

        async with working(handler, source=Slow(), concurrency=20) as (source, worker):
            await source.ended(source.submit([0] * 2000))
        assert len(idle) < 50

    run(main())


@pytest.mark.parametrize("error", [StopIteration(1), asyncio.CancelledError(), SystemExit(2), GeneratorExit()])
@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("how", ["at once", "later", "thread"])
def test_strange_exceptions_are_failures_like_others(error, batched, how):
    async def coroutine(_payload):
        raise error

    async def later(_payload):
        await asyncio.sleep(0)
        raise error

    def thread(_payload):
        raise error

    policy = TaskPolicy(max_attempts=1, batch=BatchConfig(2) if batched else None)
    batch = outcomes({"at once": coroutine, "later": later, "thread": thread}[how], [1, 2], policy=policy)
    assert batch.states == ["failed", "failed"]


def test_an_object_with_an_async_call_is_a_coroutine_function():
    class Handler:
        async def __call__(self, n):
            await asyncio.sleep(0)
            return n + 1

    async def main():
        source = FakeSource()
        made = define(Handler(), name="t")
        assert made.kind == "async"
        worker = WorkerRuntime(source, {"t": made}, name="w")
        await worker.start()
        batch = source.submit([1])
        await source.ended(batch)
        await worker.stop(0)
        assert batch.values() == ["2"]

    run(main())


@pytest.mark.parametrize("threaded", [False, True])
def test_a_mistake_of_the_workers_own_ends_it_instead_of_hanging(monkeypatch, threaded):
    def wrong(*_given, **_options):
        raise RuntimeError("a mistake")

    def thread(n):
        return n

    async def main():
        monkeypatch.setattr(Held, "conclude", wrong)
        async with working(thread if threaded else echo) as (source, worker):
            source.submit([1])
            with pytest.raises(RuntimeError, match="a mistake"):
                await worker.drain()

    run(main())


def test_a_claim_that_hangs_does_not_keep_a_stop_from_returning(monkeypatch):
    monkeypatch.setattr(runtime, "LAST_WAIT", 0.02)

    class Hanging(FakeSource):
        async def claim(self, claim):
            self.claims.append(claim)
            await asyncio.Event().wait()

    async def main():
        async with working(echo, source=Hanging()) as (source, worker):
            await soon(lambda: source.claims)
            await worker.stop(0)

    run(main())


def test_a_settlement_that_hangs_is_given_up_when_the_leases_are_over():
    async def main():
        async with working(echo, lease=0.1) as (source, worker):
            source.settle_gate = asyncio.Event()
            batch = source.submit([1])
            await source.until(lambda: source.leases)
            await worker.stop(0)
            assert batch.states == ["running"]
            assert worker.in_flight == 0

    run(main())


def test_a_start_that_fails_leaves_nothing_running(monkeypatch):
    async def main():
        monkeypatch.setattr(
            "stook.worker.processes.spawn._PROGRAM", "import sys; sys.exit(7)  # {path}{link}{cells}{parent}"
        )
        made = define(process_handlers.double, name="t", processes=True)
        worker = WorkerRuntime(FakeSource(), {"t": made}, name="w", processes=2)
        with pytest.raises(ConfigError, match="a child process exited with status 7, before it was ready"):
            await worker.start()
        await soon(lambda: not worker._children.children.alive)
        await worker.stop()
        assert "stook renewal" not in {thread.name for thread in threading.enumerate()}

    run(main())


def test_children_that_cannot_be_replaced_end_the_worker(monkeypatch):
    monkeypatch.setattr("stook.worker.backoff.FIRST", 0.001)

    async def main():
        async with working(process_handlers.die, processes=1) as (source, worker):
            monkeypatch.setattr(
                "stook.worker.processes.spawn._PROGRAM", "import sys; sys.exit(7)  # {path}{link}{cells}{parent}"
            )
            source.submit(["SIGKILL", "ok"])
            with pytest.raises(ConfigError, match="exited with status 7, before it was ready"):
                await worker.drain()

    run(main())


def test_a_suspect_does_not_keep_slots_idle_behind_a_long_handler(monkeypatch):
    monkeypatch.setattr(puller, "PATIENCE", 0.01)
    monkeypatch.setattr(puller, "PAUSE", 0.01)

    async def main():
        go = asyncio.Event()

        async def handler(n):
            if n == "long":
                await go.wait()
            return n

        async with working(handler, concurrency=2) as (source, _):
            suspect = source.submit(["suspect"], exclusive=True)
            long = source.submit(["long"])
            await source.until(lambda: long.states == ["running"] or suspect.states == ["succeeded"])
            another = source.submit(["suspect"], exclusive=True)
            for _ in range(20):
                await source.ended(source.submit(["short"]))
                await asyncio.sleep(0.005)
            go.set()
            await source.ended(another)

    run(main())


# ------------------------------------------------------------------------------------------------------ small parts


def test_the_outbox_delivers_many_for_one_call_and_survives_one_that_raises():
    async def main():
        loop, got, failed = asyncio.get_running_loop(), [], []
        outbox = Outbox(loop, failed.append)
        arrived = asyncio.Event()

        def fill():
            for n in range(1000):
                outbox.post(got.append, n)
            outbox.post(int, "x")
            outbox.post(arrived.set)

        threading.Thread(target=fill).start()
        await arrived.wait()
        assert got == list(range(1000))
        assert isinstance(failed[0], ValueError)

    run(main())


def test_the_watchdog_looks_at_the_earliest_moment_and_again_when_told():
    async def main():
        from time import perf_counter_ns

        looks, done = [], asyncio.Event()
        start = perf_counter_ns()

        def look(now):
            looks.append(now - start)
            if len(looks) == 2:
                done.set()
                return NEVER
            return now + 1

        dog = Watchdog(look)
        dog.watch(start + 10**12)
        dog.watch(start + 1_000_000)
        dog.watch(start + 10**12)
        await done.wait()
        assert looks[0] < 10**10
        assert looks[1] - looks[0] >= 9_000_000
        dog.close()
        dog.watch(perf_counter_ns())
        await asyncio.sleep(0.02)
        assert len(looks) == 2

    run(main())


def test_a_logger_keeps_what_the_call_adds(caplog):
    context = Context(Assignment(b"\0" * 16, 0, "mail", "slow", 2, 3, None, 0, {}), 5)
    with caplog.at_level(logging.INFO, logger="stook.task.mail"):
        context.logger.info("sent", extra={"bytes": 12})
    record = caplog.records[0]
    assert (record.task, record.queue, record.attempt, record.bytes) == ("mail", "slow", 2, 12)
    assert record.execution_id == "00000000-0000-0000-0000-000000000005"
    assert context.logger is context.logger
