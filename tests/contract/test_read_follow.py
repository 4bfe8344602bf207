from __future__ import annotations

import random

import pytest

from stook.core.errors import NotFound
from stook.core.payload import split_array
from stook.core.picks import as_range
from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.read.follow import follow
from stook.store.script.read.results import follow_items
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from tests.contract.batches import drain, end_all, fail, payload, result, run_due, send, submit_items, succeed, take_one
from tests.contract.mixture import ERRORS, KEYS, mixture


async def settled_by_hand(store, batch):
    """(index, state, result) by settle number, from the table itself."""
    ((*rows,),) = await store.tables.fetch(
        "select batch_id, settle, first, lo, hi, picks, state, results from outcome order by batch_id, settle"
    )
    found = []
    for owner, settle, first, lo, hi, picks, state, results in rows:
        if owner == batch:
            assert settle == len(found)
            items = split_array(results) if results else None
            for place, offset in enumerate(as_range(lo, hi, picks)):
                found.append((first + offset, state, items[place] if items else None))
    return found


def outcomes(blocks):
    return [
        (block.first + offset, block.state, block.results[place] if block.results is not None else None)
        for block in blocks
        for place, offset in enumerate(block.offsets)
    ]


async def test_the_cursor_may_stand_anywhere(store):
    batch = await mixture(store)
    truth = await settled_by_hand(store, batch)
    assert len(truth) > 30
    for after in range(len(truth) + 1):
        for limit in (1, 3, 7, 100):
            found = await store.read(follow, batch, after, limit)
            seen = outcomes(found.blocks)
            assert seen == truth[after : after + len(seen)]
            assert found.after == after + len(seen)
            assert len(seen) >= min(limit, len(truth) - after)
            assert not found.done


async def test_following_meets_no_gap_and_no_duplicate_while_the_batch_runs(store):
    batch = await submit_items(store, 200, per=30)
    dice = random.Random(7)
    seen, after = [], 0
    leases = [await take_one(store, 30) for _ in range(7)]
    left = [(one, offset) for one in leases for offset in one.offsets]
    dice.shuffle(left)
    while True:
        found = await store.read(follow, batch, after, dice.randint(1, 50))
        assert found.after == after + sum(map(len, found.blocks))
        seen += outcomes(found.blocks)
        after = found.after
        if found.done:
            break
        some, left = left[:13], left[13:]
        for one in leases:
            offsets = sorted(offset for lease, offset in some if lease is one)
            if offsets:
                await send(store, succeed(one, offsets))
    assert seen == await settled_by_hand(store, batch)
    assert sorted(index for index, _, _ in seen) == list(range(200))
    assert all(found == result(index) for index, _, found in seen)


async def test_a_block_that_is_cut_keeps_what_belongs_to_its_items(store):
    batch = await submit_items(store, 6)
    one = await take_one(store)
    sent = succeed(one, [0, 2, 3, 5], [b'"a"', b'["ref"]', b'"c"', b'["ref 2"]'])
    sent.durations, sent.blobs = [10, 20, 30, 40], [1, 3]
    await send(store, sent)
    (block,) = (await store.read(follow, batch, 1)).blocks
    assert (block.settle, list(block.offsets), list(block.durations)) == (1, [2, 3, 5], [20, 30, 40])
    assert block.results == [b'["ref"]', b'"c"', b'["ref 2"]']
    assert block.blobs == {0, 2}


async def test_it_is_done_when_all_has_been_seen_and_goes_on_after_a_retry(store):
    batch = await submit_items(store, 4)
    await send(store, fail(await take_one(store), retryable=False))
    assert not (await store.read(follow, batch, 0, 1)).done or len((await store.read(follow, batch, 0, 1)).blocks) == 4
    after = (await store.read(follow, batch, 0)).after
    assert (await store.read(follow, batch, after)).done
    await store.write(retry, batch, RetryScope())
    found = await store.read(follow, batch, after)
    assert (found.blocks, found.done) == ([], False)
    await drain(store)
    found = await store.read(follow, batch, after)
    assert found.done
    assert outcomes(found.blocks) == [(index, State.succeeded, result(index)) for index in range(4)]
    assert {block.round for block in found.blocks} == {2}


async def test_nothing_is_followed_of_an_unknown_batch(store):
    for verb in (follow, follow_items):
        with pytest.raises(NotFound):
            await store.read(verb, b"\1" * 12 + bytes(4))


async def test_items_are_followed_with_their_inputs_and_the_errors_of_that_time(store):
    batch = await mixture(store)
    truth = await settled_by_hand(store, batch)
    seen, after = [], 0
    while True:
        found = await store.read(follow_items, batch, after, 5)
        if not found.items:
            break
        seen += found.items
        after = found.after
    assert [(one.index, one.state, one.result) for one in seen] == truth
    assert [one.settle for one in seen] == list(range(len(truth)))
    for one in seen:
        assert (one.input, one.key) == (payload(one.index), KEYS[one.index])
        assert (one.error is not None) == (one.state is State.failed)
    once = {one.index: one for one in seen if one.round == 1}
    again = {one.index: one for one in seen if one.round == 2}
    assert once[32].error.message == "boom"
    assert again[32].error.message == "else"
    assert {index for index, one in once.items() if one.error and one.error.message == "bang"} == set(ERRORS["bang"])
    assert (again[30].state, again[30].attempts) == (State.succeeded, 1)


async def test_what_was_stopped_between_attempts_says_how_many_it_had(store):
    batch = await submit_items(store, 3)
    one = await take_one(store)
    await send(store, fail(one, 0, 1), succeed(one, [2]))
    await run_due(store, 100)
    one = await take_one(store)
    await send(store, fail(one, 1))
    await send(store, fail(one, 0, kind="released"))
    await store.write(cancel, batch, hard=False, reason="enough")
    found = await store.read(follow_items, batch)
    assert {item.index: (item.state, item.attempts) for item in found.items} == {
        0: (State.cancelled, 1),
        1: (State.cancelled, 2),
        2: (State.succeeded, 1),
    }
    await end_all(store)


async def test_each_stop_says_how_many_attempts_its_own_round_had(store):
    batch = await submit_items(store, 2)
    for _ in range(2):
        await send(store, fail(await take_one(store)))
        await run_due(store, 100)
    await store.write(cancel, batch, hard=False, reason="first")
    await store.write(retry, batch, RetryScope(states=("cancelled",), indexes=(1,)))
    await send(store, fail(await take_one(store)))
    await store.write(cancel, batch, hard=False, reason="second")
    found = await store.read(follow_items, batch)
    assert [(item.index, item.round, item.attempts) for item in found.items] == [(0, 1, 2), (1, 1, 2), (1, 2, 1)]


async def test_a_loss_is_no_attempt(store):
    batch = await submit_items(store, 1)
    await send(store, fail(await take_one(store), kind="lost"))
    await store.write(cancel, batch, hard=False, reason="enough")
    (item,) = (await store.read(follow_items, batch)).items
    assert item.attempts == 0
