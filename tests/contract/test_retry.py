"""Taking up again what ended badly, in the same batch: rounds, probes, counters, events."""

from __future__ import annotations

import pytest

from stook.core.errors import Conflict, NotFound, OptionError
from stook.core.policy import FailurePolicy
from stook.core.retry_scope import RetryScope
from stook.store.script.cancel_items import cancel_items
from stook.store.script.pause import pause, resume
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.submit import seal
from stook.store.script.sweep import promote_due
from tests.contract.batches import (
    batch_of,
    both,
    claim_all,
    drain,
    events_of,
    fail,
    indexes,
    policy,
    send,
    submit_items,
    succeed,
    take,
    take_one,
    trouble,
)
from tests.contract.ended_batches import ALL, FAILED, ONCE, ended, kinds, mark


async def test_all_failed_run_again_and_the_batch_ends_again(store):
    batch_id = await ended(store)
    store.clock.advance(5)
    assert await store.write(retry, batch_id, FAILED) == 4
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.ended, batch.finished_at, batch.failed, batch.round) == ("active", None, None, 0, 2)
    assert await kinds(store, batch_id) == ["finished", "reopened"]
    assert (await events_of(store, batch_id))[1][1] == {"id": batch.public_id, "round": 2, "executions": 4}
    again = await take_one(store)
    assert (list(again.offsets), again.attempt, again.round) == ([3, 5, 7, 8], 1, 2)
    await send(store, succeed(again))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.succeeded, batch.settled) == ("succeeded", 20, 24)
    assert await kinds(store, batch_id) == ["finished", "reopened", "finished"]
    assert (await events_of(store, batch_id))[2][1]["round"] == 2


async def test_a_round_has_all_its_attempts_and_the_history_stays(store):
    batch_id = await submit_items(store, 1, policy=policy(max_attempts=2))
    for _ in range(3):
        await send(store, fail(await take_one(store)))
        store.clock.advance(15)
        await store.write(promote_due)
        await send(store, fail(await take_one(store)))
        assert (await batch_of(store, batch_id)).ended == "failed"
        await store.write(retry, batch_id, FAILED)
    (rows,) = await store.tables.fetch("select round, attempt, final from failure order by round, attempt")
    assert [tuple(row) for row in rows] == [(1, 1, 0), (1, 2, 1), (2, 1, 0), (2, 2, 1), (3, 1, 0), (3, 2, 1)]


async def test_nothing_to_retry_reopens_nothing(store):
    batch_id = await ended(store, bad=())
    assert await store.write(retry, batch_id, ALL) == 0
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.round, batch.ended) == ("closed", 1, "succeeded")
    assert await kinds(store, batch_id) == ["finished"]
    with pytest.raises(NotFound):
        await store.write(retry, store.ids(), ALL)


async def test_retrying_twice_queues_once(store):
    batch_id = await ended(store)
    assert await store.write(retry, batch_id, FAILED) == 4
    assert await store.write(retry, batch_id, FAILED) == 0
    assert await drain(store) == 4


async def test_one_group_alone(store):
    batch_id = await ended(store, messages=("a", "b"))
    assert await store.write(retry, batch_id, RetryScope(group=mark("b"))) == 2
    assert indexes(await claim_all(store)) == [5, 8]


async def test_a_group_is_of_the_latest_failure(store):
    """What failed as `a`, was retried and then failed as `b`, is `b` now."""
    batch_id = await ended(store, messages=("a",))
    await store.write(retry, batch_id, RetryScope(indexes=(3, 5)))
    await send(store, fail(await take_one(store), message="b"))
    assert await store.write(retry, batch_id, RetryScope(group=mark("a"))) == 2
    assert indexes(await claim_all(store)) == [7, 8]
    assert await store.write(retry, batch_id, RetryScope(group=mark("b"))) == 2


async def test_chosen_indexes_as_far_as_they_failed(store):
    batch_id = await ended(store)
    assert await store.write(retry, batch_id, RetryScope(indexes=(2, 3, 8, 99, -1, 2**40))) == 2
    assert indexes(await claim_all(store)) == [3, 8]
    assert (await batch_of(store, batch_id)).failed == 2


async def test_cancelled_and_expired_ones_when_asked_for(store):
    batch_id = await submit_items(store, 10, policy=ONCE)
    await send(store, both(await take_one(store, 4), [0, 1, 2], [trouble(3)]))
    await store.write(cancel, batch_id, hard=False, reason="")
    assert await store.write(retry, batch_id, RetryScope(states=("cancelled",))) == 6
    batch = await batch_of(store, batch_id)
    assert (batch.stop, batch.reason, batch.cancelled, batch.failed) == (None, None, 0, 1)
    assert await drain(store) == 6
    assert (await batch_of(store, batch_id)).ended == "partially_failed"


async def test_items_cancelled_one_by_one_run_once_when_retried(store):
    """They had been in the middle of a segment: nothing of it may be left."""
    batch_id = await submit_items(store, 30, per=10, policy=ONCE)
    await take_one(store, 2)
    await store.write(cancel_items, batch_id, [1, 4, 5, *range(10, 20), 25])
    assert await store.write(retry, batch_id, ALL) == 13
    assert sorted(indexes(await claim_all(store, 3))) == list(range(2, 30))


async def test_failure_groups_count_executions_not_retried_since(store):
    batch_id = await ended(store, messages=("a", "b"))

    async def groups():
        (rows,) = await store.tables.fetch("select message, failed, attempts from failure_group order by message")
        return [tuple(row) for row in rows]

    assert await groups() == [("a", 2, 2), ("b", 2, 2)]
    await store.write(retry, batch_id, RetryScope(indexes=(3,)))
    assert await groups() == [("a", 1, 2), ("b", 2, 2)]
    await store.write(retry, batch_id, RetryScope(group=mark("b")))
    assert await groups() == [("a", 1, 2), ("b", 0, 2)]
    await store.write(retry, batch_id, ALL)
    assert await groups() == [("a", 0, 2), ("b", 0, 2)]
    await send(store, *(fail(one, message="a") for one in await claim_all(store)))
    assert await groups() == [("a", 4, 6), ("b", 0, 2)]


@pytest.mark.parametrize("scope", [ALL, RetryScope(states=("failed", "cancelled"), indexes=(3, 5, 7))])
async def test_what_was_cancelled_in_its_retry_is_not_counted_out_of_its_group_twice(store, scope):
    batch_id = await ended(store)
    await store.write(retry, batch_id, RetryScope(indexes=(3, 5)))
    await store.write(cancel_items, batch_id, [3])
    await send(store, fail(await take_one(store)))
    assert await store.write(retry, batch_id, scope) > 0
    await drain(store)


async def test_a_live_batch_is_retried_while_it_goes_on(store):
    batch_id = await submit_items(store, 20, policy=ONCE)
    await send(store, fail(await take_one(store, 5)))
    running = await take_one(store, 5)
    assert await store.write(retry, batch_id, FAILED) == 5
    assert await drain(store) == 15
    await send(store, succeed(running))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.succeeded, batch.settled) == ("succeeded", 20, 25)
    assert (await kinds(store, batch_id)).count("finished") == 1


async def test_a_batch_that_is_being_cancelled_is_not(store):
    batch_id = await submit_items(store, 10, policy=ONCE)
    await send(store, fail(await take_one(store, 2)))
    running = await take_one(store, 2)
    await store.write(cancel, batch_id, hard=False, reason="")
    with pytest.raises(Conflict):
        await store.write(retry, batch_id, ALL)
    await send(store, succeed(running))
    assert await store.write(retry, batch_id, ALL) == 8


async def test_a_paused_batch_stays_paused_and_runs_them_once_resumed(store):
    batch_id = await submit_items(store, 10, policy=ONCE)
    await send(store, fail(await take_one(store, 4)))
    await store.write(pause, batch_id, reason="lunch")
    assert await store.write(retry, batch_id, FAILED) == 4
    assert (await batch_of(store, batch_id)).reason == "lunch"
    assert not (await take(store)).slices
    await store.write(resume, batch_id, ramp=False)
    assert await drain(store) == 10


async def test_an_open_batch_stays_open(store):
    batch_id = await submit_items(store, 4, policy=ONCE, sealed=False)
    await send(store, fail(await take_one(store)))
    assert await store.write(retry, batch_id, FAILED) == 4
    assert (await batch_of(store, batch_id)).phase == "open"
    await drain(store)
    await store.write(seal, batch_id)
    assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_a_retry_forgets_the_burst(store):
    failures = FailurePolicy(burst=3)
    batch_id = await submit_items(store, 10, policy=policy(max_attempts=1, failures=failures))
    await send(store, fail(await take_one(store, 2)))
    await store.write(retry, batch_id, FAILED)
    assert (await batch_of(store, batch_id)).streak == 0


def test_only_what_ended_badly_can_be_in_scope():
    for states in ((), ("succeeded",), ("running", "failed")):
        with pytest.raises(OptionError):
            RetryScope(states=states)
    with pytest.raises(OptionError):
        RetryScope(group="a", indexes=(1,))
