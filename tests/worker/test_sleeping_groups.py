"""Groups that sleep, are cancelled, are told to stop: what becomes of every member."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from stook.core.memo import Memo
from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker.words import BatchContext, Cancelled, Context, Event, Suspend, SyncBatchContext
from tests.worker.fake_source import FakeSource
from tests.worker.running import run, soon, working

GROUPS = TaskPolicy(batch=BatchConfig(3, 0), max_attempts=1)


def kinds(batch):
    return [[trouble.kind for trouble in troubles] for troubles in batch.troubles]


@pytest.mark.parametrize("is_async", [True, False])
def test_all_members_sleep_once_for_each_key_and_it_costs_no_attempt(is_async):
    calls = []

    async def coroutine(rows, ctx: BatchContext):
        calls.append((rows, ctx.closed_by))
        await ctx.sleep_all("first", 60)
        await ctx.sleep_all("second", 30)
        return rows

    def thread(rows, ctx: SyncBatchContext):
        calls.append((rows, ctx.closed_by))
        ctx.sleep_all("first", 60)
        ctx.sleep_all("second", 30)
        return rows

    async def main():
        async with working(coroutine if is_async else thread, policy=GROUPS) as (source, _):
            batch = source.submit([1, 2, 3], policy=GROUPS)
            for _ in range(2):
                await source.until(lambda: batch.states == ["suspended"] * 3)
                for offset in range(3):
                    source.wake(batch, offset)
            await source.ended(batch)
        assert batch.values() == ["1", "2", "3"]
        assert kinds(batch) == [["suspended"] * 2] * 3
        assert [(wait.key, wait.seconds) for trouble in batch.troubles[0] for wait in trouble.waits] == [
            ("first", 60.0),
            ("second", 30.0),
        ]

    run(main())
    assert [rows for rows, _ in calls] == [[1, 2, 3]] * 3


def test_members_meet_only_members_that_slept_the_same_keys():
    async def handler(rows, ctx: BatchContext):
        if rows[0] < 10:
            await ctx.sleep_all("nap", 1)
        return [rows] * len(rows)

    async def main():
        source = FakeSource()
        async with working(handler, source=source, policy=GROUPS):
            sleepers = source.submit([1, 2], policy=GROUPS)
            await source.until(lambda: sleepers.states == ["suspended"] * 2)
            gate = source.claim
            source.claim = stuck = _Stuck(gate)
            await soon(lambda: stuck.waiting)
            newcomer = source.submit([10], policy=GROUPS)
            for offset in range(2):
                source.wake(sleepers, offset)
            stuck.gate.set()
            await source.ended(sleepers)
            await source.ended(newcomer)
        assert sleepers.values() == ["[1,2]"] * 2
        assert newcomer.values() == ["[10]"]

    run(main())


class _Stuck:
    """Claims wait until the gate is open."""

    def __init__(self, claim):
        self._claim = claim
        self.gate = asyncio.Event()
        self.waiting = False

    async def __call__(self, claim):
        self.waiting = True
        await self.gate.wait()
        return await self._claim(claim)


def test_swallowed_the_sleep_holds(caplog):
    async def handler(rows, ctx: BatchContext):
        for _ in range(2):
            with contextlib.suppress(Suspend):
                await ctx.sleep_all("nap", 1)
        return rows

    async def main():
        async with working(handler, policy=GROUPS) as (source, _):
            batch = source.submit([1, 2], policy=GROUPS)
            await source.ended(batch)
        assert kinds(batch) == [["suspended"]] * 2

    run(main())
    assert "after sleep_all" in caplog.text


def test_what_was_marked_failed_fails_and_the_others_sleep():
    async def handler(rows, ctx: BatchContext):
        ctx.fail(1, "bad row", retry=False)
        await ctx.sleep_all("nap", 1)

    async def main():
        async with working(handler, policy=GROUPS) as (source, _):
            batch = source.submit([1, 2, 3], policy=GROUPS)
            await source.ended(batch)
        assert kinds(batch) == [["suspended"], ["failed"], ["suspended"]]

    run(main())


def test_a_member_that_slept_already_is_handed_back_and_does_not_sleep_again():
    async def handler(events: list[Event], ctx: BatchContext):
        await ctx.sleep_all("nap", 1)

    async def main():
        source = FakeSource()
        batch = source.submit([1, 2], policy=GROUPS)
        batch.memos[0]["nap"] = Memo("nap", "sleep")
        async with working(handler, source=source, policy=GROUPS):
            await source.ended(batch)
        assert batch.states == ["succeeded", "suspended"]
        assert kinds(batch) == [["released"], ["suspended"]]

    run(main())


# ----------------------------------------------------------------------------------------------- cancel and stop


def test_a_member_cancelled_while_the_group_sleeps_off_ends_cancelled_and_the_others_sleep():
    async def main():
        source = FakeSource()

        async def handler(rows, ctx: BatchContext):
            source.cancel(batch, 1)
            while not ctx.items_cancelled:
                await asyncio.sleep(0.001)
            assert set(ctx.items_cancelled) == {1}
            assert not ctx.signal.is_set()
            await ctx.sleep_all("nap", 1)

        async with working(handler, source=source, policy=GROUPS, lease=0.4):
            batch = source.submit([1, 2, 3], policy=GROUPS)
            await source.ended(batch)
        assert batch.states == ["suspended", "cancelled", "suspended"]

    run(main())


@pytest.mark.parametrize("is_async", [True, False])
def test_when_all_members_are_cancelled_the_next_safe_point_ends_the_call(is_async):
    seen = []

    async def main():
        source = FakeSource()

        async def coroutine(rows, ctx: BatchContext):
            source.cancel(batch)
            await ctx.signal.wait()
            try:
                await ctx.sleep_all("nap", 1)
            except Cancelled as error:
                seen.append(error.reason)
                raise

        def thread(rows, ctx: SyncBatchContext):
            source.cancel(batch)
            ctx.signal.wait()
            try:
                ctx.sleep_all("nap", 1)
            except Cancelled as error:
                seen.append(error.reason)
                raise

        async with working(coroutine if is_async else thread, source=source, policy=GROUPS, lease=0.4):
            batch = source.submit([1, 2], policy=GROUPS)
            await source.ended(batch)
        assert batch.states == ["cancelled"] * 2

    run(main())
    assert seen == ["cancelled"]


@pytest.mark.parametrize("on_error", ["retry_all", "bisect", "retry_singly"])
def test_a_stop_hands_the_group_back_at_its_next_safe_point(on_error):
    policy = TaskPolicy(batch=BatchConfig(3, 0, on_error=on_error), max_attempts=1)

    async def main():
        reached = threading.Event()

        async def handler(rows, ctx: BatchContext):
            reached.set()
            await ctx.signal.wait()
            await ctx.sleep_all("nap", 1)

        async with working(handler, policy=policy) as (source, worker):
            batch = source.submit([1, 2, 3], policy=policy)
            await soon(reached.is_set)
            await worker.stop(10)
        assert kinds(batch) == [["released"]] * 3
        assert batch.states == ["queued"] * 3

    run(main())


def test_a_window_that_has_closed_hands_the_group_back():
    async def main():
        source = FakeSource()

        async def handler(rows, ctx: BatchContext):
            if not batch.troubles[0]:
                await ctx.sleep_all("nap", 1)
            return rows

        async with working(handler, source=source, policy=GROUPS):
            batch = source.submit([1, 2], policy=GROUPS, window_closes_in=0.0)
            await source.ended(batch)
        assert kinds(batch) == [["released"]] * 2
        assert batch.states == ["succeeded"] * 2

    run(main())


def test_a_heartbeat_extends_each_lease_of_the_group_once():
    async def main():
        source = FakeSource()

        async def handler(rows, ctx: BatchContext):
            await ctx.heartbeat()
            return rows

        async with working(handler, source=source, policy=GROUPS, lease=30):
            batch = source.submit([1, 2, 3], policy=GROUPS, per_slice=2)
            await source.ended(batch)
        written = [write for call in source.remembered for write in call]
        assert len({write.token for write in written}) == len(written)
        assert {write.lease for write in written} == {30}

    run(main())


def test_groups_never_mix_lanes_or_projects():
    seen = []

    async def handler(rows):
        seen.append(sorted(rows))

    async def main():
        source = FakeSource()
        for n, (lane, project) in enumerate([("a", ""), ("b", ""), ("a", ""), ("a", "p"), ("b", "")]):
            source.submit([n], policy=GROUPS, lane=lane, project=project)
        async with working(handler, source=source, policy=GROUPS):
            for batch in source.batches:
                await source.ended(batch)

    run(main())
    assert sorted(seen) == [[0, 2], [1, 4], [3]]


class Counting:
    """A meter that notes what it is told of groups and steps."""

    def __init__(self):
        self.told = []

    def grouped(self, task, size, closed_by, age):
        assert 0 <= age < 20
        self.told.append((task, size, closed_by))

    def stepped(self, piece, *, cached, took):
        self.told.append((piece.task, cached, took > 0))

    def __getattr__(self, name):
        return lambda *_given: None


def test_groups_and_steps_are_counted():
    async def group(rows):
        return rows

    async def single(n, ctx: Context):
        await ctx.step("a", lambda: 1)
        if ctx.attempt == 1:
            raise ValueError("again")

    async def main(handler, policy):
        meter = Counting()
        async with working(handler, policy=policy, meter=meter) as (source, _):
            await source.ended(source.submit([1, 2, 3, 4], policy=policy))
        return sorted(meter.told)

    assert run(main(group, GROUPS)) == [("t", 1, "timeout"), ("t", 3, "size")]
    assert run(main(single, TaskPolicy())) == [("t", False, True)] * 4 + [("t", True, False)] * 4
