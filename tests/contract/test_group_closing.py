"""Why a batched task's group closes, and what the claim says of it: a worker that is told waits for nobody else."""

from __future__ import annotations

import pytest

from stook.core.outcome import Settlement
from stook.core.policy import BatchConfig
from stook.store.script.quota import set_quota
from tests.contract.batches import indexes, policy, send, submit_items, succeed, take, take_one, trouble


def grouped(size, timeout, **options):
    return policy(batch=BatchConfig(size, timeout=timeout), **options)


def forced(claimed):
    """How many items came, and what is said of their groups."""
    return len(indexes(claimed.slices)), {one.forced for one in claimed.slices}


async def test_a_group_closed_by_its_timeout_says_so_in_each_of_its_slices(store):
    for _ in range(3):
        await submit_items(store, 2, policy=grouped(10, 30))
    store.clock.advance(30)
    claimed = await take(store)
    assert len(claimed.slices) == 3
    assert forced(claimed) == (6, {"timeout"})


async def test_full_groups_need_nobody_to_close_them(store):
    await submit_items(store, 20, policy=grouped(10, 30))
    store.clock.advance(60)
    assert forced(await take(store)) == (20, {None})


async def test_without_a_timeout_a_group_is_closed_as_it_is(store):
    await submit_items(store, 13, policy=grouped(10, 0))
    assert forced(await take(store)) == (13, {"timeout"})


async def test_a_hurried_worker_gets_partial_groups_at_once(store):
    await submit_items(store, 3, policy=grouped(10, 30))
    assert not (await take(store)).slices
    claimed = await take(store, hurried=True)
    assert (forced(claimed), claimed.wait) == ((3, {"drain"}), None)


async def test_a_hurried_worker_gets_full_groups_and_the_rest(store):
    await submit_items(store, 23, policy=grouped(10, 30))
    assert forced(await take(store, hurried=True)) == (23, {"drain"})


async def test_hurry_changes_nothing_for_other_tasks(store):
    await submit_items(store, 3)
    assert forced(await take(store, hurried=True)) == (3, {None})


async def test_what_does_not_fill_a_group_stays_behind_until_its_own_time(store):
    await submit_items(store, 20, policy=grouped(10, 30))
    store.clock.advance(20)
    await submit_items(store, 5, policy=grouped(10, 30))
    claimed = await take(store)
    assert (forced(claimed), claimed.wait) == ((20, {None}), 30.0)
    store.clock.advance(29)
    claimed = await take(store)
    assert (claimed.slices, claimed.wait) == ([], 1.0)
    store.clock.advance(1)
    assert forced(await take(store)) == (5, {"timeout"})


async def test_what_does_not_fill_a_group_goes_along_when_its_time_is_over(store):
    await submit_items(store, 25, policy=grouped(10, 30))
    store.clock.advance(30)
    assert forced(await take(store)) == (25, {"timeout"})


async def test_a_worker_that_wants_less_than_there_is_gets_full_groups(store):
    await submit_items(store, 25, policy=grouped(10, 30))
    store.clock.advance(30)
    assert forced(await take(store, 19)) == (10, {None})
    assert forced(await take(store, 10)) == (10, {None})
    assert forced(await take(store, 10)) == (5, {"timeout"})


async def test_a_worker_that_lacks_a_few_members_gets_them(store):
    await submit_items(store, 25, policy=grouped(10, 30))
    assert forced(await take(store, 4)) == (4, {None})


async def test_a_limit_that_leaves_no_room_for_more_closes_a_group(store):
    await submit_items(store, 30, policy=grouped(10, 30), max_concurrency=5)
    one = await take(store)
    assert forced(one) == (5, {"concurrency"})
    assert not (await take(store)).slices
    await send(store, *(succeed(each) for each in one.slices))
    assert forced(await take(store)) == (5, {"concurrency"})


@pytest.mark.parametrize("scope", [("project", ""), ("queue", "default"), ("task", "t")])
async def test_any_limit_does(store, scope):
    await submit_items(store, 30, policy=grouped(10, 30))
    kind, name = scope
    await store.write(set_quota, kind, "default", name, 14)
    assert forced(await take(store)) == (14, {"concurrency"})


async def test_a_limit_of_one_batch_closes_no_group_that_others_may_join(store):
    await submit_items(store, 300, per=10, policy=grouped(10, 30), max_concurrency=1)
    await submit_items(store, 2, policy=grouped(10, 30))
    claimed = await take(store)
    assert (claimed.slices, claimed.wait) == ([], 30.0)
    await submit_items(store, 7, policy=grouped(10, 30))
    assert forced(await take(store)) == (10, {None})
    await submit_items(store, 3, policy=grouped(10, 30))  # the limited batch is at its limit: these are alone
    claimed = await take(store)
    assert (claimed.slices, claimed.wait) == ([], 30.0)
    store.clock.advance(30)
    assert forced(await take(store)) == (3, {"timeout"})


@pytest.mark.parametrize("hurried", [False, True])
async def test_a_group_of_many_small_batches_closes_as_one(store, hurried):
    """Of more rows than a claim looks at first."""
    for _ in range(57):
        await submit_items(store, 1, single=True, policy=grouped(100, 30))
    store.clock.advance(0 if hurried else 30)
    assert forced(await take(store, hurried=hurried)) == (57, {"drain" if hurried else "timeout"})


async def test_small_batches_beyond_those_looked_at_may_fill_the_last_group(store):
    for _ in range(37):
        await submit_items(store, 1, single=True, policy=grouped(10, 30))
    store.clock.advance(30)
    found = [forced(await take(store)) for _ in range(2)]
    assert found == [(20, {None}), (17, {"timeout"})]


@pytest.mark.parametrize("hurried", [False, True])
async def test_a_group_of_its_own_is_none_that_others_could_have_joined(store, hurried):
    await submit_items(store, 4, policy=grouped(4, 30))
    one = await take_one(store)
    halves = [trouble(offset, "bisected", halves=1 + offset // 2) for offset in one.offsets]
    await send(store, Settlement(one.token, one.batch_id, [], [], [], halves))
    await submit_items(store, 3, policy=grouped(4, 30))
    claimed = await take(store, hurried=hurried)
    assert [(len(got.offsets), got.closed, got.forced) for got in claimed.slices] == [
        (2, True, "bisect"),
        (2, True, "bisect"),
        *([(3, False, "drain")] if hurried else []),
    ]
