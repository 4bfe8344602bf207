"""A retry that first tries a few: what they do decides about the rest."""

from __future__ import annotations

import pytest

from stook.core.errors import Conflict
from stook.store.script.cancel_items import cancel_items
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.sweep import promote_due
from tests.contract.batches import (
    batch_of,
    both,
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
    trouble,
)
from tests.contract.ended_batches import FAILED, ONCE, ended, kinds


async def probing(store, **options):
    batch_id = await ended(store, 100, range(40), per=30, **options)
    assert await store.write(retry, batch_id, FAILED, probe=10) == 10
    return batch_id


async def test_a_probe_that_does_well_lets_the_rest_follow(store):
    batch_id = await probing(store)
    first = await claim_all(store)
    assert indexes(first) == list(range(10))
    await send(store, succeed(first[0], range(9)))
    assert not (await take(store)).slices
    await send(store, succeed(first[0], [9]))
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.probe, batch.failed) == ("active", None, 0)
    assert indexes(await claim_all(store)) == list(range(10, 40))


async def test_the_batch_does_not_end_between_its_probe_and_the_rest(store):
    batch_id = await probing(store)
    await drain(store)
    assert (await batch_of(store, batch_id)).ended == "succeeded"
    assert await kinds(store, batch_id) in (
        ["finished", "reopened", "finished"],
        ["finished", "reopened", "reopened", "finished"],
    )


async def test_a_probe_that_fails_leaves_the_rest_and_says_so(store):
    batch_id = await probing(store)
    one = await take_one(store)
    await send(store, both(one, range(4), [trouble(offset) for offset in range(4, 10)]))
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.ended, batch.failed, batch.probe) == ("closed", "partially_failed", 36, None)
    assert batch.reason.startswith("6 of 10 ")
    assert await kinds(store, batch_id) == ["finished", "reopened", "finished"]


async def test_half_of_the_probe_is_enough_and_what_failed_again_is_not_tried_a_third_time(store):
    batch_id = await probing(store)
    one = await take_one(store)
    await send(store, both(one, range(5), [trouble(offset) for offset in range(5, 10)]))
    assert indexes(await claim_all(store)) == list(range(10, 40))
    assert (await batch_of(store, batch_id)).failed == 5


async def test_a_probe_of_all_there_is_has_no_rest(store):
    batch_id = await ended(store)
    assert await store.write(retry, batch_id, FAILED, probe=4) == 4
    one = await take_one(store)
    await send(store, both(one, [3, 5, 7], [trouble(8)]))
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.failed) == ("closed", 1)


async def test_fewer_than_a_probe_is_no_probe(store):
    batch_id = await ended(store)
    assert await store.write(retry, batch_id, FAILED, probe=10) == 4
    assert (await batch_of(store, batch_id)).probe is None
    assert await drain(store) == 4


async def test_one_probe_at_a_time(store):
    batch_id = await probing(store)
    with pytest.raises(Conflict):
        await store.write(retry, batch_id, FAILED)
    await drain(store)


async def test_a_probe_waits_for_attempts_still_to_come(store):
    batch_id = await submit_items(store, 40, policy=policy(max_attempts=2))
    await send(store, fail(await take_one(store), retryable=False))
    await store.write(retry, batch_id, FAILED, probe=10)
    await send(store, fail(await take_one(store)))
    assert (await batch_of(store, batch_id)).probe is not None
    store.clock.advance(15)
    await store.write(promote_due)
    await send(store, succeed(await take_one(store)))
    assert (await batch_of(store, batch_id)).probe is None
    assert await drain(store) == 30


async def test_others_that_settle_meanwhile_are_no_part_of_the_probe(store):
    batch_id = await submit_items(store, 60, policy=ONCE)
    await send(store, fail(await take_one(store, 30)))
    other = await take_one(store, 30)
    await store.write(retry, batch_id, FAILED, probe=10)
    await send(store, fail(other))
    assert (await batch_of(store, batch_id)).probe is not None
    await send(store, succeed(await take_one(store)))
    assert (await batch_of(store, batch_id)).probe is None
    assert len(indexes(await claim_all(store))) == 50


@pytest.mark.parametrize("when", ["waiting", "running"])
async def test_cancelling_items_of_the_probe_does_not_leave_it_waiting_for_ever(store, when):
    batch_id = await probing(store)
    claimed = await take(store) if when == "running" else None
    await store.write(cancel_items, batch_id, range(3))
    if claimed is None:
        claimed = await take(store)
    await send(store, *(succeed(one) for one in claimed.slices))
    batch = await batch_of(store, batch_id)
    assert (batch.probe, batch.cancelled) == (None, 3)
    assert len(indexes(await claim_all(store))) == 30


async def test_a_probe_all_cancelled_leaves_the_rest(store):
    batch_id = await probing(store)
    await store.write(cancel_items, batch_id, range(10))
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.failed, batch.cancelled) == ("closed", 30, 10)


async def test_cancelling_the_batch_ends_its_probe(store):
    batch_id = await probing(store)
    running = await take_one(store, 4)
    await store.write(cancel, batch_id, hard=False, reason="")
    await send(store, succeed(running))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.failed, batch.cancelled, batch.succeeded) == ("cancelled", 30, 6, 64)


async def test_a_lost_probe_item_counts_once_it_is_set_aside(store):
    batch_id = await ended(store)
    await store.write(retry, batch_id, FAILED, probe=1)
    for _ in range(5):
        if (await batch_of(store, batch_id)).phase == "closed":
            break
        for one in (await take(store)).slices:
            await send(store, fail(one, kind="lost"))
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.failed) == ("closed", 4)
