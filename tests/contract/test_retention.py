"""What has ended is seen for its time, and goes when all of its batch is past it."""

from __future__ import annotations

import pytest

from stook.core.errors import NotFound, ResultPruned
from stook.core.retention import Retention
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.delete import purge
from stook.store.script.read.execution_view import show_item
from stook.store.script.read.executions import executions
from stook.store.script.read.results import follow_items, results
from stook.store.script.retention import drop_past
from stook.store.script.retry import retry
from stook.store.statement import Many, Now
from tests.contract.batches import batch_of, end_all, fail, policy, send, submit_items, succeed, take_one

WAITERS = 60


async def ended(store, kept, *, good=1, bad=1):
    """A batch of which so many succeeded, and so many failed."""
    batch_id = await submit_items(store, good + bad, policy=policy(retention=kept, max_attempts=1))
    if good:
        await send(store, succeed(await take_one(store, good)))
    if bad:
        await send(store, fail(await take_one(store, bad)))
    assert (await batch_of(store, batch_id)).phase == "closed"
    return batch_id


async def gone(store):
    while await store.write(purge) is not None:
        pass


async def shown(store, batch_id):
    return [row.index for row in (await store.read(executions, batch_id)).rows]


async def test_without_retention_everything_stays(store):
    batch_id = await ended(store, Retention())
    store.clock.advance(10**9)
    assert await store.write(drop_past) == 0
    assert await shown(store, batch_id) == [0, 1]
    ((at,),) = (await store.tables.fetch("select purge_at from batch"))[0]
    assert at is None


async def test_each_execution_is_seen_for_the_time_of_its_own_end(store):
    batch_id = await ended(store, Retention(completed=10, failed=100))
    store.clock.advance(9.999999)
    assert await shown(store, batch_id) == [0, 1]
    store.clock.advance(0.000001)
    assert await shown(store, batch_id) == [1]
    assert [row.pruned for row in await store.read(results, batch_id)] == [True, False]
    with pytest.raises(ResultPruned, match="keeps it no longer"):
        await store.read(show_item, batch_id, 0)
    assert (await store.read(show_item, batch_id, 1)).item.error is not None
    store.clock.advance(90)
    assert await shown(store, batch_id) == []


async def test_who_waited_from_before_the_end_gets_it_in_spite_of_all(store):
    batch_id = await ended(store, Retention(completed=0, failed=0))
    with pytest.raises(ResultPruned):
        await store.read(show_item, batch_id, 0)
    assert (await store.read(show_item, batch_id, 0, waited=True)).item.state is State.succeeded
    assert [row.pruned for row in (await store.read(follow_items, batch_id)).items] == [False, False]
    store.clock.advance(WAITERS)
    assert [row.pruned for row in (await store.read(follow_items, batch_id)).items] == [True, True]


async def test_rows_go_when_every_execution_of_the_batch_is_past_its_time(store):
    batch_id = await ended(store, Retention(completed=10, failed=100))
    store.clock.advance(100 + WAITERS - 0.000001)
    assert await store.write(drop_past) == 0
    store.clock.advance(0.000001)
    assert await store.write(drop_past) == 1
    assert await store.write(drop_past) == 0
    with pytest.raises(NotFound):
        await store.read(show_item, batch_id, 1, waited=True)
    await gone(store)
    tables = ("batch", "chunk", "state", "outcome", "failure", "event")
    assert await store.tables.fetch(*(f"select 1 from {name}" for name in tables)) == [[] for _ in tables]


async def test_one_that_is_kept_for_ever_keeps_its_batch(store):
    batch_id = await ended(store, Retention(completed=0))
    store.clock.advance(10**9)
    assert await store.write(drop_past) == 0
    assert await shown(store, batch_id) == [1]


@pytest.mark.parametrize("kept", [Retention(completed=0, failed=0), Retention(failed=0)], ids=["all", "failed"])
async def test_a_final_failure_is_recorded_whatever_the_retention(store, kept):
    """And not run again: what removes it later finds it ended."""
    batch_id = await ended(store, kept, good=0)
    assert await store.tables.fetch("select final from failure") == [[(1,)]]
    assert (await batch_of(store, batch_id)).failed == 1


async def test_taken_up_again_it_stays_until_its_next_end(store):
    batch_id = await ended(store, Retention(completed=5, failed=5), good=0)
    await store.write(retry, batch_id, RetryScope(states=("failed",)))
    store.clock.advance(10**6)
    assert await store.write(drop_past) == 0
    await end_all(store)
    assert await shown(store, batch_id) == [0]
    store.clock.advance(5 + WAITERS)
    assert await store.write(drop_past) == 1


async def test_it_takes_bounded_bites(store):
    for _ in range(5):
        await ended(store, Retention(0, 0), bad=0)
    store.clock.advance(WAITERS)
    assert [await store.write(drop_past, 2) for _ in range(4)] == [2, 2, 1, 0]


async def test_its_key_is_free_again(store):
    first = await submit_items(store, 1, key="once", policy=policy(retention=Retention(0, 0)))
    await end_all(store)
    store.clock.advance(WAITERS)
    await store.write(drop_past)
    second = await submit_items(store, 1, key="once")
    assert second != first
    assert (await batch_of(store, second)).phase == "active"


async def test_one_whose_parent_has_not_heard_of_its_end_stays(store):
    child = await ended(store, Retention(0, 0), bad=0)
    store.clock.advance(WAITERS)

    def leave_errand():
        now = yield Now()
        yield Many("insert_errand", [("child_ended", child, 0, "", None, now)])

    await store.write(leave_errand)
    assert await store.write(drop_past) == 0
