"""A program of before there were parents settles a child: the parent hears of it all the same."""

from __future__ import annotations

import logging

import pytest

from stook.engine.blobs import Blobs
from stook.engine.maintenance import Maintenance
from stook.store.blob_folder import BlobFolder
from stook.store.script import missed_ends as script
from stook.store.script.missed_ends import FIRST, missed_ends
from stook.store.script.recount import reconcile
from stook.store.statement import All, Many
from tests.contract.batches import fail, send, succeed, take, take_one
from tests.contract.durable import call, errands, parent_waits, remembered


@pytest.fixture
def maintenance(store, tmp_path):
    return Maintenance(store.store, Blobs(BlobFolder(tmp_path / "blobs")), "default")


async def untold(store, *settlements):
    """As the older program does: it writes no errands."""
    store.audited = False  # which the audit would not let pass
    for one in settlements:
        await send(store, one)
    await store.write(_forgotten)


def _forgotten():
    rows = yield All("lock_errands", (1000, ",child_ended,"))
    yield Many("delete_errand", [(row[0],) for row in rows])


async def test_maintenance_tells_it(store, maintenance, caplog):
    batch_id = await parent_waits(store, call("a"), call("b"))
    child = await take_one(store, tasks=("child",))
    await untold(store, succeed(child, [0], [b"7"]), fail(child, 1, retryable=False, message="no such row"))
    assert await maintenance.tell_missed_ends() == 0, "it has not waited for long"
    store.clock.advance(30)
    with caplog.at_level(logging.WARNING, "stook.engine"):
        assert await maintenance.tell_missed_ends() == 2
    assert "2 executions had not been told" in caplog.text
    assert await maintenance.tell_missed_ends() == 0, "they are on their way"
    assert await errands(store) == 2
    one = await take_one(store)
    found = remembered(one)
    assert (one.batch_id, found["a"], found["b"].message) == (batch_id, 7, "no such row")


async def test_what_has_not_ended_is_waited_for(store, maintenance):
    await parent_waits(store, call("queued"), call("running", "other"))
    await take_one(store, tasks=("other",))
    store.clock.advance(31)
    assert await maintenance.tell_missed_ends() == 0


async def test_a_reconcile_tells_it_at_once(store):
    batch_id = await parent_waits(store, call("a"))
    await untold(store, succeed(await take_one(store, tasks=("child",))))
    assert await store.write(reconcile, batch_id) == [
        "of 1 children that it waits for and that have ended, nobody had told it"
    ]
    assert await store.write(reconcile, batch_id) == []
    await errands(store)
    assert (await take_one(store)).batch_id == batch_id


async def test_it_is_looked_for_in_bites(store):
    for _ in range(5):
        await parent_waits(store, call("a"))
    children = (await take(store, 5, tasks=("child",))).slices
    await untold(store, *map(succeed, children))
    store.clock.advance(script.PATIENCE / 1_000_000)
    found, after, bites = [], FIRST, 0
    while after is not None:
        missed, after = await store.read(missed_ends, after, 2)
        found += [one.child for one in missed]
        bites += 1
    assert (found, bites) == (sorted((one.batch_id, 0) for one in children), 3)
