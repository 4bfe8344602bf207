"""Outcomes on their way back: in flushes, in order, never lost, and one that is refused harms no other."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import StoreError, StoreFull
from stook.core.policy import TaskPolicy
from tests.worker.fake_source import FakeSource, unavailable
from tests.worker.running import run, soon, working


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr("stook.worker.backoff.FIRST", 0.001)


async def echo(n):
    return n


def test_a_full_slice_settles_as_it_was_claimed():
    async def main():
        async with working(echo, concurrency=512, flush_interval=1.0) as (source, _):
            await source.ended(source.submit(range(512)))
            (settlement,) = source.settlements
            assert settlement.offsets == range(512)
            assert settlement.results[511] == b"511"

    run(main())


def test_many_slices_share_a_flush():
    async def main():
        calls = []

        class Counting(FakeSource):
            async def settle(self, settlements):
                calls.append(len(settlements))
                return await super().settle(settlements)

        async with working(echo, source=Counting()) as (source, _):
            await source.ended(source.submit(range(20_000)))
        assert len(calls) < 400
        assert max(calls) > 1

    run(main())


def test_a_slow_item_does_not_hold_back_the_others_of_its_slice():
    async def main():
        go = asyncio.Event()

        async def handler(n):
            if n == 1:
                await go.wait()
            return n

        async with working(handler) as (source, _):
            batch = source.submit([0, 1, 2])
            await source.until(lambda: batch.states == ["succeeded", "running", "succeeded"])
            go.set()
            await source.ended(batch)
            assert [list(one.offsets) for one in source.settlements] == [[0, 2], [1]]

    run(main())


def test_one_result_on_an_idle_worker_is_settled_at_once():
    async def main():
        async with working(echo, flush_interval=30) as (source, _):
            await source.ended(source.submit([1]))

    run(main())


def test_outcomes_wait_a_little_for_others_while_something_runs():
    async def main():
        go = asyncio.Event()

        async def handler(n):
            if n == 0:
                await go.wait()
            return n

        async with working(handler, flush_interval=30) as (source, _):
            batch = source.submit([0, 1, 2])
            await source.until(lambda: source.leases)
            for _ in range(20):
                await asyncio.sleep(0)
            assert source.settlements == []
            go.set()
            await source.ended(batch)
            assert len(source.settlements) == 1

    run(main())


def test_one_flush_is_under_way_while_the_next_gathers():
    async def main():
        under_way = most = 0

        class Watching(FakeSource):
            async def settle(self, settlements):
                nonlocal under_way, most
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(0.002)
                under_way -= 1
                return await super().settle(settlements)

        async with working(echo, source=Watching()) as (source, _):
            await source.ended(source.submit(range(5000)))
        assert most == 1

    run(main())


def test_a_store_that_is_away_is_waited_for():
    async def main():
        async with working(echo) as (source, worker):
            source.settle_errors = [unavailable() for _ in range(5)]
            batch = source.submit([1, 2])
            await source.ended(batch)
            assert batch.values() == ["1", "2"]
            assert batch.runs == [1, 1]
            assert worker.failure is None

    run(main())


def test_claims_are_tried_again_as_well():
    async def main():
        async with working(echo) as (source, _):
            source.claim_errors = [unavailable() for _ in range(3)]
            await source.ended(source.submit([1]))

    run(main())


@pytest.mark.parametrize("bad", [[], [3], [0, 9], list(range(10))])
@pytest.mark.parametrize("per_slice", [2, 512])
def test_an_outcome_that_is_refused_fails_alone(bad, per_slice):
    async def main():
        async with working(echo) as (source, worker):
            source.refuses = lambda one: any(f"{n}".encode() in one.results for n in bad)
            source.settle_gate = asyncio.Event()
            batch = source.submit(range(10), per_slice=per_slice)
            await source.until(lambda: set(batch.states) == {"running"})
            await soon(lambda: not worker.running)  # what is not in the first flush is in the second, together
            source.settle_gate.set()
            other = source.submit([100, 101])
            await source.ended(batch)
            await source.ended(other)
            assert [n for n, state in enumerate(batch.states) if state == "failed"] == bad
            for n in bad:
                trouble = batch.only(n)
                assert (trouble.code, trouble.type, trouble.retryable) == (
                    "result_rejected",
                    "ResultNotSerializable",
                    False,
                )
                assert trouble.message == "its outcome could not be stored: ValueError: refused"
            assert other.values() == ["100", "101"]

    run(main())


def test_a_failure_that_is_refused_fails_as_refused():
    async def main():
        async def handler(n):
            raise ValueError(n)

        async with working(handler) as (source, _):
            source.refuses = lambda one: any(trouble.code != "result_rejected" for trouble in one.troubles)
            policy = TaskPolicy(max_attempts=1)
            batch = source.submit([1, 2], policy=policy)
            await source.ended(batch)
            assert batch.only(0).code == batch.only(1).code == "result_rejected"

    run(main())


def test_what_cannot_be_stored_at_all_is_left_to_its_lease():
    async def main():
        async with working(echo) as (source, worker):
            source.refuses = lambda one: True
            batch = source.submit([1])
            await source.until(lambda: source.leases)
            await soon(lambda: not worker.in_flight)
            assert batch.states == ["running"]

    run(main())


def test_a_full_disk_ends_the_worker_with_that_error():
    async def main():
        async with working(echo) as (source, worker):
            source.settle_errors = [StoreFull("no space left")]
            source.submit([1])
            with pytest.raises(StoreFull, match="no space left"):
                await worker.drain()
            assert isinstance(worker.failure, StoreFull)

    run(main())


def test_a_store_that_takes_nothing_ends_the_worker_with_its_error():
    async def main():
        async with working(echo) as (source, worker):
            source.settle_errors = [StoreError("permission denied") for _ in range(1000)]
            batch = source.submit(range(20), per_slice=5)
            with pytest.raises(StoreError, match="permission denied"):
                await worker.drain()
            assert not {"succeeded", "failed"} & set(batch.states)
            assert len(source.settle_errors) > 980  # nobody asks for each of the twenty

    run(main())


def test_a_store_error_of_one_outcome_is_that_outcomes():
    async def main():
        async with working(echo) as (source, _):
            source.refuses = lambda one: b"3" in one.results
            source.refusal = StoreError
            batch = source.submit(range(10))
            await source.ended(batch)
            assert [n for n, state in enumerate(batch.states) if state == "failed"] == [3]
            assert batch.only(3).type == "ResultNotSerializable"

    run(main())


def test_a_source_that_breaks_its_protocol_ends_the_worker():
    async def main():
        async with working(echo) as (source, worker):
            source.claim_errors = [RuntimeError("bug")]
            with pytest.raises(RuntimeError, match="bug"):
                await worker.drain()

    run(main())
