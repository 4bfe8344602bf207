"""A cancel takes over 1 s to reach a live Worker; a cancelled child gets no signal."""

from __future__ import annotations

import queue
import time

import pytest

from stook import App, Context, SyncContext

PATIENCE = 30
LIMIT = 1.0


@pytest.fixture
def app(either):
    with App("late", store=either) as opened:
        yield opened


def handlers(app, begun, told):
    @app.task("on the loop")
    async def coroutine(item, ctx: Context):
        begun.put(item)
        await ctx.signal.wait()
        told.put((ctx.signal.reason, time.monotonic()))

    @app.task("in a thread")
    def thread(item, ctx: SyncContext):
        begun.put(item)
        ctx.signal.wait()
        told.put((ctx.signal.reason, time.monotonic()))

    return {"loop": coroutine, "thread": thread}


@pytest.mark.parametrize("kind", ["loop", "thread"])
def test_the_signal_fires_within_a_second(app, kind):
    """However rarely the worker polls, and however long its lease is."""
    begun, told = queue.Queue(), queue.Queue()
    task = handlers(app, begun, told)[kind]
    made = app.orchestrator(workers=[app.worker(poll_interval=3600, lease=3600)]).sync
    made.start()
    try:
        execution = task.submit(1)
        begun.get(timeout=PATIENCE)
        asked = time.monotonic()
        assert execution.cancel()
        reason, at = told.get(timeout=PATIENCE)
    finally:
        made.stop()
    assert reason == "cancelled"
    assert at - asked < LIMIT
    assert execution.show().state == "cancelled"


def test_a_running_child_is_told_when_its_parent_is_cancelled(app):
    begun, told = queue.Queue(), queue.Queue()
    handlers(app, begun, told)

    @app.task("parent")
    async def parent(item, ctx: Context):
        await ctx.invoke("child", "on the loop", item)

    made = app.orchestrator().sync
    made.start()
    try:
        execution = parent.submit(1)
        begun.get(timeout=PATIENCE)
        assert execution.cancel()
        reason, _ = told.get(timeout=PATIENCE)
    finally:
        made.stop()
    assert reason == "cancelled"
    assert execution.show().state == "cancelled"
