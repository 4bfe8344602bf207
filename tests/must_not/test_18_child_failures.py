"""A child's failure cannot be caught; a second child key passes for a timeout."""

from __future__ import annotations

import pytest

from stook import ChildCancelled, ChildFailed, ChildTimeout, Context, SyncContext
from tests.must_not.apps import ended, values


@pytest.fixture
def app(harness_on_either):
    made = harness_on_either.app

    @made.task("fails", max_attempts=1)
    async def fails(n):
        raise ValueError(f"boom {n}")

    @made.task("slow")
    async def slow(n, ctx: Context):
        await ctx.sleep("long", 3600)
        return f"late {n}"

    @made.task("quick")
    async def quick(n):
        return n

    return made


@pytest.mark.parametrize("is_async", [True, False])
def test_a_failure_is_caught_with_its_message_on_every_attempt(harness_on_either, app, is_async):
    caught = []

    async def coroutine(n, ctx: Context):
        try:
            await ctx.invoke("c", "fails", n)
        except ChildFailed as error:
            caught.append((str(error), error.child_id is not None, error.error.type))
        await ctx.sleep("after", 1)
        if ctx.attempt == 1:
            raise RuntimeError("again")
        return "went on"

    def thread(n, ctx: SyncContext):
        try:
            ctx.invoke("c", "fails", n)
        except ChildFailed as error:
            caught.append((str(error), error.child_id is not None, error.error.type))
        ctx.sleep("after", 1)
        if ctx.attempt == 1:
            raise RuntimeError("again")
        return "went on"

    parent = app.task("parent")(coroutine if is_async else thread)
    assert values(harness_on_either, parent.map([7])) == ["went on"]
    assert caught == [("Child execution failed: boom 7", True, "ValueError")] * 3


def test_uncaught_it_is_the_parents_for_good(harness_on_either, app):
    runs = []

    @app.task("parent", max_attempts=5)
    async def parent(n, ctx: Context):
        runs.append(ctx.attempt)
        await ctx.invoke("c", "fails", n)

    [result] = ended(harness_on_either, parent.map([7]))
    assert (result.state, result.error.code, runs) == ("failed", "child_failed", [1, 1])


def test_the_key_after_one_that_timed_out_is_its_own(harness_on_either, app):
    @app.task("parent", max_attempts=1)
    async def parent(n, ctx: Context):
        try:
            await ctx.invoke("a", "slow", n, timeout=1)
        except ChildTimeout as error:
            first = str(error)
        return [first, await ctx.invoke("b", "quick", n, timeout=600)]

    expected = [["Child execution timed out after 1000ms", 1], ["Child execution timed out after 1000ms", 2]]
    assert values(harness_on_either, parent.map([1, 2])) == expected


def test_an_uncaught_timeout_is_a_failed_attempt_and_the_next_one_has_a_new_child(harness_on_either, app):
    starts = []

    @app.task("counted")
    async def counted(n, ctx: Context):
        starts.append(ctx.execution_id)
        await ctx.sleep("long", 3600)

    @app.task("parent", max_attempts=2)
    async def parent(n, ctx: Context):
        await ctx.invoke("a", "counted", n, timeout=1)

    [result] = ended(harness_on_either, parent.map([1]))
    assert (result.state, result.error.code, result.attempts) == ("failed", "child_timeout", 2)
    assert len(set(starts)) == 2


def test_of_many_children_each_has_its_own_end(harness_on_either, app):
    @app.task("parent", max_attempts=1)
    async def parent(n, ctx: Context):
        found = await ctx.gather(
            ctx.call("q", "quick", 5),
            ctx.call("f", "fails", 6),
            ctx.call("s", "slow", 7, timeout=10),
            return_exceptions=True,
        )
        many = await ctx.invoke_many("m", "quick", range(20), max_parallel=3)
        return [found[0], type(found[1]).__name__, type(found[2]).__name__, many]

    assert values(harness_on_either, parent.map([0])) == [[5, "ChildFailed", "ChildTimeout", list(range(20))]]


def test_a_cancelled_child_is_told_apart(harness_on_either, app):
    children = []

    @app.task("tells")
    async def tells(n, ctx: Context):
        children.append(ctx.execution_id)
        await ctx.sleep("long", 3600)

    @app.task("killer")
    async def killer(n, ctx: Context):
        return await ctx.cancel(children[0], reason="enough")

    @app.task("parent", max_attempts=1)
    async def parent(n, ctx: Context):
        try:
            await ctx.invoke("c", "tells", n)
        except ChildCancelled as error:
            return str(error)

    batch = parent.map([1])
    harness_on_either.run_until_idle()
    assert values(harness_on_either, killer.map([1])) == [True]
    [text] = values(harness_on_either, batch)
    assert text == "Child execution was cancelled: enough"
