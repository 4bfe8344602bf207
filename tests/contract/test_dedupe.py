"""Per-item keys: while the execution that holds one has not ended, nobody else starts under it."""

from __future__ import annotations

import asyncio

import pytest

from stook.store.script.cancel_items import cancel_items
from stook.store.script.stop import cancel
from stook.store.script.submit import submit
from stook.store.script.sweep import end_overdue, expire_waiting
from tests.contract.batches import (
    batch_of,
    chunked,
    claim_all,
    drain,
    fail,
    inputs,
    new_batch,
    payloads,
    run_due,
    send,
    submit_items,
    take_one,
)


async def test_a_dedupe_key_is_held_until_its_execution_has_ended(store):
    first = await submit_items(store, 3, dedupe=["a", None, "b"])
    new = new_batch(store)
    created = await store.write(submit, new, chunked(payloads(4), 2, dedupe=["x", "b", "a", "y"]))
    assert (created.total, list(created.existing)) == (2, [(1, first, 2), (2, first, 0)])
    assert sorted(inputs(one) for one in await claim_all(store, tasks=("t",)) if one.batch_id == new.id) == [
        [payloads(4)[0]],
        [payloads(4)[3]],
    ]


@pytest.mark.parametrize("end", ["succeed", "fail", "cancel", "cancel item", "expire", "deadline"])
async def test_every_end_of_an_execution_frees_its_dedupe_key(store, end):
    at = store.clock.after(10)
    expires, deadline = (at if end == "expire" else None), (at if end == "deadline" else None)
    batch_id = await submit_items(store, 1, dedupe=["a"], expires_at=expires, deadline_at=deadline)
    match end:
        case "succeed":
            await drain(store)
        case "fail":
            await send(store, fail(await take_one(store), retryable=False))
        case "cancel":
            await store.write(cancel, batch_id, hard=False, reason="")
        case "cancel item":
            await store.write(cancel_items, batch_id, [0])
        case "expire":
            store.clock.advance(10)
            assert await store.write(expire_waiting) == 1
        case _:
            store.clock.advance(10)
            assert await store.write(end_overdue) == 1
    assert (await batch_of(store, batch_id)).phase == "closed"
    assert (await store.write(submit, new_batch(store), chunked(payloads(1), dedupe=["a"]))).total == 1


async def test_a_retrying_execution_still_holds_its_dedupe_key(store):
    await submit_items(store, 1, dedupe=["a"])
    await send(store, fail(await take_one(store)))
    assert (await store.write(submit, new_batch(store), chunked(payloads(1), dedupe=["a"]))).total == 0
    await run_due(store, 60)
    await drain(store)
    assert (await store.write(submit, new_batch(store), chunked(payloads(1), dedupe=["a"]))).total == 1


async def test_dedupe_keys_belong_to_a_task_of_a_project(store):
    await submit_items(store, 1, dedupe=["a"])
    for other in ({"task": "u"}, {"project": "p"}):
        created = await store.write(submit, new_batch(store, **other), chunked(payloads(1), dedupe=["a"]))
        assert created.total == 1


async def test_of_equal_dedupe_keys_in_one_call_the_first_counts(store):
    new = new_batch(store)
    created = await store.write(submit, new, chunked(payloads(3), 2, dedupe=["a", "b", "a"]))
    assert (created.total, list(created.existing)) == (2, [(2, new.id, 0)])


async def test_two_at_once_with_one_dedupe_key_start_one_execution(store):
    news = [new_batch(store) for _ in range(8)]
    answers = await asyncio.gather(
        *(store.write(submit, new, chunked(payloads(1), dedupe=["a"])) for new in news), return_exceptions=True
    )
    assert sorted(answer.total for answer in answers) == [0] * 7 + [1]
    assert await drain(store) == 1
