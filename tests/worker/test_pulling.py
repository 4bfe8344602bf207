"""What is claimed, how much of it, and when."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from stook.core.errors import ConfigError
from stook.core.policy import TaskPolicy
from stook.worker import pace, puller, runtime
from stook.worker.definition import define
from stook.worker.runtime import WorkerRuntime
from tests.worker.fake_source import FakeSource
from tests.worker.running import LIMIT, run, soon, working


async def echo(n):
    return n


def test_a_claim_asks_for_what_has_room_and_says_who_asks():
    async def main():
        async with working(echo, concurrency=7, name="me", lease=33.0) as (source, worker):
            await worker.drain()
            first = source.claims[0]
            assert (first.worker, list(first.tasks), first.items, first.idle) == ("me", ["t"], 7, True)
            assert first.lease == 33.0

    run(main())


def test_fast_handlers_get_work_ahead():
    async def main():
        async with working(echo, concurrency=5) as (source, _):
            await source.ended(source.submit(range(10_000)))
            assert max(claim.items for claim in source.claims) > 500
            assert len(source.claims) < 100

    run(main())


def test_what_is_never_begun_twice_is_claimed_when_it_can_start_and_not_before():
    """Also beside tasks that get work ahead."""

    async def main():
        tasks = {
            name: define(echo, name=name, policy=TaskPolicy(queue="default", rerun_lost=name != "once"))
            for name in ("again", "once")
        }
        source = FakeSource()
        worker = WorkerRuntime(source, tasks, name="w", concurrency=5)
        await worker.start()
        try:
            await asyncio.gather(*(source.ended(source.submit(range(1000), task=name)) for name in tasks))
        finally:
            await worker.stop()
        most = {name: max(claim.items for claim in source.claims if list(claim.tasks) == [name]) for name in tasks}
        assert most["again"] > 50
        assert most["once"] <= 5

    run(main())


def test_slow_handlers_hoard_nothing(monkeypatch):
    monkeypatch.setattr(pace, "SLOW", 1_000_000)

    async def main():
        go = asyncio.Event()

        async def handler(n):
            await asyncio.sleep(0.003)
            if n == "hold":
                await go.wait()
            return n

        async with working(handler, concurrency=2) as (source, _):
            await source.ended(source.submit(["slow"] * 4))
            batch = source.submit(["hold"] * 50)
            await source.until(lambda: batch.states.count("running") == 2)
            await asyncio.sleep(0.02)
            assert batch.states.count("running") == 2
            go.set()
            await source.ended(batch)

    run(main())


def test_what_waits_behind_handlers_that_became_slow_is_given_back(monkeypatch):
    monkeypatch.setattr(runtime, "TICK", 0.02)

    async def main():
        go = asyncio.Event()

        async def handler(n):
            if n == "slow":
                await go.wait()
            return n

        async with working(handler, concurrency=2) as (source, _):
            await source.ended(source.submit(["fast"] * 200))
            batch = source.submit(["slow"] * 100)
            await source.until(lambda: batch.states.count("running") > 50)
            await source.until(lambda: batch.states.count("queued") == 98)
            assert batch.states.count("running") == 2
            go.set()
            await source.ended(batch)

    run(main())


def test_a_free_slot_is_filled_while_another_handler_runs_on():
    async def main():
        go = asyncio.Event()

        async def handler(n):
            if n == "long":
                await go.wait()
            return n

        async with working(handler, concurrency=2) as (source, _):
            long = source.submit(["long"])
            await source.until(lambda: source.leases)
            for _ in range(10):
                await source.ended(source.submit(["short"] * 5))
            assert long.states == ["running"]
            go.set()
            await source.ended(long)

    run(main())


def test_new_work_starts_on_its_signal_and_not_at_the_next_poll():
    async def main():
        async with working(echo, poll_interval=60) as (source, worker):
            await worker.drain()
            await source.ended(source.submit([1]))

    run(main())


def test_without_a_signal_the_poll_finds_it():
    async def main():
        async with working(echo, poll_interval=0.02) as (source, worker):
            await worker.drain()
            batch = source.submit([1])
            source._changed.clear()
            await source.ended(batch)

    run(main())


def test_an_announced_moment_is_not_slept_through():
    async def main():
        async with working(echo, poll_interval=60) as (source, worker):
            source.announced = 0.02
            await source.until(lambda: len(source.claims) >= 4)
            assert worker.in_flight == 0

    run(main())


class SlowToAnswer(FakeSource):
    """What it says of its limits is old when it arrives."""

    async def claim(self, claim):
        found = await super().claim(claim)
        await asyncio.sleep(0.05)
        return found

    async def wait(self, tasks, timeout):
        """Only what is new is rung for."""
        await asyncio.sleep(timeout)


def test_room_that_comes_free_while_a_claim_is_on_its_way_is_not_overlooked():
    async def main():
        async def brief(n):
            await asyncio.sleep(0.01)

        source = SlowToAnswer()
        source.limit = 1
        async with working(brief, source=source, concurrency=3, fetch_size=1, poll_interval=LIMIT * 2):
            await source.ended(source.submit(range(5), per_slice=1))

    run(main())


def test_what_a_limit_keeps_back_is_asked_for_as_soon_as_something_ends():
    async def main():
        source = FakeSource()
        source.limit = 1
        async with working(echo, source=source, concurrency=3, fetch_size=1, poll_interval=LIMIT * 2):
            await source.ended(source.submit(range(5)))

    run(main())


def test_drain_waits_for_what_is_announced_but_not_for_a_clock_that_stands_still():
    async def main():
        async with working(echo, poll_interval=0.01) as (source, worker):
            source.announced = 0.05
            before = asyncio.get_running_loop().time()
            assert await worker.drain()
            assert asyncio.get_running_loop().time() - before >= 0.04

    run(main())


def test_suspects_are_claimed_by_an_idle_worker_and_run_alone():
    async def main():
        running, most = 0, {}

        async def handler(n):
            nonlocal running
            running += 1
            await asyncio.sleep(0.001)
            most[n] = max(most.get(n, 0), running)
            running -= 1
            return n

        async with working(handler, concurrency=5) as (source, worker):
            source.submit(range(20))
            suspects = [source.submit([f"suspect {n}"], exclusive=True) for n in range(3)]
            await worker.drain()
            assert [batch.states for batch in suspects] == [["succeeded"]] * 3
        assert max(most[f"suspect {n}"] for n in range(3)) == 1
        assert max(most.values()) == 5

    run(main())


def test_suspects_are_not_starved_by_work_that_never_ends(monkeypatch):
    monkeypatch.setattr(puller, "PATIENCE", 0.02)

    async def main():
        started = asyncio.Condition()

        async def handler(n):
            """Runs until the next one has started: the worker is never idle by itself."""
            async with started:
                started.notify_all()
                if suspect.states[0] != "succeeded":
                    source.submit([n])
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(started.wait(), 0.03)
            return n

        async with working(handler, concurrency=3) as (source, _):
            source.submit(range(2))
            await source.until(lambda: source.leases)
            suspect = source.submit(["suspect"], exclusive=True)
            await source.ended(suspect)

    run(main())


def test_claims_stop_while_outcomes_cannot_be_stored(monkeypatch):
    monkeypatch.setattr(puller, "UNSETTLED_LIMIT", 100)

    async def main():
        async with working(echo, concurrency=10) as (source, worker):
            source.settle_gate = asyncio.Event()
            batch = source.submit(range(1000), per_slice=50)
            await soon(lambda: worker.in_flight >= 100 and not worker.running)
            for _ in range(50):
                await asyncio.sleep(0)
            assert worker.in_flight == 100
            source.settle_gate.set()
            await source.ended(batch)

    run(main())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"concurrency": 0}, "concurrency=0 is less than 1"),
        ({"processes": 0}, "processes=0 is less than 1"),
        ({"processes": 2}, "no task runs in processes"),
        ({"lease": 0}, "lease=0 is not a number of seconds > 0"),
        ({"poll_interval": -1}, "poll_interval=-1"),
    ],
)
def test_options_that_cannot_work_are_refused(options, says):
    with pytest.raises(ConfigError, match=says):
        WorkerRuntime(FakeSource(), {"t": define(echo, name="t")}, name="w", **options)


def test_a_task_is_registered_under_its_own_name():
    with pytest.raises(ConfigError, match="'t' is registered under another name, 'u'"):
        WorkerRuntime(FakeSource(), {"u": define(echo, name="t")}, name="w")


def test_several_tasks_share_a_worker():
    async def main():
        async def other(n):
            return -n

        async with working(echo, other) as (source, worker):
            mine = source.submit([1, 2])
            theirs = source.submit([1, 2], task="other", policy=TaskPolicy())
            await worker.drain()
            assert (mine.values(), theirs.values()) == (["1", "2"], ["-1", "-2"])

    run(main())
