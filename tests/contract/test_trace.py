"""The trace of a submission is given to whoever claims its items, and to nobody else."""

from __future__ import annotations

from stook.store.script.read.batch_view import show_batch
from tests.contract.batches import fail, run_due, send, submit_items, take, take_one

TRACE = '{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}'


async def test_each_slice_has_its_batchs_own(store):
    await submit_items(store, 3, trace=TRACE)
    await submit_items(store, 3)
    await submit_items(store, 1, trace="other", single=True)
    found = (await take(store)).slices
    assert sorted((one.trace or "", one.single) for one in found) == [("", False), ("other", True), (TRACE, False)]


async def test_an_open_batch_has_it_too(store):
    await submit_items(store, 3, trace=TRACE, sealed=False)
    assert (await take_one(store)).trace == TRACE


async def test_retries_and_suspects_keep_it(store):
    await submit_items(store, 2, trace=TRACE)
    held = await take_one(store)
    await send(store, fail(held, 0), fail(held, 1, kind="lost"))
    await run_due(store, 3600)
    found = [*(await take(store)).slices, *(await take(store, project="default")).slices]
    assert {(one.trace, one.exclusive) for one in found} >= {(TRACE, True)}
    assert {one.trace for one in found} == {TRACE}


async def test_it_is_no_metadata(store):
    batch = await submit_items(store, 1, trace=TRACE, metadata='{"a":1}')
    assert (await take_one(store)).metadata == {"a": 1}
    assert (await store.read(show_batch, batch)).metadata == '{"a":1}'
