"""A final failure goes unrecorded because of retention, or runs again after a stop."""

from __future__ import annotations

import pytest

from stook.core.retention import KEEP, Retention
from stook.core.states import State
from stook.store.script.retention import drop_past
from stook.store.script.sweep import expire_leases, lose_workers, promote_due
from tests.contract.batches import batch_of, fail, policy, send, states_of, submit_items, take, take_one
from tests.contract.durable import call, errands, parent_waits, remembered

RETENTIONS = {"kept": KEEP, "a while": Retention(3600, 3600), "not at all": Retention(0, 0), "good ones": Retention(0)}


@pytest.mark.parametrize("kept", RETENTIONS)
def test_a_final_failure_is_there_until_it_may_go(run, store, kept):
    async def scene():
        batch_id = await submit_items(store, 1, policy=policy(max_attempts=2, retention=RETENTIONS[kept]))
        await send(store, fail(await take_one(store), message="first"))
        store.clock.advance(15)
        await store.write(promote_due)
        await send(store, fail(await take_one(store), message="second"))
        row = await batch_of(store, batch_id)
        assert (row.ended, row.failed, await states_of(store, batch_id)) == ("failed", 1, bytes([State.failed]))
        found, leases = await store.tables.fetch(
            "select message, attempt, final from failure order by attempt", "select * from lease"
        )
        assert [tuple(one) for one in found] == [("first", 1, 0), ("second", 2, 1)]
        assert leases == []

    run(scene())


@pytest.mark.parametrize("kept", RETENTIONS)
def test_a_parent_hears_of_it_whatever_the_childs_retention(run, store, kept):
    async def scene():
        of_child = policy(max_attempts=1, retention=RETENTIONS[kept])
        await parent_waits(store, call("c", policy=of_child))
        await send(store, fail(await take_one(store, tasks=("child",)), message="no such row"))
        store.clock.advance(10_000)
        assert await store.write(drop_past) == 0, "its parent has not heard of it"
        await errands(store)
        error = remembered(await take_one(store))["c"]
        assert (error.kind, error.type, error.message) == ("failed", "ValueError", "no such row")
        assert await store.write(drop_past) == (RETENTIONS[kept].failed is not None)

    run(scene())


def test_after_a_stop_it_does_not_run_again(run, store):
    """The worker ends, its leases lapse, a late copy of its outcome comes: it has failed."""

    async def scene():
        batch_id = await submit_items(store, 3, policy=policy(max_attempts=1))
        one = await take_one(store)
        await send(store, fail(one, 0, 1, retryable=True))
        await store.write(lose_workers, ["w"])
        store.clock.advance(1000)
        for verb in (expire_leases, promote_due):
            await store.write(verb)
        again = [each.first + at for each in (await take(store, worker="next")).slices for at in each.offsets]
        assert again == [2]
        assert (await send(store, fail(one))).lost == [one.token]
        assert (await states_of(store, batch_id))[:2] == bytes([State.failed] * 2)

    run(scene())
