"""An item that runs too long, is cancelled, or whose lease is gone: it alone is stopped."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from stook.core.extras import ItemExtras
from stook.core.policy import TaskPolicy
from stook.worker import renewal
from stook.worker.words import Cancelled, Context, SyncContext
from tests.worker.fake_source import unavailable
from tests.worker.running import LIMIT, outcomes, run, soon, working


@pytest.fixture(autouse=True)
def look_often(monkeypatch):
    monkeypatch.setattr(renewal, "CANCELLATIONS", 0.01)


def block_until(condition):
    """Holds the event loop, as a bad handler would."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


async def forever(_payload):
    await asyncio.Event().wait()


# ------------------------------------------------------------------------------------------------------- timeouts


def test_an_attempt_that_runs_too_long_is_cancelled_and_the_slot_goes_on():
    async def handler(n):
        if n % 2:
            await asyncio.Event().wait()
        return n

    batch = outcomes(handler, [0, 1, 2, 3, 4], policy=TaskPolicy(timeout=0.02, max_attempts=1), concurrency=1)
    assert batch.states == ["succeeded", "failed", "succeeded", "failed", "succeeded"]
    trouble = batch.only(1)
    assert (trouble.type, trouble.code, trouble.retryable) == ("AttemptTimeout", "attempt_timeout", True)
    assert "its timeout is 0.02 s" in trouble.message
    assert 20_000 <= trouble.duration < 5_000_000


def test_a_timeout_is_told_by_the_signal_and_ends_the_attempt_whatever_the_handler_makes_of_it():
    reasons = []

    async def stubborn(_payload, ctx: Context):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            reasons.append(ctx.signal.reason)
        return "done all the same"

    batch = outcomes(stubborn, [1, 2], policy=TaskPolicy(timeout=0.02, max_attempts=1), concurrency=1)
    assert reasons == ["timeout", "timeout"]
    assert batch.only(0).code == batch.only(1).code == "attempt_timeout"


def test_a_handlers_own_timeout_is_not_taken_for_the_attempts():
    async def handler(_payload):
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "own"

    assert outcomes(handler, [1], policy=TaskPolicy(timeout=5)).values() == ['"own"']


def test_a_handler_that_swallows_its_cancellation_gets_another(monkeypatch):
    monkeypatch.setattr("stook.worker.consumer.AGAIN", 10_000_000)
    tries = 0

    async def handler(_payload):
        nonlocal tries
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                tries += 1
                if tries == 3:
                    raise

    batch = outcomes(handler, [1], policy=TaskPolicy(timeout=0.01, max_attempts=1))
    assert tries == 3
    assert batch.only().code == "attempt_timeout"


def test_no_timer_is_made_per_item(monkeypatch):
    async def handler(n):
        await asyncio.sleep(0)
        return n

    async def main():
        loop = asyncio.get_running_loop()
        timers = []
        call_later = loop.call_later
        monkeypatch.setattr(
            loop, "call_later", lambda delay, call, *given: (timers.append(call), call_later(delay, call, *given))[1]
        )
        policy = TaskPolicy(timeout=30)
        async with working(handler, policy=policy, concurrency=5) as (source, _):
            await source.ended(source.submit(list(range(3000)), policy=policy))
        watched = [one for one in timers if getattr(one, "__qualname__", "") == "Watchdog._turn"]
        assert len(watched) <= 3

    run(main())


def test_a_thread_is_signalled_and_its_timeout_recorded_once_it_returns():
    reasons = []

    def handler(_payload, ctx: SyncContext):
        reasons.append(ctx.signal.wait(5))
        return "late"

    batch = outcomes(handler, [1, 2], policy=TaskPolicy(timeout=0.02, max_attempts=1), concurrency=1)
    assert reasons == ["timeout", "timeout"]
    assert batch.only(0).code == "attempt_timeout"


# --------------------------------------------------------------------------------------------------- cancellation


@pytest.mark.parametrize("grace", [0, 0.03])
def test_a_cancelled_item_is_signalled_then_cancelled_and_its_neighbours_go_on(grace):
    async def main():
        told, stopped, others = [], [], asyncio.Event()

        async def handler(n, ctx: Context):
            if n == 0:
                await others.wait()
                return "other"
            try:
                told.append(await ctx.signal.wait())
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                stopped.append(True)
                raise

        policy = TaskPolicy(cancel_grace=grace)
        async with working(handler) as (source, _):
            batch = source.submit([0, 1], policy=policy)
            await source.until(lambda: source.leases)
            source.cancel(batch, 1)
            await source.until(lambda: batch.states[1] == "cancelled")
            assert batch.states[0] == "running"
            others.set()
            await source.ended(batch)
        assert told == ["cancelled"] or not grace
        assert stopped == [True]
        assert batch.values() == ['"other"', None]
        assert batch.only(1).kind == "cancelled"

    run(main())


def test_a_cancelled_handler_may_end_by_itself_and_whatever_it_returns_is_discarded():
    async def main():
        async def handler(how, ctx: Context):
            await ctx.signal.wait()
            if how == "raises":
                raise ValueError
            if how == "asks":
                ctx.raise_if_cancelled()
            return how

        async with working(handler) as (source, _):
            batch = source.submit(["returns", "raises", "asks"])
            await source.until(lambda: source.leases)
            source.cancel(batch)
            await source.ended(batch)
            assert batch.states == ["cancelled"] * 3

    run(main())


def test_a_cancelled_item_that_waits_in_the_worker_never_starts():
    async def main():
        started, go = [], asyncio.Event()

        async def handler(n):
            started.append(n)
            if n == 0:
                await go.wait()
            return n

        async with working(handler, concurrency=1) as (source, _):
            warm = source.submit([9] * 50)
            await source.ended(warm)
            batch = source.submit([0, 1, 2])
            await source.until(lambda: batch.states == ["running"] * 3)
            source.cancel(batch, 1)
            await source.until(lambda: batch.states[1] == "cancelled")
            go.set()
            await source.ended(batch)
        assert started[50:] == [0, 2]

    run(main())


def test_a_thread_is_told_at_once_and_ends_cancelled():
    async def main():
        def handler(_payload, ctx: SyncContext):
            assert ctx.signal.wait(10) == "cancelled"
            with pytest.raises(Cancelled):
                ctx.raise_if_cancelled()
            ctx.raise_if_cancelled()

        async with working(handler) as (source, _):
            batch = source.submit([1])
            await source.until(lambda: source.leases)
            source.cancel(batch)
            await source.ended(batch)
            assert batch.states == ["cancelled"]

    run(main())


# --------------------------------------------------------------------------------------------------------- leases


@pytest.mark.parametrize("grace", [0, 30])
def test_an_item_whose_lease_is_lost_is_stopped_and_its_result_dropped(grace):
    async def main():
        reasons = []
        runs = 0

        async def handler(_payload, ctx: Context):
            nonlocal runs
            runs += 1
            if runs > 1:
                return "second"
            try:
                await asyncio.Event().wait()
            finally:
                reasons.append(ctx.signal.reason)

        policy = TaskPolicy(cancel_grace=grace)
        async with working(handler) as (source, worker):
            batch = source.submit([1], policy=policy)
            await source.until(lambda: source.leases)
            source.lose(batch)
            await source.ended(batch)
            await worker.drain()
            assert worker.in_flight == 0
        assert reasons == ["lease_lost"]
        assert batch.values() == ['"second"']
        assert batch.troubles == [[]]

    run(main())


def test_results_made_under_a_lost_lease_are_refused_and_nothing_hangs():
    async def main():
        async def handler(n):
            return n

        async with working(handler) as (source, worker):
            source.settle_gate = asyncio.Event()
            batch = source.submit([1, 2])
            await source.until(lambda: source.leases)
            source.lose(batch)
            source.settle_gate.set()
            await source.ended(batch)
            await worker.drain()
            assert batch.runs == [2, 2]
            assert batch.values() == ["1", "2"]

    run(main())


def test_a_handler_that_blocks_the_loop_keeps_its_lease():
    async def main():
        async def handler(_payload):
            before = len(source.renewals)
            block_until(lambda: any(lease for _, lease in source.renewals[before:]))
            return "renewed"

        async with working(handler, lease=0.05) as (source, _):
            batch = source.submit([1])
            await source.ended(batch)
            assert batch.values() == ['"renewed"']
            assert batch.runs == [1]

    run(main())


def test_a_blocked_loop_does_not_keep_a_cancellation_from_a_running_handler():
    async def main():
        seen = []

        async def handler(_payload, ctx: Context):
            source.cancel(batch)
            block_until(ctx.signal.is_set)
            seen.append(ctx.signal.reason)

        async with working(handler) as (source, _):
            batch = source.submit([1])
            await source.ended(batch)
        assert seen == ["cancelled"]

    run(main())


def test_a_worker_that_cannot_renew_gives_up_when_the_lease_is_over():
    async def main():
        reasons = []

        async def handler(_payload, ctx: Context):
            if reasons:
                return "later"
            try:
                await asyncio.Event().wait()
            finally:
                reasons.append(ctx.signal.reason)
                source.renew_errors.clear()

        async with working(handler, lease=0.05) as (source, worker):
            source.renew_errors = [unavailable() for _ in range(1000)]
            batch = source.submit([1])
            await source.until(lambda: source.leases)
            await soon(lambda: not worker.in_flight)
            assert reasons == ["lease_lost"]
            assert source.settlements == []
            source.lose(batch)
            await source.ended(batch)
            assert batch.values() == ['"later"']

    run(main())


def test_cancellations_are_looked_for_between_renewals():
    async def main():
        async with working(forever, lease=60) as (source, _):
            source.submit([1])
            await source.until(lambda: source.leases)
            await soon(lambda: len(source.renewals) >= 3)
            assert {lease for _, lease in source.renewals} == {0.0}

    run(main())


def test_the_renewal_has_a_thread_of_its_own():
    async def main():
        async with working(forever) as _:
            assert "stook renewal" in {thread.name for thread in threading.enumerate()}

    run(main())


@pytest.mark.parametrize("is_async", [True, False])
def test_an_item_may_have_a_timeout_of_its_own(is_async):
    async def coroutine(n, ctx: Context):
        await asyncio.sleep(0.02 if n else 60)

    def thread(n, ctx: SyncContext):
        ctx.signal.wait(0.02 if n else 60)

    async def main():
        policy = TaskPolicy(max_attempts=1, timeout=0.01)
        async with working(coroutine if is_async else thread, policy=policy) as (source, _):
            batch = source.submit(
                [0, 1], policy=policy, extras={0: ItemExtras(timeout=0.005), 1: ItemExtras(timeout=LIMIT)}
            )
            await source.ended(batch)
        assert batch.states == ["failed", "succeeded"]
        assert "its timeout is 0.005 s" in batch.only().message

    run(main())
