"""An Execution is handed back while its code still runs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stook import BatchConfig, Context, SyncContext
from stook.core.work import Claim
from stook.worker import runtime
from tests.must_not.apps import values


class Stage:
    """A worker of the app's tasks that a test starts and stops, and a look at what another one would be given."""

    def __init__(self, harness):
        self.harness = harness
        self.session, self.portal = harness.opened()

    def start(self, *tasks, grace=0.01):
        definitions = {one.name: one.definition() for one in tasks}
        self.working = self.session.working(definitions, maintained=False, grace=grace)
        self.portal.call(self.working.__aenter__())

    def stop(self):
        self.portal.call(self.working.__aexit__(None, None, None))

    def given(self, name):
        """How many executions another worker is given at once."""
        claim = Claim(worker="another", tasks=[name], items=10, idle=True, lease=60.0)
        return sum(len(one.offsets) for one in self.portal.call(self.session.new_source().claim(claim)).slices)


@pytest.fixture
def stage(harness_on_either, monkeypatch):
    monkeypatch.setattr(runtime, "LAST_WAIT", 0.05)
    return Stage(harness_on_either)


@pytest.mark.parametrize("batched", [False, True])
def test_a_thread_that_outlives_its_worker_keeps_its_lease(stage, batched):
    entered, leave, left = threading.Event(), threading.Event(), threading.Event()

    @stage.harness.app.task("deaf", batch=BatchConfig(1, 0) if batched else None)
    def deaf(given):
        entered.set()
        leave.wait(60)
        left.set()
        return [1] if batched else 1

    batch = deaf.map([1])
    stage.start(deaf)
    assert entered.wait(20)
    try:
        stage.stop()
        assert not left.is_set()
        assert stage.given("deaf") == 0
        assert [result.state for result in batch.results()] == ["running"]
    finally:
        leave.set()
    assert left.wait(20)
    stage.harness.clock.advance(3600)
    assert values(stage.harness, batch) == [1]


@pytest.mark.parametrize("is_async", [True, False])
def test_one_that_stops_at_a_safe_point_is_handed_back_once_its_code_has_ended(stage, is_async):
    entered = threading.Event()
    ends = []

    async def coroutine(n, ctx: Context):
        await ctx.step("first", lambda: 1)
        if len(ends) == 0:
            entered.set()
            await ctx.signal.wait()
            try:
                await ctx.step("second", lambda: 2)
            finally:
                await asyncio.sleep(0.02)
                ends.append("left")
        return await ctx.step("second", lambda: 2)

    def thread(n, ctx: SyncContext):
        ctx.step("first", lambda: 1)
        if len(ends) == 0:
            entered.set()
            ctx.signal.wait()
            try:
                ctx.step("second", lambda: 2)
            finally:
                threading.Event().wait(0.02)
                ends.append("left")
        return ctx.step("second", lambda: 2)

    task = stage.harness.app.task("kind", max_attempts=1)(coroutine if is_async else thread)
    batch = task.map([1])
    stage.start(task, grace=20)
    assert entered.wait(20)
    stage.stop()
    assert ends == ["left"]
    assert [result.state for result in batch.results()] == ["queued"]
    assert values(stage.harness, batch) == [2]


def test_a_step_that_runs_beside_a_sleep_ends_before_the_execution_is_away(stage):
    entered, leave = threading.Event(), threading.Event()
    runs = []

    @stage.harness.app.task("both", max_attempts=1)
    async def both(n, ctx: Context):
        async def slow():
            entered.set()
            while not leave.is_set():
                await asyncio.sleep(0.001)
            runs.append(n)
            return "stored"

        return (await asyncio.gather(ctx.step("slow", slow), ctx.sleep("nap", 60)))[0]

    batch = both.map([1])
    stage.start(both, grace=20)
    assert entered.wait(20)
    assert [result.state for result in batch.results()] == ["running"]
    assert stage.given("both") == 0
    leave.set()
    states = ["running"]
    while states == ["running"]:
        states = [result.state for result in batch.results()]
    assert states != ["queued"]
    stage.stop()
    assert values(stage.harness, batch) == ["stored"]
    assert runs == [1]
