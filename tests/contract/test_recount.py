from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import NotFound
from stook.core.picks import pack
from stook.core.states import State
from stook.store.script.batch_row import lock_batch, save_batches
from stook.store.script.cancel_items import cancel_items
from stook.store.script.delete import delete
from stook.store.script.pause import pause
from stook.store.script.read.batch_view import show_batch
from stook.store.script.read.results import results
from stook.store.script.recount import Recount, reconcile, recount
from stook.store.script.segment_row import NewSegment
from stook.store.script.stop import cancel
from stook.store.statement import Many, Run
from tests.contract.batches import claim_all, drain, fail, send, submit_items, succeed, take, take_one
from tests.contract.mixture import STATES, mixture

LIES = [("total", 61, 60), ("succeeded", 3, 17), ("scheduled", 0, 5)]


@pytest.fixture
def spoil(store):
    """Breaks what no verb would: runs a verb that the audit does not see."""

    async def spoil(verb, *args, **options):
        await store.store.write(verb, *args, **options)

    return spoil


def set_counters(batch_id, **counters):
    batch = yield from lock_batch(batch_id)
    for name, value in counters.items():
        setattr(batch, name, value)
    yield from save_batches([batch])


def drop_lease(token):
    yield Many("delete_lease", [(token,)])


def drop_segments(batch_id):
    yield Run("delete_batch_segments", (batch_id,))


def add_segment(batch_id, now, offsets):
    batch = yield from lock_batch(batch_id)
    segment = NewSegment(first=0, offsets=offsets, priority=0, round=1, attempt=1)
    yield Many("insert_segment", [segment.columns(batch, now=now, rank=0)])


async def test_a_batch_in_order_has_no_differences(store):
    batch = await mixture(store)
    found = await store.read(recount, batch)
    assert (found.differences, found.nowhere) == ([], [])
    assert found.kept == found.counted == (await store.read(show_batch, batch)).counters
    assert {state: getattr(found.counted, state.name) for state in STATES} == {
        state: len(indexes) for state, indexes in STATES.items()
    }
    assert await store.write(reconcile, batch) == []


@pytest.mark.parametrize("ended", ["drained", "cancelled", "empty", "paused"])
async def test_in_whatever_phase(store, ended):
    batch = await submit_items(store, 0 if ended == "empty" else 30, per=10)
    match ended:
        case "drained":
            await drain(store)
        case "cancelled":
            await take_one(store)
            await store.write(cancel, batch, hard=True, reason="no")
        case "paused":
            await take_one(store, 4)
            await store.write(pause, batch, reason="no")
    assert (await store.read(recount, batch)).differences == []
    assert await store.write(reconcile, batch) == []


async def test_counters_that_lie_are_found_and_put_right(store, spoil):
    batch = await mixture(store)
    before = (await store.read(show_batch, batch)).counters
    await spoil(set_counters, batch, **{name: lie for name, lie, _ in LIES})
    lies = [f"{name} is kept as {lie}, counted {truth}" for name, lie, truth in LIES]
    assert (await store.read(recount, batch)).differences == lies
    assert await store.write(reconcile, batch) == lies
    assert (await store.read(show_batch, batch)).counters == before
    assert await store.write(reconcile, batch) == []


async def test_lost_items_are_queued_again(store, spoil):
    batch = await submit_items(store, 30, per=10)
    lost = [await take_one(store, 7), await take_one(store, 3)]
    for one in lost:
        await spoil(drop_lease, one.token)
    found = await store.read(recount, batch)
    assert found.nowhere == list(range(10))
    assert found.differences == [
        "10 executions have not ended, and are in no segment, lease or suspension: items 0, 1, 2, 3, 4, …"
    ]
    assert await store.write(reconcile, batch) == ["10 executions that waited nowhere were queued again"]
    assert await drain(store) == 30
    assert (await store.read(recount, batch)).differences == []


async def test_lost_items_of_a_batch_being_stopped_end_and_end_it(store, spoil):
    batch = await submit_items(store, 5)
    one = await take_one(store)
    await store.write(cancel, batch, hard=False, reason="no")
    await spoil(drop_lease, one.token)
    assert await store.write(reconcile, batch) == [
        "5 executions that waited nowhere were ended as cancelled",
        "nothing was left to do: it ended, cancelled",
    ]
    assert {row.state for row in await store.read(results, batch)} == {State.cancelled}


async def test_a_lost_item_whose_cancellation_was_asked_for_ends_cancelled(store, spoil):
    batch = await submit_items(store, 4)
    one = await take_one(store, 2)
    await store.write(cancel_items, batch, [1])
    await spoil(drop_lease, one.token)
    await store.write(reconcile, batch)
    assert [row.state for row in await store.read(results, batch)] == [
        State.queued,
        State.cancelled,
        State.queued,
        State.queued,
    ]


async def test_a_batch_that_forgot_to_end_is_ended(store, spoil):
    store.audited = False
    batch = await submit_items(store, 3)
    await spoil(set_counters, batch, total=4)
    await drain(store)
    store.audited = True
    assert (await store.read(recount, batch)).differences == [
        "total is kept as 4, counted 3",
        "every execution has ended, it is active",
    ]
    assert (await store.write(reconcile, batch))[-1] == "nothing was left to do: it ended, succeeded"


async def test_items_in_several_places_are_told_and_left_alone(store, spoil):
    store.audited = False
    batch = await submit_items(store, 6)
    await take_one(store, 4)
    await spoil(add_segment, batch, store.clock.now, range(2, 5))
    told = "3 executions are in several places at once: items 2, 3, 4"
    assert (await store.read(recount, batch)).differences == [told]
    assert await store.write(reconcile, batch) == []
    assert (await store.read(recount, batch)).differences == [told]


async def test_an_ended_item_in_a_lease_is_told(store, spoil):
    store.audited = False
    batch = await submit_items(store, 4)
    await spoil(add_segment, batch, store.clock.now, range(2))
    first = await take_one(store, 2)
    await claim_all(store)
    await send(store, succeed(first))
    found = await store.read(recount, batch)
    assert found.differences == [
        "2 executions have ended, and a segment, lease or suspension still holds them: items 0, 1"
    ]


async def test_groups_and_settle_numbers_are_checked(store, spoil):
    batch = await submit_items(store, 4)
    await send(store, fail(await take_one(store), retryable=False))
    await spoil(set_counters, batch, settled=2)
    assert (await store.read(recount, batch)).differences == ["settled is kept as 2, the last outcome ends at 4"]
    assert await store.write(reconcile, batch) == ["settled is kept as 2, the last outcome ends at 4"]

    def forget_groups():
        yield Run("clear_failure_groups", (batch, None))

    await spoil(forget_groups)
    assert (await store.read(recount, batch)).differences == ["the failure groups hold 0 executions, 4 have failed"]


async def test_leases_say_how_many_they_hold(store, spoil):
    batch = await submit_items(store, 4)
    one = await take_one(store)

    def shrink():
        yield Many("shrink_lease", [(one.token, pack(range(4)), 3)])

    await spoil(shrink)
    assert (await store.read(recount, batch)).differences == ["a lease at 0 holds 4 items and says 3"]


async def test_segments_are_held_if_and_only_if_it_is_paused(store, spoil):
    batch = await submit_items(store, 4)
    await spoil(set_counters, batch, phase="paused")
    assert (await store.read(recount, batch)).differences == ["the batch is paused, a segment at 0 is not held"]


async def test_a_deleted_batch_is_not_counted(store):
    batch = await submit_items(store, 1)
    await drain(store)
    await store.write(delete, batch)
    for run in (store.read(recount, batch), store.write(reconcile, batch)):
        with pytest.raises(NotFound):
            await run


async def test_nothing_is_ever_found_while_a_batch_runs(store):
    store.audited = False
    batch = await submit_items(store, 3000, per=50)

    async def running():
        return not (await store.read(show_batch, batch)).state.terminal

    async def work(number):
        while await running():  # a claim may find nothing: it passes over what a reconcile has locked
            slices = (await take(store, 60, slices=4, idle=False, worker=f"w{number}")).slices
            await send(store, *(succeed(one, one.offsets[:20]) for one in slices))
            await send(store, *(succeed(one, one.offsets[20:]) for one in slices if len(one.offsets) > 20))

    async def look(verb):
        while await running():
            found = await verb()
            assert not (found.differences if isinstance(found, Recount) else found)

    await asyncio.gather(
        *map(work, range(4)),
        look(lambda: store.read(recount, batch)),
        look(lambda: store.write(reconcile, batch)),
    )
    assert (await store.read(recount, batch)).differences == []
