"""Taking items in: whole, in parts, again after a lost answer, under keys."""

from __future__ import annotations

import asyncio
import random

import pytest

from stook.core.errors import Conflict, DuplicateKeys, KeyConflict, NotFound
from stook.core.states import State
from stook.store.script.pause import pause, resume
from stook.store.script.stop import cancel
from stook.store.script.submit import append, create_batch, seal, submit
from stook.store.script.sweep import promote_due
from tests.contract.batches import (
    batch_of,
    chunked,
    claim_all,
    drain,
    events_of,
    indexes,
    new_batch,
    payloads,
    policy,
    run_due,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
)


async def test_what_is_submitted_at_once_is_there_and_sealed(store):
    new = new_batch(store, name="first", metadata='{"a":1}', priority=3)
    created = await store.write(submit, new, chunked(payloads(1300)))
    assert (created.id, created.created, created.total, created.sealed) == (new.id, True, 1300, True)
    batch = await batch_of(store, new.id)
    assert (batch.phase, batch.total, batch.name, batch.metadata, batch.priority) == (
        "active",
        1300,
        "first",
        '{"a":1}',
        3,
    )
    assert batch.created_at == batch.sealed_at == store.clock.now
    assert await states_of(store, new.id) == bytes(1300)


async def test_an_empty_batch_ends_at_once_and_well(store):
    new = new_batch(store)
    await store.write(submit, new, [])
    batch = await batch_of(store, new.id)
    assert (batch.phase, batch.ended, batch.finished_at) == ("closed", "succeeded", store.clock.now)
    assert [kind for kind, _ in await events_of(store, new.id)] == ["batch.finished"]


async def test_an_open_batch_runs_what_it_has_and_ends_only_once_sealed(store):
    batch_id = await submit_items(store, 10, sealed=False)
    assert await drain(store) == 10
    assert (await batch_of(store, batch_id)).phase == "open"
    await store.write(append, batch_id, chunked(payloads(5, 10)))
    await store.write(seal, batch_id)
    assert (await batch_of(store, batch_id)).phase == "active"
    assert await drain(store) == 5
    assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_sealing_when_all_has_ended_ends_the_batch_and_sealing_again_changes_nothing(store):
    batch_id = await submit_items(store, 3, sealed=False)
    await drain(store)
    await store.write(seal, batch_id)
    assert (await batch_of(store, batch_id)).ended == "succeeded"
    store.clock.advance(1)
    await store.write(seal, batch_id)
    assert (await batch_of(store, batch_id)).finished_at == store.clock.after(-1)
    assert len(await events_of(store, batch_id)) == 1


async def test_payloads_come_back_byte_for_byte(store):
    dice = random.Random(5)
    items = [
        b'{"n": 1}',
        b"  [1,\t2 ] ",
        b'"\\u0000 \\ud800 \xc3\xa9"',
        b"123456789012345678901234567890.10",
        b"-0.0",
        b'","',
        b'"[1],[2]"',
        b"null",
        *(
            b'"' + bytes(dice.choices(b"abc,[]{} \\\\", k=dice.randrange(300) * 2)).replace(b"\\", b"..") + b'"'
            for _ in range(800)
        ),
    ]
    new = new_batch(store)
    await store.write(submit, new, chunked(items, 300))
    found: dict[int, bytes] = {}
    while slices := (await take(store, dice.randrange(1, 90))).slices:
        for one in slices:
            whole = one.payload[1:-1]
            for index in indexes(one):
                assert whole.startswith(items[index])
                found[index] = items[index]
                whole = whole[len(items[index]) + 1 :]
            assert not whole
    assert [found[index] for index in range(len(items))] == items


async def test_the_same_key_is_the_same_batch_while_it_exists(store):
    first = new_batch(store, key="k", digest="d")
    await store.write(submit, first, chunked(payloads(3)))
    again = new_batch(store, key="k", digest="d")
    created = await store.write(submit, again, chunked(payloads(3)))
    assert (created.id, created.created, created.total, created.sealed) == (first.id, False, 3, True)
    with pytest.raises(NotFound):
        await batch_of(store, again.id)
    other = await store.write(create_batch, new_batch(store, key="k", digest="e", project="other"))
    assert other.created, "keys belong to projects"


async def test_the_same_key_with_other_content_is_a_conflict_and_changes_nothing(store):
    await store.write(submit, new_batch(store, key="k", digest="d"), chunked(payloads(3)))
    with pytest.raises(KeyConflict):
        await store.write(submit, new_batch(store, key="k", digest="e"), chunked(payloads(3)))
    assert await drain(store) == 3


async def test_two_at_once_with_one_key_make_one_batch(store):
    news = [new_batch(store, key="k", digest="d") for _ in range(8)]
    answers = await asyncio.gather(*(store.write(submit, new, chunked(payloads(3))) for new in news))
    assert sum(answer.created for answer in answers) == 1
    assert len({answer.id for answer in answers}) == 1
    assert await drain(store) == 3


async def test_a_producer_goes_on_where_it_was_cut_off(store):
    new = new_batch(store, key="k", digest="d")
    chunks = chunked(payloads(100), 20)
    await store.write(create_batch, new)
    await store.write(append, new.id, chunks[:3], at=0)
    resumed = await store.write(create_batch, new_batch(store, key="k", digest="d"))
    assert (resumed.id, resumed.total, resumed.sealed) == (new.id, 60, False)
    again = await store.write(append, new.id, chunks[1:], at=20)
    assert again.total == 100
    assert (await store.write(append, new.id, chunks, at=0)).total == 100
    await store.write(seal, new.id)
    assert indexes(await claim_all(store)) == list(range(100))


@pytest.mark.parametrize(("at", "per"), [(11, 10), (5, 10), (0, 7), (0, 100)])
async def test_a_gap_or_a_torn_chunk_is_a_conflict_and_adds_nothing(store, at, per):
    batch_id = await submit_items(store, 10, sealed=False)
    with pytest.raises(Conflict):
        await store.write(append, batch_id, chunked(payloads(20), per), at=at)
    assert (await batch_of(store, batch_id)).total == 10


async def test_a_sealed_or_cancelled_batch_takes_no_more(store):
    batch_id = await submit_items(store, 1)
    with pytest.raises(Conflict):
        await store.write(append, batch_id, chunked(payloads(1)))
    other = await submit_items(store, 1, sealed=False)
    await store.write(cancel, other, hard=False, reason="")
    with pytest.raises(Conflict):
        await store.write(append, other, chunked(payloads(1)))
    with pytest.raises(NotFound):
        await store.write(append, store.ids(), chunked(payloads(1)))


async def test_a_paused_open_batch_takes_more_and_holds_it(store):
    batch_id = await submit_items(store, 1, sealed=False)
    await store.write(pause, batch_id, reason="")
    await store.write(append, batch_id, chunked(payloads(2)))
    assert not (await take(store)).slices
    await store.write(seal, batch_id)
    await store.write(resume, batch_id)
    assert await drain(store) == 3
    assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_callers_keys_are_unique_within_a_batch_across_its_parts(store):
    keys = ["a", "b", "c", "b", "a"]
    with pytest.raises(DuplicateKeys) as caught:
        await submit_items(store, 5, per=2, keys=keys)
    assert caught.value.pairs == [("b", 3, 1), ("a", 4, 0)]
    batch_id = await submit_items(store, 3, sealed=False, keys=["a", "b", "c"])
    with pytest.raises(DuplicateKeys) as caught:
        await store.write(append, batch_id, chunked(payloads(2), keys=["d", "c"]))
    assert caught.value.pairs == [("c", 4, 2)]
    assert (await batch_of(store, batch_id)).total == 3
    await submit_items(store, 3, keys=["a", "b", "c"])


async def test_items_due_later_wait_for_their_time(store):
    batch_id = await submit_items(store, 3, run_at=store.clock.after(5))
    assert (await batch_of(store, batch_id)).scheduled == 3
    assert await states_of(store, batch_id) == bytes([State.scheduled] * 3)
    assert not (await take(store)).slices
    assert await run_due(store, 4.999999) == 0
    assert not (await take(store)).slices
    assert await run_due(store, 0.000001) == 1
    assert (await batch_of(store, batch_id)).scheduled == 0
    assert await drain(store) == 3


async def test_what_is_due_already_is_not_scheduled(store):
    batch_id = await submit_items(store, 3, run_at=store.clock.now)
    assert (await batch_of(store, batch_id)).scheduled == 0
    assert await store.write(promote_due) == 0
    assert await drain(store) == 3


async def test_a_part_may_have_a_priority_of_its_own(store):
    batch_id = await submit_items(store, 2, sealed=False)
    await store.write(append, batch_id, chunked(payloads(2, 2)), priority=1)
    assert indexes((await take(store)).slices) == [2, 3, 0, 1]


async def test_a_single_submission_ends_without_an_event(store):
    batch_id = await submit_items(store, 1, single=True, policy=policy(max_attempts=1))
    await send(store, succeed(await take_one(store)))
    assert (await batch_of(store, batch_id)).ended == "succeeded"
    assert await events_of(store, batch_id) == []
