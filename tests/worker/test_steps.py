"""Steps: once for an execution, whatever becomes of its attempts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from stook.core.policy import RetryPolicy, TaskPolicy
from stook.worker.words import Context, SyncContext
from tests.worker.fake_source import FakeSource, unavailable
from tests.worker.running import outcomes, run, working

ONCE = TaskPolicy(max_attempts=1)
AT_ONCE = RetryPolicy(delays=(0, 0))


def both(make):
    """The same handler as a coroutine on the loop and as a function in a thread."""
    return pytest.mark.parametrize("handler", [make(is_async=True), make(is_async=False)], ids=["async", "sync"])


def steps_then_fail(*, is_async):
    calls: list[str] = []

    def charge(amount: int) -> int:
        calls.append(f"charge {amount}")
        return amount + 1

    async def refund(amount: int) -> int:
        calls.append(f"refund {amount}")
        return amount - 1

    async def coroutine(n, ctx: Context):
        first = await ctx.step("charge", charge, n)
        second = await ctx.step("refund", refund, amount=first)
        if ctx.attempt < 3:
            raise ValueError("not yet")
        return [first, second, calls]

    def thread(n, ctx: SyncContext):
        first = ctx.step("charge", charge, n)
        second = ctx.step("refund", refund, amount=first)
        if ctx.attempt < 3:
            raise ValueError("not yet")
        return [first, second, calls]

    return coroutine if is_async else thread


@both(steps_then_fail)
def test_a_step_that_is_done_is_not_done_again(handler):
    batch = outcomes(handler, [5])
    assert batch.values() == ['[6,5,["charge 5","refund 6"]]']
    assert batch.runs == [3]


@pytest.mark.parametrize("value", [0, "", False, None, [], {}, 2**80, "\0", [[[]]], -0.5])
def test_every_json_value_is_a_value_and_comes_back_as_it_was(value):
    calls = []

    def give() -> Any:
        calls.append(1)
        return value

    async def handler(ctx: Context):
        kept = await ctx.step("give", give)
        if ctx.attempt == 1:
            raise ValueError("again")
        assert kept == value
        assert type(kept) is type(value)

    batch = outcomes(handler, [None])
    assert batch.states == ["succeeded"]
    assert calls == [1]


@dataclass
class Receipt:
    number: int


def test_a_value_has_the_type_that_its_function_promises_on_each_attempt():
    def pay() -> Receipt:
        return Receipt(7)

    async def handler(ctx: Context):
        receipt = await ctx.step("pay", pay)
        assert type(receipt) is Receipt
        if ctx.attempt == 1:
            raise ValueError("again")
        return receipt.number

    assert outcomes(handler, [None]).values() == ["7"]


def test_a_value_that_is_no_json_fails_the_attempt_and_names_the_step():
    async def handler(ctx: Context):
        await ctx.step("open", object)

    trouble = outcomes(handler, [None], policy=ONCE).only()
    assert trouble.code == "result_not_serializable"
    assert "step 'open'" in trouble.message


def test_as_a_decorator():
    async def handler(n, ctx: Context):
        @ctx.step("double")
        async def double(x, by=2):
            return x * by

        assert double.__name__ == "double"
        return await double(n, by=3)

    def thread(n, ctx: SyncContext):
        @ctx.step("double")
        def double(x):
            return x * 2

        return double(n)

    assert outcomes(handler, [4]).values() == ["12"]
    assert outcomes(thread, [4]).values() == ["8"]


def test_a_step_is_durable_when_it_returns():
    async def main():
        source = FakeSource()
        source.remember_gate = asyncio.Event()
        after = []

        async def handler(ctx: Context):
            await ctx.step("a", lambda: 1)
            after.append("returned")

        async with working(handler, source=source):
            batch = source.submit([None])
            await source.until(lambda: source.remembered)
            await asyncio.sleep(0.01)
            assert after == []
            source.remember_gate.set()
            await source.ended(batch)
        assert after == ["returned"]
        assert batch.memos[0]["a"].value == b"1"

    run(main())


def test_steps_of_many_executions_are_written_together():
    async def main():
        source = FakeSource()

        async def handler(n, ctx: Context):
            await ctx.step("a", lambda: n)

        async with working(handler, source=source, concurrency=50):
            await source.ended(source.submit(range(200)))
        assert sum(map(len, source.remembered)) == 200
        assert len(source.remembered) < 60

    run(main())


def test_a_store_that_is_away_is_waited_for(caplog):
    async def main():
        source = FakeSource()
        source.remember_errors = [unavailable()]

        async def handler(ctx: Context):
            return await ctx.step("a", lambda: 1)

        async with working(handler, source=source):
            batch = source.submit([None])
            await source.ended(batch)
        assert batch.values() == ["1"]

    run(main())
    assert "wait to remember" in caplog.text


def test_a_memo_that_the_store_refuses_fails_its_execution_alone():
    async def main():
        source = FakeSource()
        taken = source.remember

        async def picky(writes):
            if any(memo.value == b"13" for write in writes for memo in write.memos):
                raise ValueError("unlucky")
            return await taken(writes)

        source.remember = picky

        async def handler(n, ctx: Context):
            return await ctx.step("a", lambda: n)

        async with working(handler, source=source, policy=ONCE, concurrency=20):
            batch = source.submit(range(20), policy=ONCE)
            await source.ended(batch)
        assert [state for state in batch.states if state != "succeeded"] == ["failed"]
        assert batch.states[13] == "failed"

    run(main())


def lost_lease(*, is_async):
    seen: list[str] = []

    async def coroutine(n, ctx: Context):
        seen.append("began")
        try:
            await ctx.step("a", lambda: n)
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    def thread(n, ctx: SyncContext):
        seen.append("began")
        try:
            ctx.step("a", lambda: n)
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    handler = coroutine if is_async else thread
    handler.seen = seen  # type: ignore[attr-defined]
    return handler


@both(lost_lease)
def test_who_has_lost_its_lease_is_told_and_changes_nothing(handler):
    handler.seen.clear()

    async def main():
        source = FakeSource()
        taken = source.remember

        async def late(writes):
            source.remember = taken
            source.lose(batch)
            return await taken(writes)

        source.remember = late
        async with working(handler, source=source, concurrency=1):
            batch = source.submit([3])
            await source.ended(batch)
        assert batch.states == ["succeeded"]
        assert batch.troubles == [[]]

    run(main())
    assert handler.seen == ["began", "LeaseLost", "began"]


# ---------------------------------------------------------------------------------------------------- names


def test_a_repeated_name_gets_the_first_value_and_a_warning(caplog):
    async def handler(ctx: Context):
        return [await ctx.step("same", lambda: 1), await ctx.step("same", lambda: 2)]

    assert outcomes(handler, [None]).values() == ["[1,1]"]
    assert "asks for step 'same' again" in caplog.text


def test_two_at_once_under_one_name_are_one():
    calls = []

    async def slow():
        calls.append(1)
        await asyncio.sleep(0)
        return len(calls)

    async def handler(ctx: Context):
        return await asyncio.gather(ctx.step("same", slow), ctx.step("same", slow))

    assert outcomes(handler, [None]).values() == ["[1,1]"]


def test_a_step_that_raised_may_be_called_again_by_its_name(caplog):
    async def handler(ctx: Context):
        tries = []

        def flaky():
            tries.append(1)
            if len(tries) < 2:
                raise ValueError("once")
            return len(tries)

        try:
            await ctx.step("flaky", flaky)
        except ValueError:
            return await ctx.step("flaky", flaky)

    assert outcomes(handler, [None]).values() == ["2"]
    assert "again" not in caplog.text


def test_a_strict_task_has_no_name_twice():
    async def handler(ctx: Context):
        await ctx.step("same", lambda: 1)
        await ctx.step("same", lambda: 2)

    trouble = outcomes(handler, [None], policy=ONCE, strict_steps=True).only()
    assert trouble.code == "duplicate_step"
    assert "'same'" in trouble.message


def test_one_name_is_not_for_two_kinds():
    async def handler(ctx: Context):
        await ctx.step("same", lambda: 1)
        await ctx.sleep("same", 1)

    assert outcomes(handler, [None], policy=ONCE).only().code == "duplicate_step"


@pytest.mark.parametrize("name", ["", "x" * 513, 5])
def test_a_name_has_its_length(name):
    async def handler(ctx: Context):
        await ctx.step(name, lambda: 1)

    assert outcomes(handler, [None], policy=ONCE).only().code == "option_error"


def test_a_step_is_of_a_function():
    async def handler(ctx: Context):
        await ctx.step("sum", 1 + 1)

    trouble = outcomes(handler, [None], policy=ONCE).only()
    assert (trouble.code, trouble.message) == (
        "option_error",
        "step 'sum': 2 is no function (give the function, not what it returns)",
    )
