"""A batch that fails too much stops by itself, and says why."""

from __future__ import annotations

from stook.core.policy import FailurePolicy
from stook.store.script.pause import resume
from stook.store.script.submit import append, seal
from tests.contract.batches import (
    batch_of,
    chunked,
    events_of,
    fail,
    payloads,
    policy,
    send,
    submit_items,
    succeed,
    take,
    take_one,
)


async def test_past_the_threshold_a_batch_is_paused_and_says_why(store):
    failures = FailurePolicy(max_failed=3)
    batch_id = await submit_items(store, 100, policy=policy(max_attempts=1, failures=failures))
    one = await take_one(store, 10)
    await send(store, fail(one, 0, 1))
    assert (await batch_of(store, batch_id)).phase == "active"
    answer = await send(store, fail(one, 2))
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.reason) == ("paused", "3 executions failed, max_failed is 3")
    assert answer.paused == [batch_id]
    assert not (await take(store)).slices
    await send(store, succeed(one, range(3, 10)))
    assert (await batch_of(store, batch_id)).succeeded == 7


async def test_past_the_ratio(store):
    failures = FailurePolicy(max_failed_ratio=0.25)
    batch_id = await submit_items(store, 8, policy=policy(max_attempts=1, failures=failures))
    one = await take_one(store, 4)
    await send(store, fail(one, 0))
    assert (await batch_of(store, batch_id)).phase == "active"
    await send(store, fail(one, 1))
    assert (await batch_of(store, batch_id)).reason == "2 of 8 executions failed, max_failed_ratio is 0.25"


async def test_failing_the_batch_cancels_what_has_not_started(store):
    failures = FailurePolicy(max_failed=1, then="fail")
    batch_id = await submit_items(store, 100, per=30, policy=policy(max_attempts=1, failures=failures))
    first, second = await take_one(store, 10), await take_one(store, 10)
    await send(store, fail(first, 0), succeed(first, range(1, 10)))
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.stop, batch.cancelled) == ("cancelling", "threshold", 80)
    await send(store, succeed(second))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.succeeded, batch.failed) == ("failed", 19, 1)
    assert len(await events_of(store, batch_id)) == 1


async def test_a_burst_pauses_and_a_success_breaks_it(store):
    failures = FailurePolicy(burst=4)
    batch_id = await submit_items(store, 100, policy=policy(max_attempts=1, failures=failures))
    one = await take_one(store, 20)
    await send(store, fail(one, 0, 1, 2))
    await send(store, succeed(one, [3]))
    await send(store, fail(one, 4, 5, 6))
    assert (await batch_of(store, batch_id)).phase == "active"
    await send(store, fail(one, 7))
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.reason) == ("paused", "4 failures in a row, burst is 4")


async def test_the_last_failure_ends_the_batch_rather_than_pausing_it(store):
    failures = FailurePolicy(max_failed=2)
    batch_id = await submit_items(store, 2, policy=policy(max_attempts=1, failures=failures))
    await send(store, fail(await take_one(store)))
    assert (await batch_of(store, batch_id)).ended == "failed"


async def test_a_resumed_batch_is_not_paused_again_by_what_succeeds(store):
    failures = FailurePolicy(max_failed=2)
    batch_id = await submit_items(store, 100, policy=policy(max_attempts=1, failures=failures))
    await send(store, fail(await take_one(store, 10), 0, 1))
    await store.write(resume, batch_id, ramp=False)
    await send(store, succeed(await take_one(store, 10)))
    assert (await batch_of(store, batch_id)).phase == "active"


async def test_the_ratio_of_an_open_batch_is_not_known_yet(store):
    failures = FailurePolicy(max_failed_ratio=0.5)
    options = policy(max_attempts=1, failures=failures)
    batch_id = await submit_items(store, 2, sealed=False, policy=options)
    await send(store, fail(await take_one(store)))
    assert (await batch_of(store, batch_id)).phase == "open"
    await store.write(append, batch_id, chunked(payloads(4)))
    await store.write(seal, batch_id)
    await send(store, fail(await take_one(store, 1)))
    assert (await batch_of(store, batch_id)).phase == "paused"
