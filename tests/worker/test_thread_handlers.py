"""`def` handlers: threads that take items themselves."""

from __future__ import annotations

import asyncio
import contextvars
import threading

from stook.core.policy import TaskPolicy
from stook.worker.words import RetryAfter, SyncContext
from tests.worker.running import outcomes, run, working

seen = contextvars.ContextVar("seen", default="nothing")


def test_each_item_has_its_result():
    def double(n):
        return n * 2

    batch = outcomes(double, list(range(3000)))
    assert batch.values() == [str(n * 2) for n in range(3000)]
    assert batch.runs == [1] * 3000


def test_threads_are_started_when_needed_and_no_more_than_concurrency():
    async def main():
        barrier = threading.Barrier(4)
        names = set()

        def handler(_payload):
            barrier.wait(10)
            names.add(threading.current_thread().name)

        before = set(threading.enumerate())

        def started():
            return [one for one in set(threading.enumerate()) - before if one.name == "stook handler"]

        async with working(handler, concurrency=4) as (source, _):
            assert len(started()) == 0
            batch = source.submit([0] * 40)
            await source.ended(batch)
            assert len(started()) == 4
        assert names == {"stook handler"}

    run(main())


def test_a_context_variable_set_by_one_item_is_not_there_for_the_next():
    def leak(n):
        before = seen.get()
        seen.set(f"set by {n}")
        return before

    token = seen.set("the app's")
    try:
        assert outcomes(leak, list(range(30)), concurrency=2).values() == ['"the app\'s"'] * 30
    finally:
        seen.reset(token)


def test_errors_verdicts_and_contexts_are_as_for_coroutines():
    def handler(n, ctx: SyncContext):
        assert ctx.attempt in (1, 2)
        assert isinstance(ctx, SyncContext)
        if n == 0:
            raise KeyError("zero")
        return RetryAfter(4) if n == 1 else n

    batch = outcomes(handler, [0, 1, 2], policy=TaskPolicy(max_attempts=2))
    assert [trouble.type for trouble in batch.troubles[0]] == ["KeyError", "KeyError"]
    assert "in handler" in batch.troubles[0][0].traceback
    assert "stook/worker" not in batch.troubles[0][0].traceback
    assert [trouble.retry_after for trouble in batch.troubles[1]] == [4.0, 4.0]
    assert batch.values()[2] == "2"


def test_completions_reach_the_loop_in_bulk(monkeypatch):
    async def main():
        loop = asyncio.get_running_loop()
        calls = 0
        original = loop.call_soon_threadsafe

        def counting(*given, **options):
            nonlocal calls
            calls += 1
            return original(*given, **options)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counting)

        def quick(n):
            return n

        async with working(quick, concurrency=1) as (source, _):
            batch = source.submit(list(range(4000)))
            await source.ended(batch)
        assert calls < 1000

    run(main())


def test_a_slow_item_keeps_no_other_waiting_while_a_slot_is_free():
    async def main():
        release = threading.Event()

        def handler(n):
            if n == 20:
                assert release.wait(10)
            return n

        async with working(handler, concurrency=2) as (source, _):
            batch = source.submit(list(range(200)))
            await source.until(lambda: batch.states.count("succeeded") == 199)
            assert batch.states[20] == "running"
            release.set()
            await source.ended(batch)

    run(main())


def test_coroutines_and_threads_share_the_slots():
    async def main():
        lock = threading.Lock()
        now = most = 0

        def enter():
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)

        def leave():
            nonlocal now
            with lock:
                now -= 1

        async def first(_payload):
            enter()
            await asyncio.sleep(0.001)
            leave()

        def second(_payload):
            enter()
            leave()

        async with working(first, second, concurrency=3) as (source, _):
            one = source.submit([0] * 60)
            other = source.submit([0] * 60, task="second")
            await source.ended(one)
            await source.ended(other)
        assert most <= 3

    run(main())
