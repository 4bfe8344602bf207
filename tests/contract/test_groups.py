"""Batched tasks: groups form across batches, close by size or time, and come back in halves."""

from __future__ import annotations

from stook.core.outcome import Settlement
from stook.core.policy import BatchConfig
from tests.contract.batches import (
    fail,
    indexes,
    policy,
    run_due,
    send,
    submit_items,
    take,
    take_one,
    trouble,
)
from tests.contract.moving_clock import SECOND


def grouped(size, timeout, **options):
    return policy(batch=BatchConfig(size, timeout=timeout), **options)


async def test_a_group_forms_until_it_is_full_across_batches(store):
    await submit_items(store, 3, policy=grouped(10, 5))
    claimed = await take(store)
    assert (claimed.slices, claimed.wait) == ([], 5.0)
    store.clock.advance(2)
    await submit_items(store, 6, policy=grouped(10, 5))
    assert (await take(store)).wait == 3.0
    await submit_items(store, 1, policy=grouped(10, 5))
    claimed = await take(store)
    assert (len(indexes(claimed.slices)), claimed.wait) == (10, None)


async def test_a_group_closes_by_its_timeout(store):
    await submit_items(store, 3, policy=grouped(10, 5))
    store.clock.advance(4.999999)
    claimed = await take(store)
    assert not claimed.slices
    assert round(claimed.wait * SECOND) == 1
    store.clock.advance(0.000001)
    assert len(indexes((await take(store)).slices)) == 3


async def test_without_a_timeout_a_group_takes_what_is_there(store):
    await submit_items(store, 3, policy=grouped(10, 0))
    assert len(indexes((await take(store)).slices)) == 3


async def test_a_full_group_of_single_submissions(store):
    """However many rows it takes to fill it."""
    for _ in range(99):
        await submit_items(store, 1, single=True, policy=grouped(100, 5))
    assert not (await take(store)).slices
    await submit_items(store, 1, single=True, policy=grouped(100, 5))
    assert len(indexes((await take(store)).slices)) == 100


async def test_a_forming_group_keeps_nobody_else_waiting(store):
    await submit_items(store, 3, task="g", policy=grouped(10, 5))
    other = await submit_items(store, 2)
    claimed = await take(store, tasks=("g", "t"))
    assert [one.batch_id for one in claimed.slices] == [other]
    assert claimed.wait == 5.0


async def test_bisected_halves_come_back_closed_each_on_its_own(store):
    await submit_items(store, 10, policy=grouped(10, 60))
    one = await take_one(store)
    halves = [trouble(offset, "bisected", halves=1 + (offset > 4)) for offset in one.offsets]
    await send(store, Settlement(one.token, one.batch_id, [], [], [], halves))
    claimed = await take(store)
    assert [(list(got.offsets), got.closed, got.attempt, got.forced) for got in claimed.slices] == [
        ([0, 1, 2, 3, 4], True, 1, "bisect"),
        ([5, 6, 7, 8, 9], True, 1, "bisect"),
    ]
    await send(store, *(fail(one, kind="released") for one in claimed.slices))
    assert {one.forced for one in (await take(store)).slices} == {"bisect"}, "handed back, it is a half still"


async def test_halves_of_two_groups_settled_together_do_not_mix(store):
    await submit_items(store, 8, policy=grouped(4, 0))
    slices = [await take_one(store, 4), await take_one(store, 4)]
    await send(
        store,
        *(
            Settlement(
                one.token,
                one.batch_id,
                [],
                [],
                [],
                [trouble(offset, "bisected", halves=1 + place // 2) for place, offset in enumerate(one.offsets)],
            )
            for one in slices
        ),
    )
    assert sorted(indexes(got) for got in (await take(store)).slices) == [[0, 1], [2, 3], [4, 5], [6, 7]]


async def test_a_closed_group_is_given_whole(store):
    await submit_items(store, 8, policy=grouped(8, 0))
    one = await take_one(store)
    await send(store, fail(one, kind="bisected", halves=1))
    (again,) = (await take(store, 3)).slices
    assert (len(again.offsets), again.closed) == (8, True)


async def test_retried_singly_runs_alone(store):
    await submit_items(store, 3, policy=grouped(3, 60))
    await send(store, fail(await take_one(store), singly=True))
    await run_due(store, 15)
    claimed = await take(store)
    assert [(list(one.offsets), one.closed, one.attempt) for one in claimed.slices] == [
        ([0], True, 2),
        ([1], True, 2),
        ([2], True, 2),
    ]
