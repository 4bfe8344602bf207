"""How a handler leaves its worker: suspended, handed back or cancelled, and what it reaches beside its execution."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from stook.core.errors import ConfigError
from stook.core.extras import ItemExtras
from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker.words import (
    BatchContext,
    Cancelled,
    Context,
    Event,
    NonRetryable,
    Suspend,
    SyncContext,
)
from tests.worker.fake_source import FakeSource
from tests.worker.running import outcomes, run, soon, working

ONCE = TaskPolicy(max_attempts=1)


def suspended(handler, then=None, *, policy=None, **values):
    """The batch of one item, suspended by its handler, then woken with these values and at its end."""

    async def main():
        async with working(handler, policy=policy) as (source, _):
            batch = source.submit([None], policy=policy)
            await source.ended(batch)
            if then is not None:
                then(batch)
            while batch.states == ["suspended"]:
                source.wake(batch, **values)
                await source.ended(batch)
        return batch

    return run(main())


def waits_of(batch):
    [trouble] = batch.troubles[0]
    assert trouble.kind == "suspended"
    return list(trouble.waits)


def test_what_must_be_undone_is_undone():
    done = []

    async def handler(ctx: Context):
        try:
            with contextlib.ExitStack() as stack:
                stack.callback(done.append, "with")
                try:
                    await ctx.sleep("a", 1)
                finally:
                    await asyncio.sleep(0)
                    done.append("finally")
        except Exception:  # noqa: BLE001
            done.append("caught")

    batch = suspended(handler, lambda batch: batch.states.__setitem__(0, "over"))
    assert done == ["finally", "with"]
    assert len(waits_of(batch)) == 1


def test_swallowed_it_is_raised_again_and_holds(caplog):
    seen = []

    async def handler(ctx: Context):
        for key in "ab":
            try:
                await ctx.sleep(key, 1)
            except BaseException as error:  # noqa: BLE001
                seen.append(type(error))
        return "dropped"

    batch = suspended(handler, lambda batch: batch.states.__setitem__(0, "over"))
    assert seen == [Suspend, Suspend]
    assert [wait.key for wait in waits_of(batch)] == ["a"]
    assert "returned something after it was suspended" in caplog.text


def test_an_error_on_the_way_out_does_not_undo_it(caplog):
    async def handler(ctx: Context):
        try:
            await ctx.sleep("a", 1)
        finally:
            raise NonRetryable("while leaving")

    assert len(waits_of(suspended(handler, lambda batch: batch.states.__setitem__(0, "over")))) == 1
    assert "while leaving" in caplog.text


def test_what_runs_beside_it_is_stored_first_and_all_is_waited_for_at_once():
    stored = []

    async def slow():
        await asyncio.sleep(0.01)
        return "stored"

    async def handler(ctx: Context):
        return await asyncio.gather(
            ctx.sleep("a", 1), ctx.step("s", slow), ctx.wait_for_event("e", "paid"), ctx.invoke("c", "other")
        )

    batch = suspended(handler, lambda batch: stored.extend(batch.memos[0]), policy=ONCE, e=1, c=2)
    assert batch.values() == ['[null,"stored",1,2]']
    assert stored == ["s"]
    assert [wait.key for wait in waits_of(batch)] == ["a", "e", "c"]


def test_in_a_task_group_too(caplog):
    async def handler(ctx: Context):
        async with asyncio.TaskGroup() as group:
            first = group.create_task(ctx.invoke("a", "other"))
            second = group.create_task(ctx.invoke("b", "other"))
        return [first.result(), second.result()]

    batch = suspended(handler, policy=ONCE, a=1, b=2)
    assert batch.values() == ["[1,2]"]
    assert len(waits_of(batch)) == 2
    assert caplog.text == ""


def test_a_step_may_sleep_inside_and_is_run_again():
    calls = []

    async def handler(ctx: Context):
        async def inner(key):
            calls.append(key)
            await ctx.sleep(f"in {key}", 1)
            return key

        return await asyncio.gather(ctx.step("a", inner, "a"), ctx.step("b", inner, "b"))

    assert suspended(handler, policy=ONCE).values() == ['["a","b"]']
    assert calls == ["a", "b", "a", "b"]


def test_a_key_asked_for_in_a_loop_does_not_stop_the_worker(caplog):
    async def handler(ctx: Context):
        for _ in range(100):
            await ctx.sleep("poll", 1)
        return asyncio.get_running_loop().time()

    assert suspended(handler).states == ["succeeded"]
    assert caplog.text.count("'poll' again") == 1


# --------------------------------------------------------------------------------------------------- safe points


@pytest.mark.parametrize("point", ["step", "sleep", "invoke", "checkpoint", "wait_for_event", "version"])
def test_a_cancelled_execution_ends_at_its_next_safe_point(point):
    seen = []

    async def main():
        source = FakeSource()

        async def handler(ctx: Context):
            source.cancel(batch)
            await ctx.signal.wait()
            given = {
                "step": ("k", lambda: 1),
                "sleep": ("k", 1),
                "invoke": ("k", "other"),
                "checkpoint": (1,),
                "wait_for_event": ("k", "paid"),
                "version": ("k", 1),
            }[point]
            try:
                await getattr(ctx, point)(*given)
            except BaseException as error:
                seen.append(type(error))
                raise

        async with working(handler, source=source, lease=0.4):
            batch = source.submit([None])
            await source.ended(batch)
        assert batch.states == ["cancelled"]
        assert source.remembered == []

    run(main())
    assert seen == [Cancelled]


def sleeper(*, is_async, reached, go):
    async def coroutine(ctx: Context):
        await ctx.step("a", lambda: 1)
        reached.set()
        while not ctx.signal.is_set():
            await asyncio.sleep(0.001)
        await ctx.step("b", lambda: go.append(1))

    def thread(ctx: SyncContext):
        ctx.step("a", lambda: 1)
        reached.set()
        ctx.signal.wait()
        ctx.step("b", lambda: go.append(1))

    return coroutine if is_async else thread


@pytest.mark.parametrize("is_async", [True, False])
def test_a_worker_that_stops_hands_back_at_the_next_safe_point_and_nothing_is_lost(is_async):
    async def main():
        reached, go = threading.Event(), []
        handler = sleeper(is_async=is_async, reached=reached, go=go)
        async with working(handler, policy=ONCE) as (source, worker):
            batch = source.submit([None], policy=ONCE)
            await soon(reached.is_set)
            await worker.stop(10)
        assert [trouble.kind for trouble in batch.troubles[0]] == ["released"]
        assert batch.states == ["queued"]
        assert list(batch.memos[0]) == ["a"]
        assert go == []

    run(main())


def test_cancelled_while_it_waits_for_what_runs_beside_it():
    async def main():
        source = FakeSource()

        async def handler(ctx: Context):
            async def long():
                source.cancel(batch)
                await ctx.signal.wait()

            await asyncio.gather(ctx.step("a", long), ctx.sleep("b", 1))

        async with working(handler, source=source, lease=0.4):
            batch = source.submit([None])
            await source.ended(batch)
        assert batch.states == ["cancelled"]

    run(main())


@pytest.mark.parametrize("is_async", [True, False])
def test_when_the_window_has_closed_it_is_handed_back_at_the_next_safe_point(is_async):
    async def coroutine(ctx: Context):
        if not batches[0].troubles[0]:
            await ctx.step("a", lambda: 1)

    def thread(ctx: SyncContext):
        if not batches[0].troubles[0]:
            ctx.step("a", lambda: 1)

    batches = []

    async def main():
        async with working(coroutine if is_async else thread, policy=ONCE) as (source, _):
            batches.append(source.submit([None], policy=ONCE, window_closes_in=0.0))
            await source.ended(batches[0])
        assert [trouble.kind for trouble in batches[0].troubles[0]] == ["released"]
        assert batches[0].states == ["succeeded"]
        assert source.remembered == []

    run(main())


def test_an_app_has_its_own_things_on_every_context():
    async def handler(ctx: Context):
        assert ctx.custom["db"] is ctx.db
        with pytest.raises(AttributeError, match="it has db"):
            ctx.nothing  # noqa: B018
        return ctx.db

    def thread(ctx: SyncContext):
        return ctx.db

    async def group(rows, ctx: BatchContext):
        return [ctx.db, ctx.custom["db"]]

    groups = TaskPolicy(batch=BatchConfig(2, 0))
    assert outcomes(handler, [None], custom={"db": "the db"}).values() == ['"the db"']
    assert outcomes(thread, [None], custom={"db": "the db"}).values() == ['"the db"']
    assert outcomes(group, [1, 2], policy=groups, custom={"db": 5}).values() == ["5", "5"]


@pytest.mark.parametrize("name", ["step", "signal", "items_cancelled", "custom", "deadline", "no name", "_own", ""])
def test_a_name_that_contexts_have_is_not_for_an_app(name):
    with pytest.raises(ConfigError):
        outcomes(lambda: None, [], custom={name: 1})


class Elsewhere:
    """What handlers asked of it."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        async def ask(*given, **options):
            self.asked.append((name, given, options))
            return f"{name} done"

        return ask


def test_what_is_asked_of_the_rest_of_stook():
    elsewhere = Elsewhere()

    async def handler(ctx: Context):
        found = [await ctx.emit("paid", {"n": 1}), await ctx.cancel("some id", reason="enough")]
        await ctx.schedule("t", "nightly", "0 3 * * *", [1], tz="Europe/Berlin", priority=2)
        return [*found, await ctx.unschedule("t", "nightly")]

    def thread(ctx: SyncContext):
        found = [ctx.emit("paid", {"n": 1}), ctx.cancel("some id", reason="enough")]
        ctx.schedule("t", "nightly", "0 3 * * *", [1], tz="Europe/Berlin", priority=2)
        return [*found, ctx.unschedule("t", "nightly")]

    expected = '["emit done","cancel done","unschedule done"]'
    assert outcomes(handler, [None], outside=elsewhere).values() == [expected]
    assert outcomes(thread, [None], outside=elsewhere).values() == [expected]
    first, second = elsewhere.asked[:4], elsewhere.asked[4:]
    assert first == second
    assert first[0] == ("emit", ("", "paid", b'{"n":1}'), {"trace": None})
    assert first[1] == ("cancel", ("", "some id"), {"reason": "enough", "cancel_children": True})
    assert first[2][1] == ("", "t", "nightly", "0 3 * * *", b"[1]")


def test_a_worker_that_reaches_nothing_else_says_so():
    async def handler(ctx: Context):
        await ctx.emit("paid")

    assert outcomes(handler, [None], policy=ONCE).only().code == "unsupported_by_backend"


def test_what_an_execution_knows_of_itself():
    async def handler(event: Event, ctx: Context):
        return [ctx.parent_id, list(ctx.tags), ctx.metadata, ctx.fence, event.kind, event.name, list(event.tags)]

    async def main():
        async with working(handler, lease=60) as (source, _):
            own = ItemExtras(parent="the parent", tags=("a",), metadata={"b": 2}, kind="cron", name="nightly")
            batch = source.submit([None], extras={0: own}, metadata={"a": 1, "b": 1})
            await source.ended(batch)
        return batch

    assert run(main()).values() == ['["the parent",["a"],{"a":1,"b":2},-60000000,"cron","nightly",["a"]]']
