"""What time does: deadlines, expiry, due items, abandoned submissions, and when to look next."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.retry_scope import RetryScope
from stook.core.states import State
from stook.store.script.cancel_items import cancel_items
from stook.store.script.pause import pause
from stook.store.script.renew import look
from stook.store.script.retry import retry
from stook.store.script.stop import cancel
from stook.store.script.submit import seal
from stook.store.script.sweep import end_overdue, expire_leases, expire_waiting, next_due, promote_due
from tests.contract.batches import (
    batch_of,
    drain,
    events_of,
    fail,
    new_batch,
    run_due,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
)
from tests.contract.invocations import call, item

EXPIRED = State.expired


async def test_items_that_had_to_start_by_now_expire_what_runs_goes_on(store):
    batch_id = await submit_items(store, 10, expires_at=store.clock.after(5))
    running = await take_one(store, 3)
    store.clock.advance(4.999999)
    assert await store.write(expire_waiting) == 0
    store.clock.advance(0.000001)
    assert await store.write(expire_waiting) == 7
    assert await states_of(store, batch_id) == bytes(3) + bytes([EXPIRED]) * 7
    assert await store.write(expire_waiting) == 0
    await send(store, succeed(running))
    batch = await batch_of(store, batch_id)
    assert (batch.succeeded, batch.expired, batch.ended) == (3, 7, "partially_failed")


async def test_an_expired_batch_that_did_nothing_is_expired(store):
    batch_id = await submit_items(store, 10, expires_at=store.clock.after(5))
    store.clock.advance(5)
    await store.write(expire_waiting)
    assert (await batch_of(store, batch_id)).ended == "expired"
    assert [body["state"] for _, body in await events_of(store, batch_id)] == ["expired"]


async def test_scheduled_held_and_half_cancelled_items_expire_too(store):
    batch_id = await submit_items(store, 10, run_at=store.clock.after(100), expires_at=store.clock.after(5))
    await store.write(cancel_items, batch_id, [3, 4])
    await store.write(pause, batch_id, reason="")
    store.clock.advance(5)
    assert await store.write(expire_waiting) == 8
    batch = await batch_of(store, batch_id)
    assert (batch.scheduled, batch.expired, batch.cancelled, batch.phase) == (0, 8, 2, "closed")


async def test_expiry_takes_bounded_bites(store):
    batch_id = await submit_items(store, 100, per=5, expires_at=store.clock.after(5))
    store.clock.advance(5)
    assert [await store.write(expire_waiting, 7) for _ in range(4)] == [35, 35, 30, 0]
    assert (await batch_of(store, batch_id)).ended == "expired"


async def test_a_retry_is_not_expired_it_had_started_in_time(store):
    await submit_items(store, 1, expires_at=store.clock.after(5))
    await send(store, fail(await take_one(store)))
    assert await run_due(store, 15) == 1
    assert await store.write(expire_waiting) == 0
    assert await drain(store) == 1


async def test_a_claim_starts_nothing_that_is_past_its_time_before_a_sweep_has_been_by(store):
    late = await submit_items(store, 10, expires_at=store.clock.after(5), priority=9)
    other = await submit_items(store, 3)
    store.clock.advance(4.999999)
    assert (await take_one(store, 2)).batch_id == late
    store.clock.advance(0.000001)
    assert [(one.batch_id, len(one.offsets)) for one in (await take(store)).slices] == [(other, 3)]
    assert (await take(store)).slices == []
    assert await store.write(expire_waiting) == 8


async def test_what_has_started_in_time_is_claimed_again_after_it(store):
    batch_id = await submit_items(store, 1, expires_at=store.clock.after(5))
    await send(store, fail(await take_one(store), kind="released"))
    store.clock.advance(9)
    assert (await take_one(store)).batch_id == batch_id


async def test_a_suspect_has_started_in_time(store):
    batch_id = await submit_items(store, 1, expires_at=store.clock.after(5))
    await take(store, lease=1)
    store.clock.advance(9)
    await store.write(expire_leases)
    assert await store.write(expire_waiting) == 0
    suspect = await take_one(store)
    assert (suspect.batch_id, suspect.exclusive) == (batch_id, True)


# ----------------------------------------------------------------------------------------- deadlines


async def test_past_its_deadline_a_batch_expires_and_what_runs_is_stopped(store):
    batch_id = await submit_items(store, 10, deadline_at=store.clock.after(5))
    done, running = await take_one(store, 2), await take_one(store, 3)
    await send(store, succeed(done))
    store.clock.advance(4.999999)
    assert await store.write(end_overdue) == 0
    store.clock.advance(0.000001)
    assert await store.write(end_overdue) == 1
    assert await store.write(end_overdue) == 0
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.expired, batch.reason) == ("cancelling", 5, "its deadline has passed")
    assert (await store.write(look, [running.token])).cancelled == [(running.token, None)]
    await send(store, succeed(running))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.succeeded, batch.expired, batch.cancelled) == ("expired", 2, 8, 0)


@pytest.mark.parametrize("kind", ["failed", "cancelled", "released", "lost", "worker dies"])
async def test_whatever_becomes_of_what_ran_past_the_deadline_it_expired(store, kind):
    batch_id = await submit_items(store, 2, deadline_at=store.clock.after(5))
    running = await take_one(store, lease=5)
    store.clock.advance(5)
    await store.write(end_overdue)
    if kind == "worker dies":
        await store.write(expire_leases)
    else:
        await send(store, fail(running, kind=kind))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.expired) == ("expired", 2)


async def test_the_deadline_of_a_paused_or_open_batch_holds_too(store):
    paused = await submit_items(store, 2, deadline_at=store.clock.after(5))
    await store.write(pause, paused, reason="")
    open_ = await submit_items(store, 2, deadline_at=store.clock.after(5), sealed=False)
    store.clock.advance(5)
    assert await store.write(end_overdue) == 2
    for one in (paused, open_):
        assert (await batch_of(store, one)).ended == "expired"


async def test_a_soft_cancel_does_not_outlive_the_deadline(store):
    batch_id = await submit_items(store, 4, deadline_at=store.clock.after(5))
    running = await take_one(store, 2)
    await store.write(cancel, batch_id, hard=False, reason="")
    store.clock.advance(5)
    assert await store.write(end_overdue) == 1
    assert (await store.write(look, [running.token])).cancelled == [(running.token, None)]


async def test_a_batch_cancelled_hard_is_not_looked_at_again_at_its_deadline(store):
    """Otherwise the sweep would be called again and again, and its bite be full of such batches."""
    for _ in range(3):
        batch_id = await submit_items(store, 4, deadline_at=store.clock.after(5))
        await take_one(store, 2, lease=1000)
        await store.write(cancel, batch_id, hard=True, reason="")
    late = await submit_items(store, 1, deadline_at=store.clock.after(6))
    assert await store.read(next_due) == store.clock.after(6)
    store.clock.advance(6)
    assert await store.write(end_overdue, 2) == 1
    assert (await batch_of(store, late)).ended == "expired"


async def test_what_has_expired_can_be_retried_its_deadline_is_spent(store):
    batch_id = await submit_items(store, 4, deadline_at=store.clock.after(5))
    store.clock.advance(5)
    await store.write(end_overdue)
    assert await store.write(retry, batch_id, RetryScope(states=("expired",))) == 4
    assert await store.write(end_overdue) == 0
    assert await drain(store) == 4
    assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_a_submission_that_is_never_finished_is_cancelled(store):
    batch_id = await submit_items(store, 4, sealed=False, open_until=store.clock.after(30))
    store.clock.advance(29.999999)
    assert await store.write(end_overdue) == 0
    store.clock.advance(0.000001)
    assert await store.write(end_overdue) == 1
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.reason) == ("cancelled", "its submission was never finished")


async def test_where_each_commit_counts_what_was_committed_runs_to_its_end(store):
    new = new_batch(store, open_until=store.clock.after(30))
    await call(store, item(1), item(2), new=new, whole=False, sealed=False)
    new.open_until = store.clock.after(60)
    await call(store, item(3), new=new, whole=False, begun=True, sealed=False)
    assert await drain(store) == 3
    store.clock.advance(59)
    assert await store.write(end_overdue) == 0
    assert (await batch_of(store, new.id)).phase == "open"
    store.clock.advance(1)
    assert await store.write(end_overdue) == 1
    batch = await batch_of(store, new.id)
    assert (batch.ended, batch.succeeded, batch.reason) == ("succeeded", 3, None)


async def test_a_sealed_batch_is_not_abandoned(store):
    batch_id = await submit_items(store, 4, sealed=False, open_until=store.clock.after(30))
    await store.write(seal, batch_id)
    store.clock.advance(30)
    assert await store.write(end_overdue) == 0
    assert await drain(store) == 4
    assert (await batch_of(store, batch_id)).ended == "succeeded"


async def test_what_was_sealed_while_the_sweep_looked_is_not_abandoned(store):
    """On PostgreSQL the sweep may wait for the batch's lock: meanwhile the producer has finished."""
    batch_id = await submit_items(store, 4, sealed=False, open_until=store.clock.after(30))
    await store.write(seal, batch_id)
    store.clock.advance(30)

    def with_an_old_view():
        script = end_overdue()
        statement = next(script)
        try:
            while True:
                answer = yield statement
                if getattr(statement, "name", "") == "abandoned_batches":
                    answer = [(batch_id,)]
                statement = script.send(answer)
        except StopIteration as stop:
            return stop.value

    assert await store.write(with_an_old_view) == 0
    assert (await batch_of(store, batch_id)).phase == "active"


# ------------------------------------------------------------------------------------- when to look


async def test_nothing_timed_nothing_due(store):
    await submit_items(store, 4)
    assert await store.read(next_due) is None


async def test_the_next_due_time_is_the_earliest_of_all_that_is_timed(store):
    at = store.clock.after
    await submit_items(store, 1, deadline_at=at(90))
    assert await store.read(next_due) == at(90)
    await submit_items(store, 1, sealed=False, open_until=at(80), priority=-1)
    assert await store.read(next_due) == at(80)
    await submit_items(store, 1, run_at=at(70))
    assert await store.read(next_due) == at(70)
    await submit_items(store, 1, expires_at=at(60), priority=-1)
    assert await store.read(next_due) == at(60)
    one = await take_one(store, 1, lease=50)
    assert await store.read(next_due) == at(50)
    await send(store, fail(one, retry_after=40))
    assert await store.read(next_due) == at(40)


async def test_a_paused_batch_s_due_items_wake_nobody(store):
    batch_id = await submit_items(store, 1, run_at=store.clock.after(5))
    await store.write(pause, batch_id, reason="")
    assert await store.read(next_due) is None
    store.clock.advance(5)
    assert await store.write(promote_due) == 0


async def test_nothing_that_has_ended_is_due(store):
    batch_id = await submit_items(
        store, 3, deadline_at=store.clock.after(9), run_at=store.clock.after(5), expires_at=store.clock.after(7)
    )
    await store.write(cancel_items, batch_id, range(3))
    assert await store.read(next_due) is None


async def test_due_items_are_promoted_in_bounded_bites(store):
    await submit_items(store, 100, per=5, run_at=store.clock.after(5))
    store.clock.advance(5)
    assert [await store.write(promote_due, 8) for _ in range(4)] == [8, 8, 4, 0]
    assert await drain(store) == 100


async def test_sweeps_at_once_do_each_thing_once(store):
    for _ in range(5):
        await submit_items(store, 20, per=5, expires_at=store.clock.after(5))
        await submit_items(store, 20, per=5, run_at=store.clock.after(5), deadline_at=store.clock.after(500))
        await submit_items(store, 20, per=5, deadline_at=store.clock.after(5), task="u")
    store.clock.advance(5)
    sweeps = [store.write(verb) for verb in (promote_due, expire_waiting, end_overdue) for _ in range(4)]
    counts = await asyncio.gather(*sweeps)
    assert [sum(counts[at : at + 4]) for at in (0, 4, 8)] == [20, 100, 5]
