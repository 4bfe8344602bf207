"""A lease that has run out, as far as this worker knows: nothing of it starts any more, at once."""

from __future__ import annotations

from time import perf_counter_ns

import pytest

from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker import consumer, group, puller, threads
from stook.worker.processes import lane
from tests.worker import process_handlers
from tests.worker.running import run, working

LEASE = 60
"""Seconds; the renewal would notice half a second later, long after these tests have ended. Slices are `closed`, so
that they are claimed whole."""


@pytest.fixture
def lapse(monkeypatch):
    """Lets the leases of now run out."""
    passed = 0

    def now():
        return perf_counter_ns() + passed

    def move():
        nonlocal passed
        passed += LEASE * 1_000_000_000

    for module in (consumer, group, lane, puller, threads):
        monkeypatch.setattr(module, "perf_counter_ns", now)
    return move


class Once:
    """Handlers whose first call takes longer than the lease."""

    def __init__(self, lapse):
        self.started = []
        self._lapse = lapse

    def _run(self, given):
        if not self.started:
            self._lapse()
        self.started.append(given)
        return given

    def thread(self, n):
        return self._run(n)

    async def along(self, n):
        return self._run(n)

    async def grouped(self, rows):
        return self._run(rows)


@pytest.mark.parametrize("kind", ["along", "thread"])
def test_the_rest_of_the_slice_is_left_to_others(lapse, kind):
    async def main():
        once = Once(lapse)
        async with working(getattr(once, kind), concurrency=1, lease=LEASE) as (source, _):
            batch = source.submit(list(range(4)), closed=True)
            await source.ended(batch)
        assert once.started == [0, 1, 2, 3], "each once"
        # Here the first one's outcome came in time: only the store's clock tells.
        assert batch.runs == [1, 2, 2, 2]
        assert [[one.kind for one in troubles] for troubles in batch.troubles] == [[], *[["released"]] * 3]

    run(main())


@pytest.mark.parametrize("kind", ["along", "thread"])
def test_what_its_successor_has_begun_is_not_begun_here(lapse, kind):
    async def main():
        async def other(n):
            return n

        def lapses():
            lapse()
            source.lose(batch)
            taken.extend(source.ready)
            source.ready.clear()

        once, taken = Once(lapses), []
        async with working(getattr(once, kind), other, concurrency=1, lease=LEASE) as (source, _):
            batch = source.submit(list(range(4)), closed=True)
            await source.until(lambda: source.settlements)
            await source.ended(source.submit([1], task="other"))
        assert once.started == [0]
        assert [one.offsets for one in taken] == [[0, 1, 2, 3]]
        assert batch.troubles == [[]] * 4

    run(main())


def test_a_waiting_group_is_not_called(lapse):
    async def main():
        once = Once(lapse)
        policy = TaskPolicy(batch=BatchConfig(2, timeout=0))
        async with working(once.grouped, policy=policy, concurrency=3, lease=LEASE) as (source, _):
            batch = source.submit(list(range(6)), policy=policy)
            await source.ended(batch)
        assert once.started == [[0, 1], [2, 3], [4, 5]]
        assert batch.runs == [1, 1, 2, 2, 2, 2]

    run(main())


def test_a_process_is_given_nothing_of_it(lapse, monkeypatch):
    concluded, first = lane.ProcessLane.concluded, []

    def late(self, *args, **options):
        if not first:
            first.append(1)
            lapse()
        concluded(self, *args, **options)

    monkeypatch.setattr(lane.ProcessLane, "concluded", late)

    async def main():
        async with working(process_handlers.double, processes=1, lease=LEASE) as (source, _):
            batch = source.submit([1, 2, 3], closed=True)
            await source.ended(batch)
        assert batch.values() == ["2", "4", "6"]
        assert batch.runs == [1, 2, 2]

    run(main())
