"""Stopping: batches softly and hard, single executions, and who wins when a worker finishes meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.errors import Conflict, NotFound
from stook.core.outcome import Settlement
from stook.core.picks import as_range
from stook.core.states import State
from stook.store.script.cancel_items import cancel_items
from stook.store.script.pause import pause, resume
from stook.store.script.renew import look, renew
from stook.store.script.stop import cancel
from stook.store.script.sweep import expire_leases, promote_due
from tests.contract.batches import (
    batch_of,
    both,
    claim_all,
    drain,
    events_of,
    fail,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
    trouble,
)
from tests.contract.moving_clock import SECOND


async def stop(store, batch_id, hard=False):
    return await store.write(cancel, batch_id, hard=hard, reason="enough")


async def test_a_batch_that_has_not_begun_ends_at_once(store):
    batch_id = await submit_items(store, 1300)
    assert (await stop(store, batch_id)).ended == "cancelled"
    batch = await batch_of(store, batch_id)
    assert (batch.cancelled, batch.reason, batch.settled) == (1300, "enough", 1300)
    assert batch.started_at is None, "nothing ever ran"
    assert [body["state"] for _, body in await events_of(store, batch_id)] == ["cancelled"]
    assert not (await take(store)).slices


async def test_soft_lets_what_runs_finish(store):
    batch_id = await submit_items(store, 100, per=20)
    one = await take_one(store, 7)
    await stop(store, batch_id)
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.cancelled) == ("cancelling", 93)
    answer = await store.write(renew, [one.token], lambda now: now + SECOND)
    assert (answer.lost, answer.cancelled) == ([], [])
    await send(store, succeed(one))
    batch = await batch_of(store, batch_id)
    assert (batch.phase, batch.ended, batch.succeeded) == ("closed", "cancelled", 7)


@pytest.mark.parametrize("kind", ["failed", "released", "lost", "bisected"])
async def test_what_would_run_again_in_a_stopped_batch_ends_cancelled(store, kind):
    batch_id = await submit_items(store, 10)
    one = await take_one(store, 4)
    await stop(store, batch_id)
    await send(store, fail(one, kind=kind))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.cancelled, batch.scheduled) == ("cancelled", 10, 0)


async def test_a_last_attempt_that_fails_after_a_soft_cancel_is_a_failure(store):
    batch_id = await submit_items(store, 10)
    one = await take_one(store, 4)
    await stop(store, batch_id)
    await send(store, fail(one, retryable=False))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.failed, batch.cancelled) == ("cancelled", 4, 6)


async def test_hard_stops_what_runs_whatever_it_says_then(store):
    batch_id = await submit_items(store, 10)
    one, two = await take_one(store, 3), await take_one(store, 3)
    await stop(store, batch_id, hard=True)
    answer = await store.write(renew, [one.token, two.token], lambda now: now + SECOND)
    assert sorted(answer.cancelled) == sorted([(one.token, None), (two.token, None)])
    await send(store, succeed(one))
    await send(store, both(two, [3], [trouble(4, retryable=False), trouble(5, "cancelled")]))
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.cancelled, batch.succeeded, batch.failed) == ("cancelled", 10, 0, 0)


async def test_twice_is_once_and_hard_goes_beyond_soft(store):
    batch_id = await submit_items(store, 10)
    one = await take_one(store, 2)
    await stop(store, batch_id)
    before = await batch_of(store, batch_id)
    await stop(store, batch_id)
    assert await batch_of(store, batch_id) == before
    await stop(store, batch_id, hard=True)
    assert (await batch_of(store, batch_id)).stop == "hard"
    await stop(store, batch_id)
    assert (await batch_of(store, batch_id)).stop == "hard"
    assert (await store.write(look, [one.token])).cancelled == [(one.token, None)]
    await send(store, succeed(one))
    assert (await batch_of(store, batch_id)).cancelled == 10


async def test_an_ended_batch_is_a_conflict(store):
    batch_id = await submit_items(store, 1)
    await drain(store)
    for hard in (False, True):
        with pytest.raises(Conflict):
            await stop(store, batch_id, hard=hard)
    with pytest.raises(NotFound):
        await stop(store, store.ids())
    assert len(await events_of(store, batch_id)) == 1


async def test_an_open_batch_is_sealed_by_it(store):
    batch_id = await submit_items(store, 3, sealed=False)
    await stop(store, batch_id)
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.sealed_at) == ("cancelled", store.clock.now)


async def test_scheduled_and_held_items_end_too(store):
    batch_id = await submit_items(store, 20)
    await send(store, fail(await take_one(store, 5)))
    later = await submit_items(store, 20, run_at=store.clock.after(100))
    await store.write(pause, batch_id, reason="")
    for one in (batch_id, later):
        await stop(store, one)
        assert (await batch_of(store, one)).ended == "cancelled"
    store.clock.advance(1000)
    assert await store.write(promote_due) == 0


async def test_a_stopped_batch_is_neither_paused_nor_resumed(store):
    batch_id = await submit_items(store, 10)
    await take_one(store, 1)
    await stop(store, batch_id)
    for verb, options in ((pause, {"reason": ""}), (resume, {})):
        with pytest.raises(Conflict):
            await store.write(verb, batch_id, **options)


async def test_items_of_a_stopped_batch_whose_worker_dies_end_cancelled(store):
    batch_id = await submit_items(store, 10)
    await take_one(store, 4, lease=1)
    await stop(store, batch_id)
    store.clock.advance(1)
    assert await store.write(expire_leases) == 1
    assert (await batch_of(store, batch_id)).ended == "cancelled"


# --------------------------------------------------------------------------------- single executions


async def test_waiting_items_end_at_once_running_ones_are_asked_to_ended_ones_are_passed(store):
    batch_id = await submit_items(store, 40, per=10)
    done, running = await take_one(store, 3), await take_one(store, 3)
    await send(store, succeed(done))
    answer = await store.write(cancel_items, batch_id, [35, 0, 4, 39, 7, 40, 2**31, 35])
    assert (answer.ended, answer.asked, answer.passed) == ([7, 35, 39], [4], [0])
    assert answer.missing == [40, 2**31]
    batch = await batch_of(store, batch_id)
    assert (batch.cancelled, batch.phase) == (3, "active")
    assert (await states_of(store, batch_id))[4] == State.cancelling
    assert (await store.write(look, [running.token])).cancelled == [(running.token, [4])]
    await send(store, succeed(running))
    batch = await batch_of(store, batch_id)
    assert (batch.cancelled, batch.succeeded) == (4, 5)
    await drain(store)
    assert (await batch_of(store, batch_id)).ended == "partially_failed"


async def test_cancelling_an_item_twice_is_once(store):
    batch_id = await submit_items(store, 3)
    one = await take_one(store, 1)
    for ended in ([2], []):
        answer = await store.write(cancel_items, batch_id, [0, 2])
        assert (answer.ended, answer.asked) == (ended, [0])
    await send(store, fail(one))
    assert (await batch_of(store, batch_id)).cancelled == 2


async def test_cancelling_the_last_waiting_items_ends_the_batch(store):
    batch_id = await submit_items(store, 3)
    await store.write(cancel_items, batch_id, range(3))
    assert (await batch_of(store, batch_id)).ended == "cancelled"
    assert len(await events_of(store, batch_id)) == 1


@pytest.mark.parametrize("kind", ["failed", "released", "lost", "cancelled"])
async def test_an_item_asked_to_stop_ends_cancelled_whatever_became_of_it(store, kind):
    batch_id = await submit_items(store, 2)
    one = await take_one(store)
    await store.write(cancel_items, batch_id, [1])
    await send(store, both(one, [0], [trouble(1, kind)]))
    batch = await batch_of(store, batch_id)
    assert (batch.cancelled, batch.succeeded, batch.phase) == (1, 1, "closed")


async def test_an_item_asked_to_stop_whose_worker_dies_ends_cancelled(store):
    batch_id = await submit_items(store, 4)
    await take_one(store, lease=1)
    await store.write(cancel_items, batch_id, [1, 3])
    store.clock.advance(1)
    await store.write(expire_leases)
    assert (await batch_of(store, batch_id)).cancelled == 2
    assert await drain(store) == 2


async def test_scheduled_items_leave_the_count_of_scheduled(store):
    batch_id = await submit_items(store, 4)
    await send(store, fail(await take_one(store)))
    await store.write(cancel_items, batch_id, [1, 2])
    assert (await batch_of(store, batch_id)).scheduled == 2
    store.clock.advance(60)
    await store.write(promote_due)
    assert (await batch_of(store, batch_id)).scheduled == 0
    assert await drain(store) == 2


async def test_items_cancelled_together_are_one_outcome_per_chunk(store):
    batch_id = await submit_items(store, 100, per=50)
    await store.write(cancel_items, batch_id, range(0, 100, 3))
    (rows,) = await store.tables.fetch("select count from outcome")
    assert sorted(row[0] for row in rows) == [17, 17]


# -------------------------------------------------------------------------------------------- races


@pytest.mark.parametrize("hard", [False, True])
async def test_cancel_against_completion_has_one_winner_per_item(store, hard):
    for _ in range(6):
        batch_id = await submit_items(store, 60, per=20)
        slices = await claim_all(store, 5)
        answers = await asyncio.gather(
            *(send(store, succeed(one)) for one in slices[:6]),
            stop(store, batch_id, hard=hard),
            *(send(store, succeed(one)) for one in slices[6:]),
            return_exceptions=True,
        )
        batch = await batch_of(store, batch_id)
        assert batch.phase == "closed"
        unexpected = [one for one in answers if isinstance(one, Exception) and not isinstance(one, Conflict)]
        assert not unexpected
        assert not any(answer.lost for answer in answers if hasattr(answer, "lost"))
        assert batch.succeeded + batch.cancelled == batch.settled == 60
        assert len(await events_of(store, batch_id)) == 1


async def test_cancelling_items_against_claims_and_completion(store):
    for _ in range(10):
        batch_id = await submit_items(store, 60, per=20)
        running = await take_one(store, 10)
        await asyncio.gather(
            send(store, succeed(running)),
            store.write(cancel_items, batch_id, range(0, 60, 2)),
            take(store, 10, worker="a"),
            take(store, 10, worker="b", idle=False),
        )
        (rows,) = await store.tables.fetch("select token, batch_id, lo, hi, picks from lease")
        for token, owner, lo, hi, picks in rows:
            offsets = list(as_range(lo, hi, picks))
            await send(store, Settlement(token, owner, offsets, [b"1"] * len(offsets), [1] * len(offsets)))
        await drain(store)
        batch = await batch_of(store, batch_id)
        assert (batch.phase, batch.succeeded + batch.cancelled) == ("closed", 60)
        assert batch.cancelled >= 25, "those that neither ran nor had ended"
