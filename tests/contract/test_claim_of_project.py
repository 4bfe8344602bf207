"""A worker that may only see one project claims nothing of another."""

from __future__ import annotations

from stook.store.script.claim import HEADS
from stook.store.script.sweep import expire_leases
from tests.contract.batches import claim_all, indexes, send, submit_items, succeed, take, take_one


async def test_it_is_given_work_of_its_project_alone(store):
    theirs = await submit_items(store, 10, project="theirs")
    mine = await submit_items(store, 5, project="mine")
    given = await claim_all(store, project="mine")
    assert {one.batch_id for one in given} == {mine}
    assert indexes(given) == list(range(5))
    assert (await take(store, project="nobody")).slices == []
    assert {one.batch_id for one in await claim_all(store)} == {theirs}


async def test_suspects_of_other_projects_are_not_its_business_however_many_there_are(store):
    for _ in range(HEADS + 2):
        await submit_items(store, 1, project="theirs")
    await claim_all(store, worker="theirs", lease=1)
    mine = await submit_items(store, 1, project="mine")
    await take_one(store, worker="mine", lease=1, project="mine")
    store.clock.advance(2)
    while await store.write(expire_leases):
        pass
    assert (await take(store, project="mine", idle=False)).suspects
    assert not (await take(store, project="nobody", idle=False)).suspects
    again = await take_one(store, project="mine")
    assert (again.batch_id, again.exclusive) == (mine, True)
    await send(store, succeed(again))
    assert (await take(store, project="mine")).slices == []
    assert (await take_one(store)).exclusive
