"""Steps that are tried again, steps that take too long, and what is kept beside them."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest

from stook.core.policy import RetryPolicy, TaskPolicy
from stook.worker.words import Context, NonRetryable, SyncContext
from tests.worker.fake_source import FakeSource
from tests.worker.running import outcomes, run, working

ONCE = TaskPolicy(max_attempts=1)
AT_ONCE = RetryPolicy(delays=(0, 0))


def both(make):
    """The same handler as a coroutine on the loop and as a function in a thread."""
    return pytest.mark.parametrize("handler", [make(is_async=True), make(is_async=False)], ids=["async", "sync"])


def flaky_step(*, is_async):
    def new():
        tries = []

        def flaky():
            tries.append(1)
            if len(tries) < 3:
                raise ConnectionError("away")
            return len(tries)

        return flaky

    async def coroutine(ctx: Context):
        return await ctx.step("flaky", new(), retry=AT_ONCE)

    def thread(ctx: SyncContext):
        return ctx.step("flaky", new(), retry=AT_ONCE)

    return coroutine if is_async else thread


@both(flaky_step)
def test_a_step_with_a_policy_is_tried_again_within_the_attempt(handler):
    batch = outcomes(handler, [None], policy=ONCE)
    assert batch.values() == ["3"]
    assert batch.runs == [1]


@pytest.mark.parametrize(
    ("retry", "tries"),
    [
        (None, 1),
        (RetryPolicy(delays=(0,)), 2),
        (RetryPolicy(delays=(0, 0, 0)), 4),
        (RetryPolicy(backoff="fixed", base=0), 5),
        (RetryPolicy(delays=(0,), give_up_on=("OSError",)), 1),
    ],
)
def test_how_often_a_step_is_tried(retry, tries):
    calls = []

    def fails():
        calls.append(1)
        raise ConnectionError("away")

    async def handler(ctx: Context):
        if ctx.attempt == 1:
            await ctx.step("a", fails, retry=retry)

    outcomes(handler, [None], policy=TaskPolicy(max_attempts=5))
    assert len(calls) == tries


def test_what_cannot_be_mended_by_trying_again_is_not():
    calls = []

    def fails():
        calls.append(1)
        raise NonRetryable("never")

    async def handler(ctx: Context):
        await ctx.step("a", fails, retry=AT_ONCE)

    assert outcomes(handler, [None]).only().type == "NonRetryable"
    assert calls == [1]


def test_a_step_that_takes_too_long_is_cut():
    async def handler(ctx: Context):
        await ctx.step("a", asyncio.Event().wait, timeout=timedelta(milliseconds=5))

    trouble = outcomes(handler, [None], policy=ONCE).only()
    assert trouble.code == "step_timeout"
    assert "step 'a'" in trouble.message


# ------------------------------------------------------------------------------------------------------- state


def test_the_newest_state_is_there_on_the_next_attempt():
    async def handler(ctx: Context):
        if ctx.attempt == 1:
            assert ctx.last_checkpoint is None
            await ctx.checkpoint({"page": 1})
            await ctx.checkpoint({"page": 2})
            await ctx.checkpoint()
            raise ValueError("again")
        return ctx.last_checkpoint

    def thread(ctx: SyncContext):
        if ctx.attempt == 1:
            ctx.checkpoint(0)
            raise ValueError("again")
        return ctx.last_checkpoint

    assert outcomes(handler, [None]).values() == ['{"page":2}']
    assert outcomes(thread, [None]).values() == ["0"]


@pytest.mark.parametrize("how", ["checkpoint", "heartbeat"])
def test_the_lease_is_extended(how):
    async def main():
        source = FakeSource()

        async def handler(ctx: Context):
            await getattr(ctx, how)()

        async with working(handler, source=source, lease=30):
            await source.ended(source.submit([None]))
        assert [(write.memos, write.lease) for [write] in source.remembered] == [((), 30)]

    run(main())


def test_in_a_child_process_there_are_no_steps():
    from tests.worker.process_handlers import with_a_step

    trouble = outcomes(with_a_step, [None], policy=ONCE, processes=1).only()
    assert trouble.code == "unsupported_by_backend"
    assert "--processes" in trouble.message


def test_warnings_are_those_that_are_meant(caplog):
    caplog.set_level(logging.WARNING)

    async def handler(ctx: Context):
        await asyncio.gather(*(ctx.step(f"s{i}", lambda: 1) for i in range(10)))

    outcomes(handler, [None])
    assert caplog.text == ""
