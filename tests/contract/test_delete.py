"""Deleting: gone from view at once, gone from every table in bites."""

from __future__ import annotations

import pytest

from stook.core.errors import Conflict, NotFound
from stook.core.retry_scope import RetryScope
from stook.store.script.cancel_items import cancel_items
from stook.store.script.delete import delete, purge
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.submit import submit
from tests.contract.batches import (
    batch_of,
    both,
    chunked,
    claim_all,
    drain,
    new_batch,
    payloads,
    policy,
    send,
    submit_items,
    take,
    take_one,
    trouble,
)

TABLES = ("batch", "chunk", "state", "segment", "lease", "outcome", "failure", "failure_group", "item_key", "dedupe")


async def counts(store):
    rows = await store.tables.fetch(*(f"select count(*) from {table}" for table in (*TABLES, "event", "blob")))
    return {table: row[0][0] for table, row in zip((*TABLES, "event", "blob"), rows, strict=True) if row[0][0]}


async def rich_batch(store, **options):
    """One with something in every table."""
    count = 30
    new = new_batch(store, policy=policy(max_attempts=1), **options)
    keys, dedupe = [f"k{n}" for n in range(count)], [f"d{n}" for n in range(count)]
    await store.write(submit, new, chunked(payloads(count), 10, keys=keys, dedupe=dedupe))
    for one in (await take(store)).slices:
        await send(store, both(one, one.offsets[3:], [trouble(offset) for offset in one.offsets[:3]]))
    return new.id


async def purge_all(store, limit=200):
    bites = 0
    while await store.write(purge, limit) is not None:
        bites += 1
    return bites


async def test_nothing_is_left_in_any_table(store):
    batch_id = await rich_batch(store)
    assert set(await counts(store)) == {
        "batch",
        "chunk",
        "state",
        "outcome",
        "failure",
        "failure_group",
        "item_key",
        "event",
    }
    await store.write(delete, batch_id)
    with pytest.raises(NotFound):
        await batch_of(store, batch_id)
    await purge_all(store)
    assert await counts(store) == {}


async def test_purging_takes_bounded_bites_and_touches_nobody_else(store):
    kept = await rich_batch(store)
    before = await counts(store)
    gone = await rich_batch(store)
    await store.write(delete, gone)
    assert await purge_all(store, 5) > 10
    assert await counts(store) == before
    assert (await batch_of(store, kept)).total == 30


async def test_only_what_has_ended_is_deleted(store):
    batch_id = await submit_items(store, 3)
    with pytest.raises(Conflict):
        await store.write(delete, batch_id)
    one = await take_one(store, 1)
    await store.write(cancel, batch_id, hard=True, reason="")
    with pytest.raises(Conflict):
        await store.write(delete, batch_id)
    await send(store, both(one, [0], []))
    await store.write(delete, batch_id)
    for verb, arguments in ((delete, ()), (retry, (RetryScope(),)), (cancel_items, ([0],))):
        with pytest.raises(NotFound):
            await store.write(verb, batch_id, *arguments)
    with pytest.raises(NotFound):
        await store.write(cancel, batch_id, hard=False, reason="")


async def test_its_key_is_free_at_once(store):
    new = new_batch(store, key="k", digest="d")
    await store.write(submit, new, chunked(payloads(1)))
    await drain(store)
    await store.write(delete, new.id)
    created = await store.write(submit, new_batch(store, key="k", digest="other"), chunked(payloads(1)))
    assert created.created
    await purge_all(store)
    assert await drain(store) == 1


async def test_nothing_of_a_deleted_batch_is_claimed(store):
    batch_id = await submit_items(store, 30, per=5)
    await store.write(cancel_items, batch_id, range(30))
    await store.write(delete, batch_id)
    assert not await claim_all(store)
    await purge_all(store)
    assert await counts(store) == {}


async def test_purging_with_nothing_deleted_does_nothing(store):
    await rich_batch(store)
    assert await store.write(purge) is None


async def test_the_number_of_an_event_is_never_used_again(store):
    """It is the cursor of those who follow the project."""
    seen = []
    for _ in range(3):
        batch_id = await submit_items(store, 1)
        await drain(store)
        (rows,) = await store.tables.fetch("select max(id) from event")
        seen.append(rows[0][0])
        await store.write(delete, batch_id)
        await purge_all(store)
    assert seen == sorted(set(seen))
