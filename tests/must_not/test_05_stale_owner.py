"""A stale owner's result is applied; an Execution is both failed and succeeded."""

from __future__ import annotations

import pytest

from stook.core.states import State
from stook.core.work import Remember
from stook.store.script.remember import remember
from stook.store.script.sweep import expire_leases, lose_workers
from tests.contract.batches import batch_of, fail, policy, send, states_of, submit_items, succeed, take_one
from tests.contract.durable import call, remembered, sleep, step, suspended


async def stale(store, how):
    """A lease that is not live any more, and its successor's."""
    batch_id = await submit_items(store, 1, policy=policy(max_attempts=3, max_losses=9))
    late = await take_one(store, lease=5)
    if how == "lapsed":
        store.clock.advance(5)
        await store.write(expire_leases)
    elif how == "dead":
        await store.write(lose_workers, ["w"])
    else:
        await send(store, fail(late, kind="released"))
    return batch_id, late, await take_one(store, worker="next")


LATE = {
    "success": succeed,
    "failure": lambda one: fail(one, retryable=False),
    "retry": fail,
    "suspension": lambda one: suspended(one, call("c"), sleep("s", 1), memos=[step("a", b'"late"')]),
}


@pytest.mark.parametrize("how", ["lapsed", "dead", "released"])
@pytest.mark.parametrize("late", LATE)
def test_a_late_outcome_changes_nothing(run, store, how, late):
    async def scene():
        batch_id, old, new = await stale(store, how)
        before = await everything(store)
        assert (await send(store, LATE[late](old))).lost == [old.token]
        assert await everything(store) == before
        await send(store, succeed(new, results=[b'"mine"']))
        assert (await send(store, LATE[late](old))).lost == [old.token]
        row = await batch_of(store, batch_id)
        assert (row.ended, row.succeeded, row.failed, row.settled) == ("succeeded", 1, 0, 1)
        assert await states_of(store, batch_id) == bytes([State.succeeded])

    run(scene())


@pytest.mark.parametrize("how", ["lapsed", "dead", "released"])
def test_a_late_step_is_not_remembered_and_its_lease_not_renewed(run, store, how):
    async def scene():
        batch_id, old, new = await stale(store, how)
        before = await everything(store)
        assert await store.write(remember, [Remember(old.token, batch_id, 0, [step("a", b'"late"')], 600.0)]) == [
            old.token
        ]
        assert await everything(store) == before
        await send(store, fail(new, kind="released"))
        assert remembered(await take_one(store)) == {}

    run(scene())


@pytest.mark.parametrize("first", ["success", "failure"])
@pytest.mark.parametrize("second", ["success", "failure"])
def test_who_settled_cannot_settle_again(run, store, first, second):
    async def scene():
        batch_id = await submit_items(store, 1)
        one = await take_one(store)
        await send(store, LATE[first](one))
        assert (await send(store, LATE[second](one))).lost == [one.token]
        row = await batch_of(store, batch_id)
        assert (row.succeeded, row.failed) == ((1, 0) if first == "success" else (0, 1))

    run(scene())


async def everything(store):
    tables = ("state", "segment", "lease", "outcome", "failure", "memo", "suspension", "wait", "errand", "chunk")
    return await store.tables.fetch(*(f"select * from {name}" for name in tables))
