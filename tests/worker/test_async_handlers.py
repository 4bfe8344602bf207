"""`async def` handlers: one coroutine after another in the same task, and yet nothing is shared between items."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import sys

import pytest

from stook.core.errors import StookError
from stook.core.policy import TaskPolicy
from stook.worker.words import Context, Event, Fail, NonRetryable, Ok, RetryAfter
from tests.worker.running import outcomes, run, working

ONCE = TaskPolicy(max_attempts=1)
seen = contextvars.ContextVar("seen", default="nothing")


def test_each_item_has_its_result_and_order_is_kept():
    async def double(n):
        return n * 2

    batch = outcomes(double, list(range(2000)))
    assert batch.values() == [str(n * 2) for n in range(2000)]
    assert batch.runs == [1] * 2000


@pytest.mark.parametrize("suspends", [False, True])
@pytest.mark.parametrize("concurrency", [1, 7])
def test_a_context_variable_set_by_one_item_is_not_there_for_the_next(suspends, concurrency):
    async def leak(n):
        before = seen.get()
        seen.set(f"set by {n}")
        if suspends:
            await asyncio.sleep(0)
        return [before, seen.get()]

    batch = outcomes(leak, list(range(50)), concurrency=concurrency)
    assert batch.values() == [f'["nothing","set by {n}"]' for n in range(50)]


def test_items_begin_with_the_context_the_worker_was_started_in():
    async def look(_payload):
        return seen.get()

    token = seen.set("the app's")
    try:
        assert outcomes(look, [1, 2]).values() == ['"the app\'s"', '"the app\'s"']
    finally:
        seen.reset(token)


def test_timeouts_task_groups_and_own_tasks_work_inside_a_handler():
    async def inner(n):
        await asyncio.sleep(0)
        return n + 1

    async def handler(n):
        assert asyncio.current_task() is not None
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            timed_out = True
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(inner(n)) for _ in range(3)]
        return [timed_out, *(task.result() for task in tasks), await asyncio.create_task(inner(n))]

    batch = outcomes(handler, [1, 2, 3], concurrency=2)
    assert batch.values() == ["[true,2,2,2,2]", "[true,3,3,3,3]", "[true,4,4,4,4]"]


def test_an_error_is_recorded_with_type_message_traceback_and_fingerprint():
    async def handler(n):
        raise KeyError(f"row {n}")

    batch = outcomes(handler, [1, 2], policy=ONCE)
    first, second = batch.only(0), batch.only(1)
    assert (first.kind, first.type, first.message, first.code) == ("failed", "KeyError", "'row 1'", "handler_error")
    assert first.traceback.startswith("Traceback (most recent call last):\n")
    assert first.traceback.endswith("KeyError: 'row 1'\n")
    assert "in handler" in first.traceback
    assert "stook/worker" not in first.traceback
    assert first.fingerprint == second.fingerprint != ""
    assert first.duration < 1_000_000


@pytest.mark.parametrize("suspends", [False, True])
def test_a_failed_attempt_is_tried_again_and_its_number_counts_up(suspends):
    async def handler(event: Event):
        if suspends:
            await asyncio.sleep(0)
        if event.attempt < 3:
            raise ValueError(event.attempt)
        return event.attempt

    batch = outcomes(handler, ["x"])
    assert batch.values() == ["3"]
    assert [trouble.message for trouble in batch.troubles[0]] == ["1", "2"]


def test_what_a_handler_raises_decides_about_the_retry():
    async def handler(how):
        match how:
            case "never":
                raise NonRetryable("no use")
            case "later":
                raise RetryAfter(7)
            case _:
                sys.exit(3)

    batch = outcomes(handler, ["never", "later", "exit"], policy=TaskPolicy(max_attempts=2))
    assert batch.only(0).retryable is False
    assert (batch.only(0).type, batch.only(0).code) == ("NonRetryable", "non_retryable")
    assert [trouble.retry_after for trouble in batch.troubles[1]] == [7.0, 7.0]
    assert [trouble.type for trouble in batch.troubles[2]] == ["SystemExit", "SystemExit"]


def test_a_verdict_may_be_returned():
    async def handler(n):
        await asyncio.sleep(0)
        return [Ok({"n": n}), Fail("not today", retry=False), RetryAfter(3), ValueError("given back")][n]

    batch = outcomes(handler, [0, 1, 2, 3], policy=ONCE)
    assert batch.values() == ['{"n":0}', None, None, None]
    assert (batch.only(1).message, batch.only(1).retryable) == ("not today", False)
    assert batch.only(2).retry_after == 3.0
    assert (batch.only(3).type, batch.only(3).message) == ("ValueError", "given back")


def test_a_result_that_is_no_json_fails_that_item_alone():
    async def handler(n):
        return object() if n == 1 else float("nan") if n == 2 else n

    batch = outcomes(handler, [0, 1, 2, 3], policy=ONCE)
    assert batch.values() == ["0", None, None, "3"]
    assert batch.only(1).code == batch.only(2).code == "result_not_serializable"
    assert "object" in batch.only(1).message
    assert "NaN" in batch.only(2).message


def test_a_cancelled_error_of_the_handlers_own_is_a_failure_like_others():
    async def handler(n):
        if n == 0:
            task = asyncio.create_task(asyncio.sleep(60))
            await asyncio.sleep(0)
            task.cancel()
            await task
        if n == 1:
            raise asyncio.CancelledError
        return n

    batch = outcomes(handler, [0, 1, 2], policy=ONCE, concurrency=1)
    assert batch.states == ["failed", "failed", "succeeded"]
    assert batch.only(0).type == "asyncio.exceptions.CancelledError"


def test_handlers_that_never_suspend_do_not_starve_the_loop():
    async def main():
        handled, at_each_turn = 0, [0]

        async def elsewhere():
            while handled < 3000:
                at_each_turn.append(handled)
                await asyncio.sleep(0)

        async def busy(_payload):
            nonlocal handled
            handled += 1
            sum(range(2000))

        async with working(busy, concurrency=50) as (source, _):
            batch = source.submit([0] * 3000)
            await asyncio.gather(source.ended(batch), elsewhere())
        in_a_row = max(after - before for before, after in itertools.pairwise(at_each_turn))
        assert in_a_row < 500

    run(main())


def test_slots_fill_and_stay_within_concurrency():
    async def main():
        now = most = 0
        full = asyncio.Event()

        async def handler(_payload):
            nonlocal now, most
            now += 1
            most = max(most, now)
            if now == 20:
                full.set()
            await full.wait()
            await asyncio.sleep(0)
            now -= 1

        async with working(handler, concurrency=20) as (source, worker):
            batch = source.submit([0] * 100)
            await full.wait()
            assert worker.running == 20
            await source.ended(batch)
        assert most == 20

    run(main())


def test_a_handler_may_ask_for_event_and_context():
    async def handler(event: Event, ctx: Context):
        assert event.id == ctx.execution_id
        assert event.created_at.year == 2023
        assert (ctx.task, ctx.queue, ctx.attempt, ctx.max_attempts) == ("t", "slow", 1, 3)
        assert (event.kind, event.name) == ("invoke", "stook.invoke")
        assert ctx.metadata == event.metadata == {"customer": 7}
        assert ctx.deadline is None
        assert not ctx.signal.is_set()
        ctx.raise_if_cancelled()
        return [event.id, event.payload]

    async def main():
        async with working(handler) as (source, _):
            batch = source.submit([5, 6], policy=TaskPolicy(queue="slow"), metadata={"customer": 7})
            await source.ended(batch)
            assert batch.values()[1] == '["00000000-0000-0000-0000-000100000001",6]'

    run(main())


def test_ending_the_program_without_stopping_the_worker_ends_it_quietly():
    async def main():
        started = asyncio.Event()

        async def handler(_payload):
            started.set()
            await asyncio.Event().wait()

        context = working(handler, concurrency=2)
        source, _ = await context.__aenter__()
        source.submit([1, 2, 3])
        await started.wait()

    run(main())


def test_a_worker_is_used_once():
    async def main():
        async def handler(_payload): ...

        async with working(handler) as (_, worker):
            with pytest.raises(StookError, match="started before"):
                await worker.start()

    run(main())
