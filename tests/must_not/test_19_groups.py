"""In groups: cancel undelivered, cancelled member stuck, shutdown counted as failure, memoised sleep repeated for
ever.
"""

from __future__ import annotations

import asyncio
import threading

import pytest

from stook import BatchConfig, BatchContext, Event, SyncBatchContext
from tests.must_not.apps import ended, values
from tests.must_not.test_06_running_code import Stage

FIVE = BatchConfig(5, 0)


@pytest.fixture
def stage(harness_on_either):
    return Stage(harness_on_either)


def test_a_cancel_reaches_the_call_and_the_member_ends_cancelled(stage):
    entered, seen = threading.Event(), []

    @stage.harness.app.task("group", batch=FIVE, max_attempts=1)
    async def group(rows, ctx: BatchContext):
        entered.set()
        async with asyncio.timeout(20):
            while not ctx.items_cancelled:
                await asyncio.sleep(0.005)
        seen.append((set(ctx.items_cancelled), ctx.signal.is_set()))
        return rows

    batch = group.map(range(5))
    stage.start(group, grace=20)
    assert entered.wait(20)
    assert batch.cancel_items([3]) == 1
    states = []
    while states != ["succeeded"] * 3 + ["cancelled", "succeeded"]:
        states = [result.state for result in batch.results()]
    stage.stop()
    assert seen == [({3}, False)]


def test_when_all_are_cancelled_the_signal_is_set_and_nothing_stays(stage):
    entered, reasons = threading.Event(), []

    @stage.harness.app.task("group", batch=FIVE, max_attempts=1)
    async def group(rows, ctx: BatchContext):
        entered.set()
        reasons.append(await ctx.signal.wait())
        ctx.raise_if_cancelled()

    batch = group.map(range(5))
    stage.start(group, grace=20)
    assert entered.wait(20)
    batch.cancel(hard=True)
    while not all(result.done for result in batch.results()):
        pass
    stage.stop()
    assert [result.state for result in batch.results()] == ["cancelled"] * 5
    assert reasons == ["cancelled"]
    assert stage.given("group") == 0


def test_what_was_cancelled_before_the_call_is_not_in_it(harness_on_either):
    calls = []

    @harness_on_either.app.task("group", batch=FIVE)
    async def group(rows):
        calls.append(rows)
        return rows

    batch = group.map(range(5))
    assert batch.cancel_items([0, 4]) == 2
    states = [result.state for result in ended(harness_on_either, batch)]
    assert states == ["cancelled", *["succeeded"] * 3, "cancelled"]
    assert calls == [[1, 2, 3]]


def test_a_member_cancelled_while_the_group_sleeps_does_not_wake_and_the_others_do(harness_on_either):
    calls = []

    @harness_on_either.app.task("group", batch=FIVE, max_attempts=1)
    async def group(rows, ctx: BatchContext):
        calls.append(rows)
        await ctx.sleep_all("nap", 600)
        return rows

    batch = group.map(range(5))
    harness_on_either.run_until_idle()
    assert batch.cancel_items([2]) == 1
    states = [result.state for result in ended(harness_on_either, batch)]
    assert states == ["succeeded", "succeeded", "cancelled", "succeeded", "succeeded"]
    assert calls == [[0, 1, 2, 3, 4], [0, 1, 3, 4]]


@pytest.mark.parametrize("on_error", ["retry_all", "bisect", "retry_singly"])
@pytest.mark.parametrize("is_async", [True, False])
def test_a_shutdown_is_no_failure(stage, on_error, is_async):
    entered = threading.Event()
    calls = []

    async def coroutine(rows, ctx: BatchContext):
        calls.append(rows)
        if len(calls) == 1:
            entered.set()
            await ctx.signal.wait()
            raise RuntimeError("stopped in the middle")
        return rows

    def thread(rows, ctx: SyncBatchContext):
        calls.append(rows)
        if len(calls) == 1:
            entered.set()
            ctx.signal.wait()
            raise RuntimeError("stopped in the middle")
        return rows

    policy = BatchConfig(5, 0, on_error=on_error)
    group = stage.harness.app.task("group", batch=policy, max_attempts=1)(coroutine if is_async else thread)
    batch = group.map(range(5))
    stage.start(group, grace=20)
    assert entered.wait(20)
    stage.stop()
    assert [result.state for result in batch.results()] == ["queued"] * 5
    assert values(stage.harness, batch) == list(range(5))
    assert calls == [list(range(5))] * 2


@pytest.mark.parametrize("is_async", [True, False])
def test_a_sleep_that_is_over_is_over(harness_on_either, is_async):
    calls = []

    async def coroutine(events: list[Event[int]], ctx: BatchContext):
        calls.append([event.attempt for event in events])
        await ctx.sleep_all("first", 60)
        await ctx.sleep_all("second", 60)
        return [event.payload for event in events]

    def thread(events: list[Event[int]], ctx: SyncBatchContext):
        calls.append([event.attempt for event in events])
        ctx.sleep_all("first", 60)
        ctx.sleep_all("second", 60)
        return [event.payload for event in events]

    group = harness_on_either.app.task("group", batch=FIVE, max_attempts=1)(coroutine if is_async else thread)
    assert values(harness_on_either, group.map(range(5))) == list(range(5))
    assert calls == [[1] * 5] * 3


def test_members_that_slept_and_newcomers_do_not_meet(harness_on_either):
    calls = []

    @harness_on_either.app.task("group", batch=BatchConfig(10, 0), max_attempts=1)
    async def group(rows, ctx: BatchContext):
        calls.append(sorted(rows))
        await ctx.sleep_all("nap", 60)
        return rows

    first = group.map([1, 2, 3])
    harness_on_either.run_until_idle()
    second = group.map([4, 5])
    harness_on_either.clock.advance(60)
    harness_on_either.run_until_idle()
    assert sorted(calls[1:]) == [[1, 2, 3], [4, 5]]
    assert values(harness_on_either, first) == [1, 2, 3]
    assert values(harness_on_either, second) == [4, 5]
    assert sorted(calls) == [[1, 2, 3]] * 2 + [[4, 5]] * 2
