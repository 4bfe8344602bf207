"""Per-item keys: while the execution that holds one has not ended, nobody else starts under it."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import Conflict, DuplicateKeys
from stook.store.script.cancel_items import cancel_items
from stook.store.script.stop import cancel
from stook.store.script.submit import append, create_batch, seal, submit
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


# ------------------------------------------------------------------------------- submissions that go on


KEYS = ["x", "a", None, "b", "x", None, "a", "y", None, "b"]
"""Of ten items: `a` and `b` are held by another batch, and the second `x` by the first."""
KEPT = [0, 2, 5, 7, 8]


async def cut_off(store, parts, *, at_once=True):
    """A submission of ten items in five chunks that ended after some, whose left-out ones are not in `total`."""
    other = await submit_items(store, 2, task="t", dedupe=["a", "b"])
    new = new_batch(store, key="k", digest="d")
    chunks = chunked(payloads(10, 100), 2, dedupe=KEYS)
    await store.write(create_batch, new)
    if at_once:
        await store.write(append, new.id, chunks[:parts], at=0)
    else:
        for number, chunk in enumerate(chunks[:parts]):
            await store.write(append, new.id, [chunk], at=2 * number)
    return other, new.id, chunks


async def items_of(store, batch_id):
    return [item for one in await claim_all(store) if one.batch_id == batch_id for item in inputs(one)]


@pytest.mark.parametrize("at_once", [True, False], ids=["one append", "an append per chunk"])
@pytest.mark.parametrize("parts", range(6))
async def test_a_submission_goes_on_behind_the_items_that_were_left_out(store, parts, at_once):
    other, batch_id, chunks = await cut_off(store, parts, at_once=at_once)
    found = await store.write(create_batch, new_batch(store, key="k", digest="d"))
    kept = sum(place < 2 * parts for place in KEPT)
    assert (found.id, found.created, found.total, found.consumed) == (batch_id, False, kept, 2 * parts)
    rest = await store.write(append, batch_id, chunks[parts:], at=found.consumed)
    assert rest.total == len(KEPT)
    holders = {"a": (other, 0), "b": (other, 1), "x": (batch_id, 0)}
    left_out = [place for place in range(10) if place not in KEPT]
    assert [(2 * parts + offset, *holder) for offset, *holder in rest.existing] == [
        (place, *holders[KEYS[place]]) for place in left_out if place >= 2 * parts
    ]
    await store.write(seal, batch_id)
    assert await items_of(store, batch_id) == [payloads(10, 100)[place] for place in KEPT]


async def test_what_was_consumed_is_passed_over_when_it_is_sent_again(store):
    other, batch_id, chunks = await cut_off(store, 2)
    again = await store.write(append, batch_id, chunks, at=0)
    assert (again.total, list(again.existing)) == (5, [(4, batch_id, 0), (6, other, 0), (9, other, 1)])
    assert (await store.write(append, batch_id, chunks, at=0)).total == 5
    assert (await store.write(append, batch_id, chunks[1:3], at=2)).existing == ()
    assert (await batch_of(store, batch_id)).consumed == 10
    assert await items_of(store, batch_id) == [payloads(10, 100)[place] for place in KEPT]


async def test_what_has_ended_meanwhile_is_not_taken_in_once_more(store):
    """Their keys are free again, which is no reason to consume them twice."""
    _, batch_id, chunks = await cut_off(store, 3)
    assert await drain(store) == 5
    found = await store.write(create_batch, new_batch(store, key="k", digest="d"))
    await store.write(append, batch_id, chunks[3:], at=found.consumed)
    assert await items_of(store, batch_id) == payloads(10, 100)[6:]


async def test_the_number_of_items_is_no_place_to_go_on_at(store):
    _, batch_id, chunks = await cut_off(store, 3)
    with pytest.raises(Conflict, match="has consumed 6 items"):
        await store.write(append, batch_id, chunks, at=3)
    with pytest.raises(Conflict, match="has consumed 6 items, these begin at 8"):
        await store.write(append, batch_id, chunks[4:], at=8)
    assert (await batch_of(store, batch_id)).total == 3


async def test_an_append_that_is_refused_consumes_nothing(store):
    await submit_items(store, 1, dedupe=["a"])
    batch_id = await submit_items(store, 1, sealed=False, keys=["one"])
    with pytest.raises(DuplicateKeys):
        await store.write(append, batch_id, chunked(payloads(2), keys=["two", "one"], dedupe=["a", "z"]), at=1)
    assert (await batch_of(store, batch_id)).consumed == 1
    twice = await store.write(append, batch_id, chunked(payloads(2), keys=["two", "one"], dedupe=["z", "a"]), at=1)
    assert [offset for offset, _, _ in twice.existing] == [1]
    batch = await batch_of(store, batch_id)
    assert (batch.total, batch.consumed) == (2, 3)


async def test_what_is_submitted_at_once_has_consumed_all_of_it(store):
    await submit_items(store, 2, dedupe=["a", "b"])
    for dedupe, total in ((["a", "c", "b"], 1), (None, 3)):
        created = await store.write(submit, new_batch(store), chunked(payloads(3), 2, dedupe=dedupe))
        assert (created.total, created.consumed) == (total, 3)
        assert (await batch_of(store, created.id)).consumed == 3
