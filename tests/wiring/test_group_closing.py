"""A group of a batched task waits in the store, and nobody waits twice: neither a drain, nor the way out, nor a worker
that is given what has waited long enough."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from stook import BatchConfig, BatchContext, ConcurrencyLimit, SyncContext
from stook.engine.source import LocalSource

LONG = 60.0
"""Seconds of a group's timeout; no test here may take anywhere near as long."""
SOON = 20.0


def announce(monkeypatch, announced):
    """`announced` is set when a claim has said that a group waits for others."""
    claim = LocalSource.claim

    async def claimed(self, ask):
        answer = await claim(self, ask)
        if answer.wait is not None and answer.wait > SOON:
            announced.set()
        return answer

    monkeypatch.setattr(LocalSource, "claim", claimed)


class Grouped:
    """A batched task, and why each of its groups was closed."""

    def __init__(self, app, size, timeout=LONG, **options):
        self.groups = []
        self.ran = asyncio.Event()

        @app.task(batch=BatchConfig(size, timeout=timeout), **options)
        async def grouped(numbers: list[int], ctx: BatchContext) -> None:
            self.groups.append((numbers, ctx.closed_by))
            self.ran.set()

        self.app = app
        self.task = grouped

    def work(self, main):
        """`main(worker)` on the loop of the store, with a worker that nobody hurries."""
        session, portal = self.app.opened()

        async def working():
            async with session.working({self.task.name: self.task.definition()}) as worker:
                return await main(worker)

        return portal.call(asyncio.wait_for(working(), SOON))


def test_a_drain_does_not_wait_for_a_group_to_fill(app_on_either):
    grouped = Grouped(app_on_either, 10)
    batch = grouped.task.map(range(13))
    assert grouped.work(lambda worker: worker.drain(SOON))
    assert sorted(grouped.groups) == [(list(range(10)), "size"), ([10, 11, 12], "drain")]
    assert batch.show().counters.succeeded == 13


def test_a_drain_gives_up_a_wait_that_has_begun(app_on_either, monkeypatch):
    grouped = Grouped(app_on_either, 10)
    grouped.task.map(range(3))
    announced = asyncio.Event()
    announce(monkeypatch, announced)

    async def main(worker):
        await announced.wait()
        assert grouped.groups == []
        return await worker.drain(SOON)

    assert grouped.work(main)
    assert grouped.groups == [([0, 1, 2], "drain")]


def test_leaving_closes_what_is_forming_and_handles_it_once(app_on_either):
    grouped = Grouped(app_on_either, 10)
    batch = grouped.task.map(range(13))
    began = time.monotonic()
    with app_on_either.working():
        for _ in zip(range(10), batch.as_completed(), strict=False):
            pass
    assert time.monotonic() - began < SOON
    assert sorted(grouped.groups) == [(list(range(10)), "size"), ([10, 11, 12], "stop")]
    assert batch.show().counters.succeeded == 13


@pytest.mark.parametrize(("grace", "groups"), [(20, [([0, 1, 2], "stop")]), (0, [])])
def test_an_orchestrator_that_stops_closes_them_unless_it_is_cut_short(app_on_either, monkeypatch, grace, groups):
    grouped = Grouped(app_on_either, 10)
    batch = grouped.task.map(range(3))
    announced = threading.Event()
    announce(monkeypatch, announced)
    made = app_on_either.orchestrator()
    made.sync.start()
    assert announced.wait(SOON)
    made.sync.stop(grace)
    assert grouped.groups == groups
    counters = batch.show().counters
    assert (counters.succeeded, counters.queued) == ((3, 0) if groups else (0, 3))


def test_without_a_free_slot_a_forming_group_stays_queued(app_on_either, monkeypatch):
    app = app_on_either
    grouped = Grouped(app, 10)
    announced, began, go = threading.Event(), threading.Event(), threading.Event()
    announce(monkeypatch, announced)

    @app.task("slow")
    def slow(ctx: SyncContext) -> None:
        began.set()
        ctx.signal.wait(SOON)
        assert go.wait(SOON)

    forming = grouped.task.map(range(3))
    with app.working(concurrency=1):
        assert announced.wait(SOON)
        running = slow.submit()
        assert began.wait(SOON)
        go.set()
    assert running.result() is None
    assert grouped.groups == []
    assert forming.show().counters.queued == 3


def test_what_has_waited_long_enough_does_not_wait_in_the_worker_again(harness_on_either):
    harness = harness_on_either
    grouped = Grouped(harness.app, 10)
    grouped.task.map(range(3))
    harness.clock.advance(LONG)
    grouped.task.map(range(3, 5))
    grouped.work(lambda _: grouped.ran.wait())
    assert grouped.groups == [([0, 1, 2, 3, 4], "timeout")]


def test_a_limit_below_the_size_does_not_make_groups_wait(app_on_either):
    grouped = Grouped(app_on_either, 10)
    batch = grouped.task.map(range(12), max_concurrency=4)
    with app_on_either.working():
        batch.wait(SOON)
    assert [(len(numbers), why) for numbers, why in grouped.groups] == [(4, "concurrency")] * 3


@pytest.mark.parametrize("count", [0, 3])
def test_a_harness_runs_until_nothing_waits_for_others(harness, count):
    grouped = Grouped(harness.app, 2)
    grouped.task.map(range(count))
    harness.run_until_idle()
    assert grouped.groups == ([([0, 1], "size"), ([2], "drain")] if count else [])


def test_a_group_of_so_many_bytes_is_one_call_and_one_counted(app_on_either):
    calls, most = [], []

    @app_on_either.task(
        batch=BatchConfig(4, timeout=0, max_bytes=65), concurrency=ConcurrencyLimit(1, unit="group"), max_attempts=1
    )
    async def cut(texts: list[str], ctx: BatchContext) -> None:
        most.append(len(texts))
        await asyncio.sleep(0)
        calls.append(([len(text) for text in texts], ctx.closed_by, len(most)))
        most.pop()

    batch = cut.map(["x" * 28, "y" * 28, "z" * 90, "u" * 28, "v" * 8, "w" * 8, "w" * 8, "w" * 8])
    with app_on_either.working():
        batch.wait(SOON)
    assert batch.show().counters.succeeded == 8
    assert [sizes for sizes, _, _ in calls][:3] == [[28, 28], [90], [28, 8, 8, 8]]
    assert [why for _, why, _ in calls][:2] == ["bytes", "bytes"]
    assert {at_once for *_, at_once in calls} == {1}
