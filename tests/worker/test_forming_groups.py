"""How groups form from claimed slices: by size, bytes, time, and never across what is closed."""

from __future__ import annotations

import asyncio
from math import ceil, log2

import pytest

from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker.definition import define
from stook.worker.runtime import WorkerRuntime
from stook.worker.words import BatchContext
from tests.worker.fake_source import FakeSource
from tests.worker.running import outcomes, run, working


def policy_for(size, **options):
    return TaskPolicy(batch=BatchConfig(size, **options), max_attempts=1)


class Recorder:
    """A batched handler that remembers its groups."""

    def __init__(self, *, fails=lambda rows: False):
        self.groups = []
        self.closed_by = []
        self.ids = set()
        self.fails = fails

        async def handler(rows, ctx: BatchContext):
            self.groups.append(list(rows))
            self.closed_by.append(ctx.closed_by)
            self.ids.add(ctx.group_id)
            if self.fails(rows):
                raise ValueError("poison")
            return rows

        self.handler = handler


def test_groups_are_full_and_in_order_and_may_span_slices():
    recorder = Recorder()
    batch = None

    async def main():
        nonlocal batch
        policy = policy_for(10)
        async with working(recorder.handler, policy=policy, concurrency=1) as (source, worker):
            batch = source.submit(list(range(64)), policy=policy, per_slice=7)
            await worker.drain()

    run(main())
    assert [row for group in recorder.groups for row in group] == list(range(64))
    assert [len(group) for group in recorder.groups] == [10] * 6 + [4]
    assert recorder.closed_by[:6] == ["size"] * 6
    assert len(recorder.ids) == 7
    assert batch.values() == [str(n) for n in range(64)]


def test_a_partial_group_goes_at_its_timeout():
    async def main():
        recorder = Recorder()
        policy = policy_for(10, timeout=0.03)
        async with working(recorder.handler, policy=policy) as (source, worker):
            batch = source.submit([1, 2, 3], policy=policy)
            await source.until(lambda: source.leases)
            assert worker.running == 0
            await source.ended(batch)
        assert recorder.groups == [[1, 2, 3]]
        assert recorder.closed_by == ["timeout"]

    run(main())


def test_a_trickle_fills_one_group_and_does_not_postpone_it():
    async def main():
        recorder = Recorder()
        policy = policy_for(4, timeout=30)
        async with working(recorder.handler, policy=policy) as (source, _):
            for n in range(4):
                batch = source.submit([n], policy=policy)
                await source.until(lambda: not source.ready)
            await source.ended(batch)
        assert recorder.groups == [[0, 1, 2, 3]]

    run(main())


def test_what_the_claim_calls_a_group_goes_at_once():
    async def main():
        recorder = Recorder()
        policy = policy_for(10, timeout=30)
        async with working(recorder.handler, policy=policy) as (source, _):
            one = source.submit([1], policy=policy, forced="timeout")
            other = source.submit([2, 3], policy=policy, forced="timeout")
            await source.ended(one)
            await source.ended(other)
        assert recorder.groups == [[1, 2, 3]]
        assert recorder.closed_by == ["timeout"]

    run(main())


def test_what_a_limit_left_room_for_is_cut_by_size_and_its_rest_says_so():
    async def main():
        recorder = Recorder()
        policy = policy_for(5, timeout=30)
        async with working(recorder.handler, policy=policy, concurrency=1) as (source, _):
            limited = source.submit(list(range(7)), policy=policy, per_slice=4, forced="concurrency")
            await source.ended(limited)
            other = source.submit(list(range(5)), policy=policy)
            await source.ended(other)
        assert recorder.groups == [[0, 1, 2, 3, 4], [5, 6], [0, 1, 2, 3, 4]]
        assert recorder.closed_by == ["size", "concurrency", "size"]

    run(main())


def test_a_closed_slice_is_a_group_by_itself():
    async def main():
        recorder = Recorder()
        policy = policy_for(10, timeout=0.02)
        async with working(recorder.handler, policy=policy) as (source, _):
            open_ = source.submit([1, 2], policy=policy)
            closed = source.submit([3, 4, 5], policy=policy, closed=True, forced="retry")
            await source.ended(open_)
            await source.ended(closed)
        assert recorder.groups == [[3, 4, 5], [1, 2]]
        assert recorder.closed_by == ["retry", "timeout"]

    run(main())


def test_bytes_close_a_group_and_a_large_item_goes_alone():
    recorder = Recorder()
    texts = ["a" * 30, "b" * 30, "c" * 30, "d" * 300, "e" * 30, "f" * 30]
    batch = outcomes(recorder.handler, texts, policy=policy_for(10, max_bytes=100), concurrency=1)
    assert [[row[0] for row in group] for group in recorder.groups] == [["a", "b", "c"], ["d"], ["e", "f"]]
    assert recorder.closed_by[:2] == ["bytes", "bytes"]
    assert set(batch.states) == {"succeeded"}


def test_a_drain_closes_what_is_forming():
    async def main():
        recorder = Recorder()
        policy = policy_for(10, timeout=30)
        async with working(recorder.handler, policy=policy) as (source, worker):
            source.submit([1, 2, 3], policy=policy)
            assert await worker.drain()
            assert source.claims[-1].hurried
        assert recorder.groups == [[1, 2, 3]]
        assert recorder.closed_by == ["drain"]

    run(main())


def test_a_stop_closes_what_is_forming_and_handles_it_once():
    async def main():
        recorder = Recorder()
        policy = policy_for(10, timeout=30)
        async with working(recorder.handler, policy=policy) as (source, worker):
            batch = source.submit([1, 2, 3], policy=policy)
            await source.until(lambda: source.leases)
            await worker.stop(5)
        assert recorder.groups == [[1, 2, 3]]
        assert recorder.closed_by == ["stop"]
        assert batch.values() == ["1", "2", "3"]

    run(main())


def test_a_group_takes_one_slot():
    async def main():
        go, full = asyncio.Event(), asyncio.Event()
        most = now = 0

        async def grouped(rows):
            nonlocal now, most
            now += 1
            most = max(most, now)
            if now == 2:
                full.set()
            await go.wait()
            now -= 1
            return rows

        policy = policy_for(5)
        async with working(grouped, policy=policy, concurrency=2) as (source, worker):
            batch = source.submit(list(range(23)), policy=policy)
            await full.wait()
            go.set()
            await worker.drain()
            assert set(batch.states) == {"succeeded"}
        assert most == 2

    run(main())


def test_others_do_not_wait_for_a_group_to_fill():
    async def main():
        source = FakeSource()

        async def grouped(rows):
            return rows

        async def single(n):
            return n

        forming = TaskPolicy(batch=BatchConfig(10, 30))
        tasks = {"t": define(grouped, name="t", policy=forming), "single": define(single, name="single")}
        worker = WorkerRuntime(source, tasks, name="w", concurrency=1)
        await worker.start()
        waiting = source.submit([1, 2], policy=forming)
        await source.until(lambda: source.leases)
        await source.ended(source.submit([1, 2, 3], task="single"))
        assert waiting.states == ["running"] * 2
        await worker.stop(5)
        assert waiting.states == ["succeeded"] * 2

    run(main())


# --------------------------------------------------------------------------------------------------------- bisect


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 64, 100])
@pytest.mark.parametrize("poison", [0, 0.5, 0.99])
def test_one_poison_item_is_found_in_few_calls_and_no_other_pays(size, poison):
    poison = int(size * poison)
    recorder = Recorder(fails=lambda rows: poison in rows)
    policy = TaskPolicy(batch=BatchConfig(size, on_error="bisect"), max_attempts=1)
    batch = outcomes(recorder.handler, list(range(size)), policy=policy)
    assert len(recorder.groups) <= 1 + 2 * ceil(log2(size))
    assert [n for n, state in enumerate(batch.states) if state == "failed"] == [poison]
    assert batch.troubles[poison][-1].message == "poison"
    for n in range(size):
        if n != poison:
            assert batch.values()[n] == str(n)
            assert {trouble.kind for trouble in batch.troubles[n]} <= {"bisected"}


def test_all_poison_costs_two_calls_per_item_at_most():
    recorder = Recorder(fails=lambda rows: True)
    policy = TaskPolicy(batch=BatchConfig(16, on_error="bisect"), max_attempts=1)
    batch = outcomes(recorder.handler, list(range(16)), policy=policy)
    assert len(recorder.groups) == 2 * 16 - 1
    assert set(batch.states) == {"failed"}


def test_a_single_one_that_raises_runs_alone_from_then_on():
    recorder = Recorder(fails=lambda rows: rows == [1] and len(recorder.groups) < 5)
    policy = TaskPolicy(batch=BatchConfig(2, on_error="bisect"), max_attempts=3)
    batch = outcomes(recorder.handler, [1], policy=policy)
    assert batch.troubles[0][-1].singly


def test_a_group_that_spans_slices_is_halved_as_well():
    recorder = Recorder(fails=lambda rows: 5 in rows)
    policy = TaskPolicy(batch=BatchConfig(12, on_error="bisect"), max_attempts=1)

    async def main():
        async with working(recorder.handler, policy=policy, concurrency=1) as (source, worker):
            batch = source.submit(list(range(12)), policy=policy, per_slice=4)
            await worker.drain()
            assert [n for n, state in enumerate(batch.states) if state == "failed"] == [5]
            assert batch.runs[0] == 1

    run(main())
    assert recorder.groups[0] == list(range(12))
    assert len(recorder.groups) <= 1 + 2 * ceil(log2(12))
    assert "bisect" in recorder.closed_by


def test_halves_are_closed_in_order_and_cost_no_attempt():
    recorder = Recorder(fails=lambda rows: len(rows) == 5)
    policy = TaskPolicy(batch=BatchConfig(5, on_error="bisect"), max_attempts=1)
    batch = outcomes(recorder.handler, list("abcde"), policy=policy, concurrency=1)
    assert recorder.groups == [list("abcde"), list("abc"), list("de")]
    assert recorder.closed_by == ["size", "bisect", "bisect"]
    assert set(batch.states) == {"succeeded"}
