"""Who is given what: order, slices, what is passed over. Limits and fairness have files of their own."""

from __future__ import annotations

import asyncio

from stook.store.script.cancel_items import cancel_items
from stook.store.script.sweep import expire_leases
from tests.contract.batches import (
    batch_of,
    claim_all,
    fail,
    indexes,
    inputs,
    payload,
    run_due,
    send,
    submit_items,
    succeed,
    take,
    take_one,
)


async def test_a_slice_says_what_it_is(store):
    batch_id = await submit_items(store, 20, priority=2, metadata='{"who": "ann"}')
    one = await take_one(store, 5)
    assert (one.batch_id, one.first, list(one.offsets), one.task) == (batch_id, 0, [0, 1, 2, 3, 4], "t")
    assert (one.attempt, one.round, one.priority, one.exclusive, one.closed) == (1, 1, 2, False, False)
    assert inputs(one) == [payload(index) for index in range(5)]
    assert one.created_at == store.clock.now
    assert one.lease_until == store.clock.after(60)
    assert one.metadata == {"who": "ann"}
    assert one.policy.max_attempts == 3


async def test_every_item_is_given_once_in_order_in_slices_as_small_as_asked_for(store):
    await submit_items(store, 1300)
    got = []
    while slices := (await take(store, 37)).slices:
        assert sum(len(one.offsets) for one in slices) <= 37
        got += indexes(slices)
    assert got == list(range(1300))


async def test_no_more_slices_than_asked_for(store):
    await submit_items(store, 50, per=5)
    assert [len((await take(store, slices=3)).slices) for _ in range(4)] == [3, 3, 3, 1]


async def test_a_slice_never_spans_chunks(store):
    await submit_items(store, 30, per=20)
    assert [list(one.offsets) for one in (await take(store, 25)).slices] == [list(range(20)), list(range(5))]


async def test_only_tasks_asked_for(store):
    await submit_items(store, 1, task="a")
    await submit_items(store, 1, task="b")
    assert not (await take(store, tasks=("c",))).slices
    assert not (await take(store, tasks=())).slices
    assert [one.task for one in (await take(store, tasks=("b", "c"))).slices] == ["b"]
    assert [one.task for one in (await take(store, tasks=("a", "b"))).slices] == ["a"]


async def test_higher_priority_first_whenever_it_came(store):
    low = await submit_items(store, 3)
    await take(store, 1)
    high = await submit_items(store, 2, priority=5)
    negative = await submit_items(store, 2, priority=-1)
    assert [one.batch_id for one in await claim_all(store, 1)] == [high, high, low, low, negative, negative]


async def test_a_high_priority_goes_before_a_thousand_low_ones(store):
    for _ in range(60):
        await submit_items(store, 1)
    high = await submit_items(store, 1, priority=1)
    assert (await take_one(store, 1)).batch_id == high


async def test_cancelled_items_are_passed_over_within_a_slice(store):
    batch_id = await submit_items(store, 10)
    await store.write(cancel_items, batch_id, [0, 4, 5, 9])
    one = await take_one(store)
    assert list(one.offsets) == [1, 2, 3, 6, 7, 8]
    assert inputs(one) == [payload(index) for index in (1, 2, 3, 6, 7, 8)]
    await send(store, succeed(one))
    assert (await batch_of(store, batch_id)).succeeded == 6


async def test_items_cancelled_out_of_a_half_taken_segment(store):
    batch_id = await submit_items(store, 10)
    first = await take_one(store, 3)
    answer = await store.write(cancel_items, batch_id, [1, 5, 8])
    assert (answer.asked, answer.ended) == ([1], [5, 8])
    assert indexes(await claim_all(store, 2)) == [3, 4, 6, 7, 9]
    assert list(first.offsets) == [0, 1, 2]


async def test_a_batch_of_cancelled_items_hides_nobody(store):
    gone = await submit_items(store, 40, per=1)
    await store.write(cancel_items, gone, range(40))
    assert (await batch_of(store, gone)).ended == "cancelled"
    other = await submit_items(store, 1)
    assert (await take_one(store)).batch_id == other


async def test_what_is_due_later_is_not_in_the_ready_index(store):
    """200,000 items of tomorrow cost a claim nothing: they are not among the heads it reads."""
    await submit_items(store, 2000, per=10, run_at=store.clock.after(86400))
    now = await submit_items(store, 3)
    assert (await take_one(store)).batch_id == now
    assert not (await take(store)).slices
    assert store.statements["claim_heads"] == 0, "no flow of the task is ready"


async def test_a_retry_comes_back_with_its_attempt(store):
    await submit_items(store, 4)
    await send(store, fail(await take_one(store), 1, 3), *[])
    await run_due(store, 15)
    one = await take_one(store)
    assert (list(one.offsets), one.attempt, one.round) == ([1, 3], 2, 1)


async def test_concurrent_claims_never_share_an_item_and_leave_none(store):
    await submit_items(store, 3000, per=100)

    async def worker(name: str) -> list[int]:
        found = []
        while slices := (await take(store, 40, worker=name)).slices:
            found += indexes(slices)
        return found

    store.audited = False
    found = [index for part in await asyncio.gather(*(worker(f"w{n}") for n in range(8))) for index in part]
    await store.audit()
    found += indexes(await claim_all(store))
    assert sorted(found) == list(range(3000))


# ------------------------------------------------------------------------------------------- suspects


async def one_suspect(store, count=1, **options):
    batch_id = await submit_items(store, count, **options)
    await take(store, lease=1, idle=False)
    store.clock.advance(2)
    await store.write(expire_leases)
    return batch_id


async def test_a_suspect_goes_to_an_idle_worker_and_alone(store):
    suspect = await one_suspect(store)
    other = await submit_items(store, 5)
    busy = await take(store, 2, idle=False)
    assert [one.batch_id for one in busy.slices] == [other]
    assert busy.suspects, "the worker hears that one waits"
    idle = await take(store)
    assert [(one.batch_id, one.exclusive) for one in idle.slices] == [(suspect, True)]
    assert not (await take(store, 1)).suspects


async def test_one_suspect_at_a_time_the_oldest_first(store):
    first = await one_suspect(store, 2)
    await one_suspect(store, 2)
    got = [(await take(store, worker=f"w{n}")).slices for n in range(4)]
    assert [len(slices) for slices in got] == [1, 1, 1, 1]
    assert [slices[0].batch_id for slices in got[:2]] == [first, first]
    assert all(one.exclusive for (one,) in got)


async def test_suspects_of_other_tasks_are_nothing_to_a_worker(store):
    await one_suspect(store)
    claimed = await take(store, tasks=("u",))
    assert (claimed.slices, claimed.suspects) == ([], False)


async def test_a_suspect_handed_back_is_still_one(store):
    await one_suspect(store)
    await send(store, fail(await take_one(store), kind="released"))
    assert not (await take(store, idle=False)).slices
    assert (await take_one(store)).exclusive


async def test_a_cancelled_suspect_is_passed_over(store):
    batch_id = await one_suspect(store)
    await store.write(cancel_items, batch_id, [0])
    other = await submit_items(store, 1)
    claimed = await take(store)
    assert [(one.batch_id, one.exclusive) for one in claimed.slices] == [(other, False)]
