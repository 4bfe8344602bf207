"""`0`, `""`, `False` as result, priority or run_at count as absent."""

from __future__ import annotations

import datetime as dt

import pytest

from stook import Context, SyncContext
from tests.must_not.apps import values

FALSY = [0, 0.0, "", False, None, [], {}]


def same(found, given):
    assert found == given
    assert list(map(type, found)) == list(map(type, given))


@pytest.mark.parametrize("is_async", [True, False])
def test_as_results_steps_states_and_results_of_children(harness_on_either, is_async):
    app = harness_on_either.app
    calls = []

    @app.task("echo")
    async def echo(value):
        return value

    def note(n, value):
        calls.append(n)
        return value

    async def coroutine(n, ctx: Context):
        value = FALSY[n]
        kept = await ctx.step("kept", note, n, value)
        before = ctx.last_checkpoint
        await ctx.checkpoint(value)
        child = await ctx.invoke("child", "echo", value)
        if ctx.attempt == 1:
            raise ValueError("again")
        return [kept, before, child]

    def thread(n, ctx: SyncContext):
        value = FALSY[n]
        kept = ctx.step("kept", note, n, value)
        before = ctx.last_checkpoint
        ctx.checkpoint(value)
        child = ctx.invoke("child", "echo", value)
        if ctx.attempt == 1:
            raise ValueError("again")
        return [kept, before, child]

    task = app.task("falsy")(coroutine if is_async else thread)
    found = values(harness_on_either, task.map(range(len(FALSY))))
    for given, (kept, before, child) in zip(FALSY, found, strict=True):
        same([kept, before, child], [given] * 3)
    assert sorted(calls) == list(range(len(FALSY)))


def test_as_a_result_itself(harness_on_either):
    @harness_on_either.app.task("echo")
    async def echo(value):
        return value

    same(values(harness_on_either, echo.map(FALSY)), FALSY)


def test_as_a_childs_priority_beside_its_parents(harness_on_either):
    app = harness_on_either.app
    order = []

    @app.task("noted")
    async def noted(name):
        order.append(name)

    @app.task("parent")
    async def parent(n, ctx: Context):
        await ctx.gather(
            ctx.call("zero", noted, "zero", priority=0),
            ctx.call("inherits", noted, "inherits"),
            ctx.call("low", noted, "low", priority=-1),
        )

    batch = parent.map([1], priority=5)
    harness_on_either.run_until_idle(parent)
    while not next(iter(batch.results())).done:
        harness_on_either.run_until_idle(concurrency=1)
    assert order == ["inherits", "zero", "low"]


@pytest.mark.parametrize("when", [0, 0.0, dt.datetime(1970, 1, 1, tzinfo=dt.UTC)])
def test_as_a_moment_that_has_passed(harness_on_either, when):
    @harness_on_either.app.task("sleeps")
    async def sleeps(n, ctx: Context):
        await ctx.sleep_until("a", when)
        await ctx.sleep("b", 0)
        return n

    assert values(harness_on_either, sleeps.map([0]), step=0.001, most=5) == [0]
