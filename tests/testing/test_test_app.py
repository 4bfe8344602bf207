"""`TestApp`: everything of an app by the clock that a test moves, on both databases."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from stook import App, BatchConfig, NonRetryable
from stook.core.daily import minute_of
from stook.core.errors import ConfigError, ExecutionFailed, NotFound, ResultPruned
from stook.core.retention import Retention
from stook.store.script.read.every_batch import every_batch
from stook.testing import FakeClock, TestApp

START = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def t(either):
    with TestApp(App("test"), store=either) as opened:
        yield opened


def test_its_own_example():
    example = [line[8:] for line in TestApp.__doc__.splitlines() if line.startswith("        ")]
    app = App("test")
    app.task("enrich")(lambda row: row)
    exec("\n".join(example), {"TestApp": TestApp, "app": app})


def test_idle_leaves_what_is_due_later_fixpoint_moves_the_clock_to_it(t):
    tries = []

    @t.app.task("flaky", max_attempts=3)
    async def flaky(item):
        tries.append(t.clock.now)
        if len(tries) < 3:
            raise ValueError("again")
        return item

    flaky.submit(1)
    t.drain()
    assert [one.state for one in t.executions()] == ["scheduled"]
    t.drain("fixpoint")
    assert [one.state for one in t.executions(state="succeeded")] == ["succeeded"]
    assert [at - START for at in tries] == [dt.timedelta(seconds=one) for one in (0, 15, 45)]


def test_sleeps_and_children_need_no_waiting(t):
    @t.app.task("parent", queue="parents")
    async def parent(item, ctx):
        await ctx.sleep("a week", dt.timedelta(days=7))
        return 1 + await ctx.invoke("child", "child", item)

    @t.app.task("child")
    async def child(item):
        return item * 10

    assert t.run(parent, 4) == 41
    assert t.clock.now == START + dt.timedelta(days=7)
    assert [one.value for one in t.executions("child")] == [40]
    assert t.executions(queue="parents")[0].value == 41


def test_a_run_raises_what_became_of_it(t):
    @t.app.task("fails")
    async def fails():
        raise NonRetryable("as planned")

    with pytest.raises(ExecutionFailed, match="as planned"):
        t.run("fails")
    with pytest.raises(ConfigError, match="no task 'other'"):
        t.run("other")


def test_a_run_that_nothing_can_end_says_so(t):
    @t.app.task("waits")
    async def waits(ctx):
        await ctx.wait_for_event("news", "never")

    with pytest.raises(RuntimeError, match="is suspended, and nothing is due"):
        t.run(waits)


def test_what_a_dead_worker_held_comes_back_after_its_lease(t):
    ran = []
    task = t.app.task("task")(ran.append)
    task.submit(5)
    assert len(t.crash_worker()) == 1
    t.drain()
    assert ran == []
    t.drain("fixpoint")
    assert ran == [5]
    assert t.clock.now == START + dt.timedelta(seconds=60)


def test_retention_goes_by_the_clock(t):
    @t.app.task("kept", retention=Retention(completed=10))
    async def kept(item):
        return item

    execution = kept.submit(3)
    t.drain()
    assert execution.result() == 3
    t.clock.advance(dt.timedelta(seconds=10))
    assert t.executions() == []
    with pytest.raises(ResultPruned):
        execution.result()
    t.clock.advance(60)
    assert t.app.sync.maintain() == 1
    with pytest.raises(NotFound, match="no such batch"):
        execution.result()


def test_with_retention_zero_who_waits_already_gets_it(t):
    @t.app.task("gone", retention=Retention(completed=0, failed=0), max_attempts=1)
    async def gone(item):
        if item < 0:
            raise ValueError("negative")
        return item

    assert t.run(gone, 7) == 7
    with pytest.raises(ExecutionFailed, match="negative"):
        t.run(gone, -1)

    async def main():
        execution = await gone.asubmit(8)
        waiting = asyncio.ensure_future(execution.result())
        await execution.show()
        await asyncio.to_thread(t.drain)
        assert await waiting == 8
        with pytest.raises(ResultPruned):
            await execution.result()

    asyncio.run(main())
    assert t.executions() == []


def test_daily_maintenance_has_its_turn_by_the_clock(t):
    @t.app.task("kept", retention=Retention(completed=10))
    async def kept(item):
        return item

    kept.map([1, 2])
    t.drain()
    session, portal = t.opened()

    def counted():
        return len(portal.call(session.store.read(every_batch, "default")))

    t.clock.set(START + dt.timedelta(minutes=minute_of("default")) - dt.timedelta(microseconds=1))
    t.drain()
    assert counted() == 1
    t.clock.advance(0.000001)
    t.drain()
    assert counted() == 0


def test_a_custom_context_is_there_and_mocks_go_in_by_it(either):
    with TestApp(App("test", context={"db": "a mock"}), store=either) as t:

        @t.app.task("looks")
        async def looks(ctx):
            return ctx.db

        assert t.run(looks) == "a mock"


def test_it_opens_for_coroutines_too():
    app = App("test")

    @app.task("echo")
    async def echo(item):
        return item

    async def main():
        async with TestApp(app, clock=FakeClock(START)) as t:
            execution = await echo.asubmit(4)
            await asyncio.to_thread(t.drain)
            return await execution.result()

    assert asyncio.run(main()) == 4


def test_a_drain_takes_no_longer_than_it_is_given(t):
    @t.app.task("waits")
    async def waits(ctx):
        await ctx.signal.wait()

    waits.submit()
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        t.drain(timeout=0.05)


def test_groups_do_not_wait_for_more(t):
    groups = []
    t.app.task("grouped", batch=BatchConfig(size=5, timeout=3600))(groups.append).map([1, 2])
    t.drain()
    assert groups == [[1, 2]]
    assert t.clock.now == START
