"""Suspension leaks the handler or skips its `finally`."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from stook import Context, Suspend, SyncContext
from tests.must_not.apps import values

COUNT = 40


class Thing:
    """Held by a handler's frame."""


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("wait", ["sleep", "invoke", "event"])
def test_nothing_of_a_handler_is_left_while_it_is_away(harness_on_either, is_async, wait):
    app = harness_on_either.app
    left, things = [], []
    given = {"sleep": ("k", 60), "invoke": ("k", "other", 1), "event": ("k", "never")}[wait]
    options = {"timeout": 60} if wait == "event" else {}
    method = "wait_for_event" if wait == "event" else wait

    @app.task("other")
    async def other(n, ctx: Context):
        await ctx.sleep("a minute", 60)

    class Closing:
        def __enter__(self):
            return self

        def __exit__(self, kind, *_):
            left.append(kind)

    async def coroutine(n, ctx: Context):
        thing = Thing()
        things.append(weakref.ref(thing))
        with Closing():
            try:
                await getattr(ctx, method)(*given, **options)
            except TimeoutError:
                return n
            finally:
                left.append("finally")
        return n

    def thread(n, ctx: SyncContext):
        thing = Thing()
        things.append(weakref.ref(thing))
        with Closing():
            try:
                getattr(ctx, method)(*given, **options)
            except TimeoutError:
                return n
            finally:
                left.append("finally")
        return n

    task = app.task("waits")(coroutine if is_async else thread)
    batch = task.map(range(COUNT))
    harness_on_either.run_until_idle()
    assert left.count("finally") == COUNT
    assert left.count(Suspend) == COUNT
    assert len(things) == COUNT
    gc.collect()
    assert [thing for thing in things if thing() is not None] == []
    assert sum(one.name == "stook handler" for one in threading.enumerate()) <= 10
    assert values(harness_on_either, batch) == list(range(COUNT))
    assert left.count("finally") == 2 * COUNT


def test_swallowed_it_holds_and_what_was_returned_is_dropped(harness_on_either):
    app = harness_on_either.app
    runs = []

    @app.task("swallows")
    async def swallows(n, ctx: Context):
        runs.append(n)
        try:
            await ctx.sleep("k", 60)
        except BaseException:  # noqa: BLE001
            return "dropped"
        return "after"

    batch = swallows.map([1])
    harness_on_either.run_until_idle()
    assert [result.done for result in batch.results()] == [False]
    assert values(harness_on_either, batch) == ["after"]
    assert runs == [1, 1]
