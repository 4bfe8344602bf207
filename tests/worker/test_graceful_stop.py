"""Stopping a worker loses nothing and costs nobody an attempt."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker import runtime
from stook.worker.words import BatchContext, Context, SyncContext
from tests.worker.fake_source import unavailable
from tests.worker.running import run, working


def test_what_runs_may_finish_and_what_has_not_started_is_released():
    async def main():
        started, go = [], asyncio.Event()

        async def handler(n, ctx: Context):
            started.append(n)
            assert await ctx.signal.wait() == "shutdown"
            ctx.raise_if_cancelled()
            await go.wait()
            return n

        async with working(handler, concurrency=2) as (source, worker):
            warm = source.submit([], task="t")
            batch = source.submit([0, 1, 2, 3])
            await source.until(lambda: len(started) == 2 or source.leases)
            stopping = asyncio.create_task(worker.stop(10))
            await asyncio.sleep(0)
            go.set()
            await stopping
            assert warm.states == []
        assert batch.states == ["succeeded", "succeeded", "queued", "queued"]
        assert worker.in_flight == 0
        assert source.leases == {}

    run(main())


def test_items_that_wait_in_the_worker_go_back_untouched():
    async def main():
        release, block = asyncio.Event(), asyncio.Event()

        async def handler(n):
            if n >= 0:
                block.set()
                await release.wait()
            return n

        async with working(handler, concurrency=1) as (source, worker):
            await source.ended(source.submit([-1] * 100))
            batch = source.submit(list(range(20)))
            await block.wait()
            await source.until(lambda: batch.states.count("running") == 20)
            stopping = asyncio.create_task(worker.stop(10))
            await source.until(lambda: batch.states.count("queued") == 19)
            assert not stopping.done()
            release.set()
            await stopping
        assert batch.states == ["succeeded"] + ["queued"] * 19
        assert {trouble[0].kind for trouble in batch.troubles[1:]} == {"released"}

    run(main())


def test_after_the_grace_coroutines_are_cut_and_released():
    async def main():
        cleaned = []

        async def handler(_payload):
            try:
                await asyncio.Event().wait()
            finally:
                cleaned.append(True)

        async with working(handler) as (source, worker):
            batch = source.submit([1, 2])
            await source.until(lambda: worker.running)
            await worker.stop(0.02)
        assert cleaned == [True] * 2
        assert batch.states == ["queued"] * 2
        assert batch.only(0).kind == "released"

    run(main())


@pytest.mark.parametrize("threaded", [False, True])
def test_a_raise_after_the_signal_is_a_release_and_a_result_is_a_result(threaded):
    async def main():
        async def coroutine(n, ctx: Context):
            await ctx.signal.wait()
            if n:
                raise ValueError
            return "made it"

        def thread(n, ctx: SyncContext):
            ctx.signal.wait(10)
            if n:
                raise ValueError
            return "made it"

        async with working(thread if threaded else coroutine) as (source, worker):
            batch = source.submit([0, 1])
            await source.until(lambda: worker.running == 2)
            await worker.stop(10)
        assert batch.states == ["succeeded", "queued"]
        assert batch.only(1).kind == "released"

    run(main())


def test_a_group_is_told_and_its_members_are_released_if_it_raises():
    async def main():
        async def handler(rows, ctx: BatchContext):
            assert await ctx.signal.wait() == "shutdown"
            raise ValueError

        policy = TaskPolicy(batch=BatchConfig(3))
        async with working(handler, policy=policy) as (source, worker):
            batch = source.submit([0, 1, 2], policy=policy)
            await source.until(lambda: worker.running)
            await worker.stop(10)
        assert batch.states == ["queued"] * 3
        assert {batch.only(n).kind for n in range(3)} == {"released"}

    run(main())


def test_a_thread_that_outlives_the_stop_keeps_its_lease(monkeypatch, caplog):
    monkeypatch.setattr(runtime, "LAST_WAIT", 0.02)

    async def main():
        release = threading.Event()

        def handler(n):
            if n == 0:
                release.wait(10)

        async with working(handler) as (source, worker):
            batch = source.submit([0, 1])
            await source.until(lambda: batch.states[1] == "succeeded")
            await worker.stop(0)
            assert worker.in_flight == 1
        assert batch.states[0] == "running"
        assert len(source.leases) == 1
        release.set()

    run(main())
    assert "1 executions outlived their worker" in caplog.text


def test_everything_is_settled_before_stop_returns_also_when_the_store_is_away(monkeypatch):
    monkeypatch.setattr("stook.worker.backoff.FIRST", 0.001)

    async def main():
        async def handler(n):
            return n

        async with working(handler, concurrency=1) as (source, worker):
            source.settle_errors = [unavailable() for _ in range(3)]
            batch = source.submit(list(range(10)))
            await source.until(lambda: source.leases)
            await worker.stop(5)
        assert source.settle_errors == []
        assert set(batch.states) <= {"succeeded", "queued"}
        assert source.leases == {}

    run(main())


def test_stop_gives_up_on_a_store_that_stays_away_when_the_leases_are_over(monkeypatch):
    monkeypatch.setattr("stook.worker.backoff.FIRST", 0.001)
    monkeypatch.setattr(runtime, "TICK", 0.01)

    async def main():
        async def handler(n):
            return n

        async with working(handler, lease=0.1) as (source, worker):
            source.renew_errors = [unavailable() for _ in range(10_000)]
            source.settle_errors = [unavailable() for _ in range(10_000)]
            batch = source.submit([1])
            await source.until(lambda: source.leases)
            await worker.stop(5)
        assert batch.states == ["running"]
        assert worker.in_flight == 0

    run(main())


def test_a_claim_under_way_is_waited_for_and_what_it_brings_is_released():
    async def main():
        async def handler(n):
            return n

        asked, answer = asyncio.Event(), asyncio.Event()
        async with working(handler) as (source, worker):
            claim = source.claim

            async def slow(what):
                claimed = await claim(what)
                if claimed.slices:
                    asked.set()
                    await answer.wait()
                return claimed

            source.claim = slow
            batch = source.submit([1, 2, 3])
            await asked.wait()
            stopping = asyncio.create_task(worker.stop(5))
            await asyncio.sleep(0)
            answer.set()
            await stopping
        assert batch.states == ["queued"] * 3
        assert batch.runs == [1] * 3

    run(main())


def test_stopping_twice_and_before_the_start_is_harmless():
    async def main():
        async def handler(n):
            return n

        async with working(handler) as (_, worker):
            await asyncio.gather(worker.stop(), worker.stop())
            await worker.stop()

    run(main())


def test_drain_waits_for_retries_that_are_due_and_for_work_that_work_made():
    async def main():
        tries = 0

        async def handler(n):
            nonlocal tries
            tries += 1
            if tries == 1:
                source.submit([7])
                raise ValueError
            return n

        async with working(handler) as (source, worker):
            source.submit([1])
            assert await worker.drain()
            assert tries == 3
            assert worker.in_flight == 0
            assert await worker.drain()

    run(main())


def test_drain_gives_up_after_its_timeout_and_the_worker_goes_on():
    async def main():
        go = asyncio.Event()

        async def handler(n):
            await go.wait()
            return n

        async with working(handler) as (source, worker):
            batch = source.submit([1])
            assert not await worker.drain(timeout=0.02)
            go.set()
            await source.ended(batch)

    run(main())


def test_one_hurried_claim_brings_as_many_groups_as_slots_are_free():
    async def main():
        groups, began, go = [], asyncio.Event(), asyncio.Event()

        async def grouped(rows, ctx: BatchContext):
            groups.append((rows, ctx.closed_by))
            if rows == [0]:
                began.set()
                await go.wait()
            return rows

        policy = TaskPolicy(batch=BatchConfig(2, 60))
        async with working(grouped, policy=policy, concurrency=3) as (source, worker):
            claim = source.claim

            async def held(what):
                if what.hurried:
                    last.append(what)
                    source.ready.extend(waiting)
                    waiting.clear()
                return await claim(what)

            last, source.claim = [], held
            busy = source.submit([0], policy=policy, forced="timeout")
            await began.wait()
            batch = source.submit([1, 2, 3, 4, 5], policy=policy, forced="drain")
            waiting = list(source.ready)
            source.ready.clear()
            stopping = asyncio.create_task(worker.stop(5))
            await source.until(lambda: batch.states[:4] == ["succeeded"] * 4)
            go.set()
            await stopping
        assert [one.items for one in last] == [4]
        assert groups == [([0], "timeout"), ([1, 2], "size"), ([3, 4], "size")]
        assert batch.states[4] == "queued"
        assert busy.states == ["succeeded"]

    run(main())


def test_a_stop_of_a_worker_that_has_failed_claims_nothing_more():
    async def main():
        async def grouped(rows):
            return rows

        policy = TaskPolicy(batch=BatchConfig(2, 60))
        async with working(grouped, policy=policy) as (source, worker):
            await source.until(lambda: source.claims)
            worker.give_up(OSError("disk full"))
            await worker.stop(5)
            assert not any(one.hurried for one in source.claims)

    run(main())
