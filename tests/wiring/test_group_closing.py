"""A group of a batched task waits in the store, and nobody waits twice: neither a drain, nor the way out, nor a worker
that is given what has waited long enough."""

from __future__ import annotations

import asyncio
import time

import pytest

from stook import BatchConfig, BatchContext
from stook.engine.source import LocalSource

LONG = 60.0
"""Seconds of a group's timeout; no test here may take anywhere near as long."""
SOON = 20.0


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
    announced, claim = asyncio.Event(), LocalSource.claim

    async def claimed(self, ask):
        answer = await claim(self, ask)
        if answer.wait is not None and answer.wait > SOON:
            announced.set()
        return answer

    monkeypatch.setattr(LocalSource, "claim", claimed)

    async def main(worker):
        await announced.wait()
        assert grouped.groups == []
        return await worker.drain(SOON)

    assert grouped.work(main)
    assert grouped.groups == [([0, 1, 2], "drain")]


def test_leaving_does_not_wait_for_a_group_to_fill_either(app_on_either):
    grouped = Grouped(app_on_either, 10)
    batch = grouped.task.map(range(13))
    began = time.monotonic()
    with app_on_either.working():
        for _ in zip(range(10), batch.as_completed(), strict=False):
            pass
    assert time.monotonic() - began < SOON
    assert grouped.groups == [(list(range(10)), "size")]
    counters = batch.show().counters
    assert (counters.succeeded, counters.queued, counters.running) == (10, 3, 0)


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
