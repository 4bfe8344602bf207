"""Limits of projects, queues, tasks and batches hold exactly; pauses hold; a resumed batch starts gently."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.policy import BatchConfig
from stook.store.script.pause import pause, resume
from stook.store.script.quota import declare_quota, set_batch_limit, set_quota
from stook.store.script.read.limits import LimitRow, project_limits
from stook.store.script.sweep import expire_leases
from tests.contract.batches import (
    batch_of,
    claim_all,
    drain,
    fail,
    indexes,
    policy,
    send,
    submit_items,
    succeed,
    take,
    take_one,
)

SCOPES = [("project", "default", ""), ("queue", "default", "q"), ("task", "default", "t")]


async def limit(store, scope, batch_id, most):
    if scope == "batch":
        await store.write(set_batch_limit, batch_id, most)
    else:
        await store.write(set_quota, *next(one for one in SCOPES if one[0] == scope), most)


@pytest.mark.parametrize("scope", ["project", "queue", "task", "batch"])
async def test_a_limit_holds_as_things_start_and_end(store, scope):
    batch_id = await submit_items(store, 100, per=30, queue="q")
    await limit(store, scope, batch_id, 7)
    first = await claim_all(store, 3)
    assert len(indexes(first)) == 7
    await send(store, succeed(first[0]))
    assert len(indexes(await claim_all(store))) == 3
    await send(store, fail(first[1], kind="released"))
    assert len(indexes(await claim_all(store))) == 3
    await limit(store, scope, batch_id, 9)
    assert len(indexes(await claim_all(store))) == 2
    await limit(store, scope, batch_id, 4)
    assert not await claim_all(store)
    await limit(store, scope, batch_id, None)
    assert len(indexes(await claim_all(store))) == 100 - 3 - 9


@pytest.mark.parametrize("scope", ["project", "queue", "task", "batch"])
async def test_a_limit_is_exact_however_many_claim_at_once(store, scope):
    batch_id = await submit_items(store, 600, per=20, queue="q")
    await limit(store, scope, batch_id, 10)
    in_flight = most = done = 0

    async def worker(name: str) -> None:
        nonlocal in_flight, most, done
        for _ in range(12):
            slices = (await take(store, 4, worker=name)).slices
            in_flight += len(indexes(slices))
            most = max(most, in_flight)
            await watch.look()
            in_flight -= len(indexes(slices))  # gone before the answer comes: never counts too much
            await send(store, *(succeed(one) for one in slices))
            done += len(indexes(slices))

    store.audited = False
    watch = _Watch(store)
    await asyncio.gather(*(worker(f"w{n}") for n in range(6)))
    assert 0 < watch.most <= 10
    assert done > 10
    await store.audit()


class _Watch:
    """The most that was ever seen in flight."""

    def __init__(self, store) -> None:
        self._store = store
        self._turn = asyncio.Lock()
        self.most = 0

    async def look(self) -> None:
        async with self._turn:
            (rows,) = await self._store.tables.fetch("select coalesce(sum(live), 0) from lease")
        self.most = max(self.most, int(rows[0][0]))


async def test_the_tightest_limit_counts(store):
    batch_id = await submit_items(store, 100, queue="q", max_concurrency=50)
    await limit(store, "project", batch_id, 40)
    await limit(store, "queue", batch_id, 5)
    await limit(store, "task", batch_id, 30)
    assert len(indexes(await claim_all(store))) == 5


async def test_a_claim_says_that_a_limit_kept_something_back(store):
    batch_id = await submit_items(store, 2, queue="q")
    await limit(store, "queue", batch_id, 1)
    first, second = await take(store), await take(store)
    assert (len(first.slices), first.limited, len(second.slices), second.limited) == (1, True, 0, True)
    await send(store, succeed(first.slices[0]))
    last = await take(store)
    assert (len(last.slices), last.limited) == (1, False)


async def test_a_batch_at_its_own_limit_is_kept_back(store):
    await submit_items(store, 3, max_concurrency=1)
    first, second = await take(store), await take(store)
    assert (len(first.slices), len(second.slices), second.limited) == (1, 0, True)


async def test_a_batch_at_its_limit_hides_nobody_behind_it(store):
    first = await submit_items(store, 400, per=4, max_concurrency=2)
    second = await submit_items(store, 400, per=4, max_concurrency=3)
    third = await submit_items(store, 5)
    given = [one.batch_id for one in await claim_all(store, 8) for _ in one.offsets]
    assert [given.count(one) for one in (first, second, third)] == [2, 3, 5]


async def test_many_batches_at_their_limits_hide_nobody_behind_them(store):
    full = [await submit_items(store, 2, max_concurrency=1) for _ in range(60)]
    assert sorted(one.batch_id for one in await claim_all(store)) == full
    behind = await submit_items(store, 5)
    assert [one.batch_id for one in await claim_all(store)] == [behind]


async def test_a_limit_of_one_project_or_task_is_nothing_to_others(store):
    await submit_items(store, 10)
    await submit_items(store, 10, project="p")
    await submit_items(store, 10, task="u")
    await store.write(set_quota, "task", "default", "t", 0)
    found = await claim_all(store, tasks=("t", "u"))
    assert sorted((one.task, len(one.offsets)) for one in found) == [("t", 10), ("u", 10)]


async def test_suspects_count_under_the_limits_too(store):
    batch_id = await submit_items(store, 8)
    await take(store, 4, lease=1)
    store.clock.advance(2)
    await store.write(expire_leases)
    await limit(store, "batch", batch_id, 3)
    suspect = await take_one(store)
    assert (suspect.exclusive, len(suspect.offsets)) == (True, 2)
    assert len(indexes(await claim_all(store))) == 1
    assert not (await take(store)).suspects


async def test_a_closed_group_is_no_way_around_a_limit(store):
    batch_id = await submit_items(store, 12, policy=policy(batch=BatchConfig(12)))
    await send(store, fail(await take_one(store), *range(8), kind="bisected", halves=1))
    await limit(store, "batch", batch_id, 6)
    assert len(indexes(await claim_all(store, 2))) <= 6


@pytest.mark.parametrize(("scope", "project", "name"), SCOPES)
async def test_a_pause_lets_nothing_start_and_what_runs_go_on(store, scope, project, name):
    batch_id = await submit_items(store, 20, queue="q")
    running = await take_one(store, 5)
    await store.write(set_quota, scope, project, name, None, paused=True)
    assert not (await take(store)).slices
    await send(store, succeed(running))
    assert (await batch_of(store, batch_id)).succeeded == 5
    await store.write(set_quota, scope, project, name, None, paused=False)
    assert await drain(store) == 15


@pytest.mark.parametrize(("scope", "project", "name"), SCOPES)
async def test_a_pause_holds_suspects_too_and_nobody_waits_for_them(store, scope, project, name):
    await submit_items(store, 1, queue="q")
    await take(store, lease=1)
    store.clock.advance(2)
    await store.write(expire_leases)
    await store.write(set_quota, scope, project, name, None, paused=True)
    claimed = await take(store)
    assert (claimed.slices, claimed.suspects) == ([], False)
    await store.write(set_quota, scope, project, name, None, paused=False)
    assert await drain(store) == 1


async def test_a_paused_suspect_hides_no_other(store):
    for project in ("p", "q"):
        await submit_items(store, 1, project=project)
        await take(store, lease=1, idle=False)
        store.clock.advance(2)
        await store.write(expire_leases)
    await store.write(set_quota, "project", "p", "", None, paused=True)
    assert (await take_one(store)).exclusive


async def test_a_limit_set_while_paused_leaves_the_pause(store):
    await submit_items(store, 5)
    await store.write(set_quota, "task", "default", "t", 2, paused=True)
    await store.write(set_quota, "task", "default", "t", 3)
    assert not (await take(store)).slices
    await store.write(set_quota, "task", "default", "t", 3, paused=False)
    assert len(indexes(await claim_all(store))) == 3


# ---------------------------------------------------------------------------------- a batch's own pause


async def test_a_paused_batch_starts_nothing_and_finishes_what_runs(store):
    batch_id = await submit_items(store, 20, per=5)
    running = await take_one(store, 5)
    await store.write(pause, batch_id, reason="lunch")
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.reason) == ("paused", "lunch")
    assert not (await take(store)).slices
    await send(store, fail(running))
    store.clock.advance(60)
    assert not (await take(store)).slices
    await store.write(resume, batch_id)
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.reason) == ("active", None)


async def test_resuming_starts_gently_and_is_at_full_speed_after_ten_seconds(store):
    batch_id = await submit_items(store, 10_000)
    await store.write(pause, batch_id, reason="")
    await store.write(resume, batch_id)
    in_flight = []
    for _ in range(12):
        await take(store, 3000)
        (rows,) = await store.tables.fetch("select sum(live) from lease")
        in_flight.append(rows[0][0])
        store.clock.advance(1)
    assert in_flight[:10] == [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]
    assert in_flight[10] > 4096


async def test_resuming_without_a_ramp_is_at_full_speed_at_once(store):
    batch_id = await submit_items(store, 1000)
    await store.write(pause, batch_id, reason="")
    await store.write(resume, batch_id, ramp=False)
    assert len(indexes(await claim_all(store))) == 1000


async def declared(store, most):
    await store.write(declare_quota, "default", "t", most)
    rows = await store.read(project_limits, "default")
    return next((one.max_concurrency for one in rows if one.scope == "task"), None)


async def test_a_limit_changed_by_hand_stays_whichever_process_says_the_definition_again(store):
    assert await declared(store, 5) == 5
    await store.write(set_quota, "task", "default", "t", 2)
    assert await declared(store, 5) == 2
    await store.write(set_quota, "task", "default", "t", None)
    assert await declared(store, 5) is None, "no limit is a limit changed by hand too"
    assert await declared(store, 7) == 7, "the definition has changed"


async def test_a_limit_set_by_hand_before_the_definition_was_ever_told_stays(store):
    await store.write(set_quota, "task", "default", "t", 2)
    assert [await declared(store, most) for most in (5, 5, 7)] == [2, 2, 7]


async def test_a_pause_stays_when_a_definition_is_told(store):
    await store.write(set_quota, "task", "default", "t", None, paused=True)
    assert await declared(store, 5) == 5
    (_, task) = await store.read(project_limits, "default")
    assert task == LimitRow("task", "t", 5, paused=True, running=0, declared_concurrency=5)


async def test_the_limits_of_a_project_are_its_own(store):
    await store.write(set_quota, "queue", "default", "q", 3)
    await store.write(set_quota, "project", "p", "", 1, paused=True)
    await submit_items(store, 4)
    await take(store, 3)
    ours, theirs = [await store.read(project_limits, name) for name in ("default", "p")]
    assert ours == [
        LimitRow("project", "", None, paused=False, running=3),
        LimitRow("queue", "q", 3, paused=False, running=0),
    ]
    assert theirs == [LimitRow("project", "", 1, paused=True, running=0)]
    assert len(await store.read(project_limits, "nobody")) == 1
