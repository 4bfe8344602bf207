"""What was done becomes durable: once, fenced by the lease, byte for byte, with counters that cannot lie."""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest

from stook.core.outcome import Settlement
from stook.core.payload import split_array
from stook.core.picks import as_range
from stook.core.policy import RetryPolicy
from stook.core.states import State
from stook.store.script.sweep import expire_leases
from tests.contract.batches import (
    batch_of,
    both,
    claim_all,
    drain,
    events_of,
    fail,
    indexes,
    policy,
    run_due,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
    trouble,
)
from tests.contract.moving_clock import SECOND

SUCCEEDED, FAILED, SCHEDULED, QUEUED = State.succeeded, State.failed, State.scheduled, State.queued


async def results_of(store, batch_id):
    """By index, as the outcome rows hold them."""
    (rows,) = await store.tables.fetch(
        "select first, lo, hi, picks, results, batch_id from outcome where results is not null"
    )
    return {
        first + offset: value
        for first, lo, hi, picks, results, owner in rows
        if owner == batch_id
        for offset, value in zip(as_range(lo, hi, picks), split_array(results), strict=True)
    }


async def groups_of(store, batch_id):
    (rows,) = await store.tables.fetch(
        "select message, failed, attempts, first_index, batch_id from failure_group order by message"
    )
    return [tuple(row[:4]) for row in rows if row[4] == batch_id]


async def test_a_whole_slice_in_one_row(store):
    batch_id = await submit_items(store, 500)
    await send(store, succeed(await take_one(store)))
    assert await states_of(store, batch_id) == bytes([SUCCEEDED]) * 500
    (rows,) = await store.tables.fetch("select count, picks, lo, hi from outcome")
    assert [tuple(row) for row in rows] == [(500, None, 0, 500)]
    batch = await batch_of(store, batch_id)
    assert (batch.succeeded, batch.settled, batch.phase, batch.ended) == (500, 500, "closed", "succeeded")
    ((kind, body),) = await events_of(store, batch_id)
    assert kind == "batch.finished"
    assert body == {
        "id": batch.public_id,
        "state": "succeeded",
        "total": 500,
        "succeeded": 500,
        "failed": 0,
        "cancelled": 0,
        "expired": 0,
        "round": 1,
    }


async def test_results_are_kept_byte_for_byte_whatever_order_they_came_in(store):
    batch_id = await submit_items(store, 6)
    one = await take_one(store)
    values = {5: b"  5 ", 0: b'"\xc3\xa9,]"', 3: b"[1, 2]", 2: b"1e400", 4: b"null", 1: b'"\\u0000"'}
    answer = await send(store, succeed(one, list(values), list(values.values())))
    assert (answer.lost, answer.stale, answer.closed) == ([], 0, [batch_id])
    assert await results_of(store, batch_id) == {index: value.strip() for index, value in values.items()}
    (rows,) = await store.tables.fetch("select results from outcome")
    assert rows[0][0] == b"[" + b",".join(values[index] for index in range(6)) + b"]"


async def test_durations_and_references_follow_their_results(store):
    await submit_items(store, 4)
    one = await take_one(store)
    await send(
        store,
        Settlement(
            one.token, one.batch_id, [3, 0, 2, 1], [b'"d"', b'"a"', b'"c"', b'"b"'], [33, 0, 22, 11], (), [0, 3]
        ),
    )
    (rows,) = await store.tables.fetch("select results, durations, blobs from outcome")
    results, durations, blobs = rows[0]
    assert results == b'["a","b","c","d"]'
    assert [int.from_bytes(durations[at : at + 4], "little") for at in range(0, 16, 4)] == [0, 11, 22, 33]
    assert [int.from_bytes(blobs[at : at + 2], "little") for at in range(0, 4, 2)] == [1, 3]


async def test_a_slice_settles_in_parts_each_item_once(store):
    batch_id = await submit_items(store, 10)
    one = await take_one(store)
    await send(store, succeed(one, [3, 4]))
    assert (await batch_of(store, batch_id)).succeeded == 2
    await send(store, both(one, [9], [trouble(0, retryable=False)]))
    answer = await send(store, succeed(one, [3, 0, 5]))
    assert (answer.lost, answer.stale) == ([], 2)
    await send(store, succeed(one, [1, 2, 6, 7, 8]))
    batch = await batch_of(store, batch_id)
    assert (batch.succeeded, batch.failed, batch.ended) == (9, 1, "partially_failed")
    assert (await send(store, succeed(one, [1]))).lost == [one.token]


async def test_parts_in_one_flush(store):
    batch_id = await submit_items(store, 6)
    one = await take_one(store)
    answer = await send(
        store, succeed(one, [0, 1]), fail(one, 2, retryable=False), succeed(one, [3, 0]), succeed(one, [4, 5])
    )
    assert (answer.lost, answer.stale) == ([], 1)
    assert (await batch_of(store, batch_id)).succeeded == 5


async def test_a_whole_slice_and_then_more_of_it_in_one_flush(store):
    batch_id = await submit_items(store, 3)
    one = await take_one(store)
    answer = await send(store, succeed(one), succeed(one, [1]), fail(one, 2))
    assert (answer.lost, answer.stale) == ([], 2)
    assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_settling_twice_is_lost_and_changes_nothing(store):
    batch_id = await submit_items(store, 5)
    one = await take_one(store)
    assert (await send(store, succeed(one))).lost == []
    before = await batch_of(store, batch_id)
    assert (await send(store, fail(one))).lost == [one.token]
    assert await batch_of(store, batch_id) == before


async def test_two_of_the_same_at_once_count_once(store):
    batch_id = await submit_items(store, 5)
    one = await take_one(store)
    answers = await asyncio.gather(*(send(store, succeed(one)) for _ in range(5)))
    assert sorted(len(answer.lost) for answer in answers) == [0, 1, 1, 1, 1]
    assert (await batch_of(store, batch_id)).succeeded == 5


async def test_a_late_worker_changes_nothing(store):
    batch_id = await submit_items(store, 4)
    late = await take_one(store, lease=1)
    store.clock.advance(1)
    await store.write(expire_leases)
    assert (await send(store, succeed(late))).lost == [late.token]
    assert await states_of(store, batch_id) == bytes(4)
    assert await drain(store) == 4
    assert (await send(store, fail(late))).lost == [late.token]
    assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_a_lease_that_has_lapsed_and_was_not_yet_taken_back_still_settles(store):
    batch_id = await submit_items(store, 4)
    one = await take_one(store, lease=1)
    store.clock.advance(5)
    assert (await send(store, succeed(one))).lost == []
    assert await store.write(expire_leases) == 0
    assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_a_token_is_good_for_its_own_batch_only(store):
    mine, other = await submit_items(store, 2), await submit_items(store, 2)
    one, _ = (await take(store)).slices
    forged = msgspec.structs.replace(succeed(one), batch_id=other)
    answer = await send(store, forged, Settlement(12345, mine, [0], [b"1"], [1]))
    assert sorted(answer.lost) == sorted([one.token, 12345])
    assert await states_of(store, mine) == await states_of(store, other) == bytes(2)
    assert (await send(store, Settlement(1, store.ids(), [0], [b"1"], [1]))).lost == [1]


async def test_offsets_outside_the_slice_are_stale(store):
    batch_id = await submit_items(store, 10)
    one = await take_one(store, 3)
    answer = await send(store, both(one, [2, 5], [trouble(7), trouble(600)]))
    assert answer.stale == 3
    assert (await batch_of(store, batch_id)).terminal == 1


async def test_a_flush_of_many_batches_and_slices_is_one_transaction_of_few_statements(store):
    for _ in range(20):
        await submit_items(store, 30, per=10)
    slices = await claim_all(store)
    assert len(slices) == 60
    await send(store, *(succeed(one) for one in slices))
    assert store.statements["insert_outcome"] == store.statements["update_state"] == 1
    assert store.statements["delete_lease"] == store.statements["update_batch"] == 1


# -------------------------------------------------------------------------------------------- retries


async def test_failing_tries_again_after_the_back_off_until_the_last_attempt(store):
    batch_id = await submit_items(store, 1, policy=policy(max_attempts=3, retry=RetryPolicy(delays=(10, 20))))
    for attempt, delay in ((1, 10), (2, 20)):
        one = await take_one(store)
        assert one.attempt == attempt
        await send(store, fail(one))
        batch = await batch_of(store, batch_id)
        assert (batch.scheduled, batch.retries, batch.failed) == (1, attempt, 0)
        assert await states_of(store, batch_id) == bytes([SCHEDULED])
        assert await run_due(store, delay - 0.000001) == 0
        assert await run_due(store, 0.000001) == 1
    await send(store, fail(await take_one(store)))
    batch = await batch_of(store, batch_id)
    assert (batch.failed, batch.scheduled, batch.retries, batch.ended) == (1, 0, 2, "failed")
    (rows,) = await store.tables.fetch(
        "select attempt, nth, final, message, duration, failed_at from failure order by attempt"
    )
    assert [(row[0], row[1], row[2]) for row in rows] == [(1, 0, 0), (2, 0, 0), (3, 0, 1)]
    assert (rows[0][3], rows[0][4], rows[2][5]) == ("boom", 9, store.clock.now)


async def test_jitter_comes_from_the_draw(store):
    await submit_items(store, 2, policy=policy(retry=RetryPolicy(backoff="fixed", base=100, jitter=0.5)))
    draws = itertools.cycle([0.0, 0.75])
    store.draw = lambda: next(draws)
    await send(store, fail(await take_one(store)))
    (rows,) = await store.tables.fetch("select due_at from segment order by due_at")
    assert [row[0] - store.clock.now for row in rows] == [50 * SECOND, 125 * SECOND]


async def test_retry_after_replaces_the_back_off(store):
    await submit_items(store, 2)
    one = await take_one(store)
    await send(store, fail(one, 0, retry_after=3.5), fail(one, 1, retry_after=0))
    assert await run_due(store, 0) == 1
    assert indexes((await take(store)).slices) == [1]
    assert await run_due(store, 3.5) == 1


async def test_what_may_not_be_retried_ends_at_once(store):
    batch_id = await submit_items(store, 2)
    await send(store, fail(await take_one(store), retryable=False, retry_after=1.0))
    batch = await batch_of(store, batch_id)
    assert (batch.failed, batch.retries, batch.ended) == (2, 0, "failed")


@pytest.mark.parametrize("order", [[0, 5, 2], [2, 5, 0], [5, 0, 2], [4, 3, 2, 1, 0], [0, 9, 3, 4]])
async def test_items_go_back_whatever_order_their_troubles_come_in(store, order):
    """The same due time: one segment, and it holds exactly these."""
    await submit_items(store, 10)
    one = await take_one(store)
    await send(store, fail(one, *order))
    await send(store, succeed(one, sorted(set(range(10)) - set(order))))
    await run_due(store, 15)
    assert indexes((await take(store)).slices) == sorted(order)


async def test_equal_retries_of_a_flush_share_a_segment(store):
    await submit_items(store, 300)
    slices = [await take_one(store, 50) for _ in range(6)]
    await send(store, *(fail(one) for one in reversed(slices)))
    (rows,) = await store.tables.fetch("select pos, stop, picks from segment")
    assert [tuple(row) for row in rows] == [(0, 300, None)]


async def test_handing_back_costs_no_attempt(store):
    batch_id = await submit_items(store, 4)
    await send(store, fail(await take_one(store), kind="released"))
    batch = await batch_of(store, batch_id)
    assert (batch.retries, batch.losses, batch.scheduled) == (0, 0, 0)
    assert await states_of(store, batch_id) == bytes(4)
    one = await take_one(store)
    assert (one.attempt, one.exclusive, one.closed) == (1, False, False)
    (rows,) = await store.tables.fetch("select * from failure")
    assert not rows


async def test_a_child_process_that_dies_is_a_loss_of_that_item_alone(store):
    batch_id = await submit_items(store, 3, policy=policy(max_attempts=1, max_losses=2))
    await send(store, both(await take_one(store), [0, 2], [trouble(1, "lost", "SIGKILL")]))
    batch = await batch_of(store, batch_id)
    assert (batch.losses, batch.failed) == (1, 0)
    again = await take_one(store)
    assert (list(again.offsets), again.exclusive, again.attempt) == ([1], True, 1)
    await send(store, fail(again, kind="lost", message="SIGKILL"))
    batch = await batch_of(store, batch_id)
    assert (batch.losses, batch.failed, batch.ended) == (2, 1, "partially_failed")
    (rows,) = await store.tables.fetch("select idx, attempt, nth, final from failure order by nth")
    assert [tuple(row) for row in rows] == [(1, 1, 1, 0), (1, 1, 2, 1)]


async def test_losses_and_attempts_are_counted_apart(store):
    batch_id = await submit_items(store, 1, policy=policy(max_attempts=3, max_losses=3))
    for kind in ("lost", "failed", "lost", "failed", "lost", "lost"):
        await send(store, fail(await take_one(store), kind=kind))
        await run_due(store, 60)
    batch = await batch_of(store, batch_id)
    assert (batch.losses, batch.retries, batch.phase) == (4, 2, "active")


# ------------------------------------------------------------------------------------- failure groups


async def test_failures_are_grouped_by_fingerprint_with_counts_that_hold(store):
    batch_id = await submit_items(store, 10, policy=policy(max_attempts=2))
    one = await take_one(store)
    await send(
        store,
        both(
            one, range(4), [*(trouble(n, message="a") for n in (4, 5, 6)), *(trouble(n, message="b") for n in (8, 7))]
        ),
    )
    assert await groups_of(store, batch_id) == [("a", 0, 3, 4), ("b", 0, 2, 8)]
    await run_due(store, 15)
    again = await take_one(store)
    await send(store, both(again, [4], [trouble(5, message="a"), trouble(6, message="b")]))
    assert await groups_of(store, batch_id) == [("a", 1, 4, 4), ("b", 1, 3, 8)]


async def test_a_success_after_failures_leaves_no_failed_execution(store):
    batch_id = await submit_items(store, 3)
    await send(store, fail(await take_one(store)))
    await run_due(store, 15)
    await drain(store)
    assert await groups_of(store, batch_id) == [("boom", 0, 3, 0)]
    assert (await batch_of(store, batch_id)).ended == "succeeded"
