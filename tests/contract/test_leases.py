"""A worker that dies: its items come back, halved until the one that kills workers stands alone and is set aside."""

from __future__ import annotations

import pytest

from stook.core.states import State
from stook.store.script.renew import look, renew
from stook.store.script.sweep import expire_leases, lose_workers, promote_due
from stook.store.script.worker_row import forget_worker, list_workers, see_worker
from tests.contract.batches import (
    batch_of,
    claim_all,
    drain,
    fail,
    indexes,
    policy,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
)
from tests.contract.moving_clock import SECOND


async def die(store, seconds=60):
    """The worker of every lease there is says nothing for so long."""
    store.clock.advance(seconds)
    while await store.write(expire_leases):
        pass


async def test_a_lease_ends_at_its_time_and_not_before(store):
    batch_id = await submit_items(store, 10)
    one = await take_one(store, 4, lease=30)
    store.clock.advance(29.999999)
    assert await store.write(expire_leases) == 0
    store.clock.advance(0.000001)
    assert await store.write(expire_leases) == 1
    batch = await batch_of(store, batch_id)
    assert (batch.losses, batch.retries, batch.failed) == (1, 0, 0)
    assert (await send(store, succeed(one))).lost == [one.token]
    assert await drain(store) == 10


async def test_only_what_has_not_settled_comes_back(store):
    batch_id = await submit_items(store, 8)
    one = await take_one(store)
    await send(store, succeed(one, [0, 3, 7]))
    await die(store)
    assert (await states_of(store, batch_id)).count(State.succeeded) == 3
    assert sorted(indexes(await claim_all(store))) == [1, 2, 4, 5, 6]


async def test_a_renewed_lease_lives_on(store):
    await submit_items(store, 4)
    one = await take_one(store, lease=10)
    for _ in range(5):
        store.clock.advance(9)
        answer = await store.write(renew, [one.token], lambda now: now + 10 * SECOND)
        assert (answer.lost, answer.cancelled) == ([], [])
        assert await store.write(expire_leases) == 0
    store.clock.advance(10)
    assert await store.write(expire_leases) == 1
    assert (await store.write(renew, [one.token], lambda now: now)).lost == [one.token]


async def test_a_lapsed_lease_not_yet_taken_back_can_be_renewed(store):
    await submit_items(store, 4)
    one = await take_one(store, lease=10)
    store.clock.advance(11)
    assert (await store.write(renew, [one.token], lambda now: now + SECOND)).lost == []
    assert await store.write(expire_leases) == 0


async def test_looking_moves_nothing(store):
    await submit_items(store, 4)
    one = await take_one(store, lease=10)
    answer = await store.read(look, [one.token, 77])
    assert (answer.lost, answer.cancelled) == ([77], [])
    store.clock.advance(10)
    assert await store.write(expire_leases) == 1


async def test_renewing_a_part_of_many(store):
    await submit_items(store, 50, per=5)
    slices = (await take(store, lease=10)).slices
    tokens = [one.token for one in slices]
    await store.write(renew, tokens[::2], lambda now: now + 100 * SECOND)
    store.clock.advance(10)
    assert await store.write(expire_leases) == 5
    answer = await store.write(renew, tokens, lambda now: now + SECOND)
    assert sorted(answer.lost) == sorted(tokens[1::2])


async def test_expiry_takes_bounded_bites(store):
    await submit_items(store, 100, per=5)
    await take(store)
    store.clock.advance(60)
    assert [await store.write(expire_leases, 8) for _ in range(4)] == [8, 8, 4, 0]
    assert await drain(store) == 100


async def test_a_worker_known_to_be_dead_is_not_waited_for(store):
    await submit_items(store, 30, per=10)
    for worker in ("a", "b", "c"):
        await store.write(see_worker, worker, "host", "1", '["t"]')
        await take(store, 10, worker=worker, idle=False)
    assert await store.write(lose_workers, ["a", "c", "x"]) == 2
    assert [row[0] for row in await store.read(list_workers)] == ["b"]
    assert sorted({len(one.offsets) for one in await claim_all(store)}) == [5]
    await store.write(forget_worker, "b")
    assert not await store.read(list_workers)


# ------------------------------------------------------------------------------------------- halving


async def test_a_lost_slice_comes_back_in_halves_to_idle_workers_alone(store):
    await submit_items(store, 9)
    await take_one(store)
    await die(store)
    assert not (await take(store, idle=False)).slices
    first, second = await take_one(store, worker="a"), await take_one(store, worker="b")
    assert (list(first.offsets), list(second.offsets)) == ([0, 1, 2, 3, 4], [5, 6, 7, 8])
    assert first.exclusive
    assert second.exclusive
    assert not (await take(store)).slices


async def test_halves_of_two_slices_lost_together_do_not_mix(store):
    await submit_items(store, 8)
    for _ in range(2):
        await take(store, 4)
    await die(store)
    assert sorted(list(one.offsets) for one in await claim_all(store)) == [[0, 1], [2, 3], [4, 5], [6, 7]]


async def test_a_loss_in_company_is_not_the_items_own(store):
    batch_id = await submit_items(store, 1, policy=policy(max_losses=1))
    await take_one(store, idle=False)
    await die(store)
    assert (await batch_of(store, batch_id)).failed == 0
    await take_one(store)
    await die(store)
    batch = await batch_of(store, batch_id)
    assert (batch.failed, batch.ended) == (1, "failed")


@pytest.mark.parametrize("most", [1, 3, 5])
async def test_an_item_that_kills_its_worker_alone_is_set_aside_after_its_losses(store, most):
    batch_id = await submit_items(store, 1, policy=policy(max_losses=most))
    await take_one(store, idle=False)
    await die(store)
    for _ in range(most):
        assert (await take_one(store)).attempt == 1
        await die(store)
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.losses, batch.retries) == ("failed", most + 1, 0)
    (rows,) = await store.tables.fetch("select idx, code, type, nth, final, message from failure")
    assert [tuple(row) for row in rows] == [
        (0, "worker_lost", "WorkerLost", most, 1, f"its worker died {most} times while running it alone")
    ]


async def test_handing_a_suspect_back_forgives_it_no_loss(store):
    batch_id = await submit_items(store, 1, policy=policy(max_losses=2))
    await take_one(store, idle=False)
    await die(store)
    await take_one(store)
    await die(store)
    await send(store, fail(await take_one(store), kind="released"))
    await take_one(store)
    await die(store)
    assert (await batch_of(store, batch_id)).failed == 1


async def test_a_suspect_that_does_well_is_no_suspect(store):
    batch_id = await submit_items(store, 2, policy=policy(max_losses=2))
    await take_one(store)
    await die(store)
    await send(store, succeed(await take_one(store)))
    await take_one(store)
    await die(store)
    await send(store, fail(await take_one(store)))
    store.clock.advance(60)
    await store.write(promote_due)
    again = await take_one(store)
    assert (again.attempt, again.exclusive) == (2, False)
    await send(store, succeed(again))
    assert (await batch_of(store, batch_id)).ended == "succeeded"


@pytest.mark.parametrize("poisons", [{7777}, {0, 5000, 9999}, {1, 2, 3}])
async def test_among_ten_thousand_only_those_that_kill_workers_are_set_aside(store, poisons):
    """Whatever holds one of them dies; everything else gets done, and no neighbour spends an attempt or ends badly."""
    store.audited = False
    batch_id = await submit_items(store, 10_000, policy=policy(max_attempts=1))
    deaths = 0
    while True:
        claimed = [one for n in range(4) for one in (await take(store, 256, slices=4, worker=f"w{n}")).slices]
        if not claimed:
            store.clock.advance(60)
            if not await store.write(expire_leases):
                break
            await store.audit()
            continue
        alive = [one for one in claimed if poisons.isdisjoint(indexes(one))]
        deaths += len(claimed) - len(alive)
        await send(store, *(succeed(one) for one in alive))
    await store.audit()
    batch = await batch_of(store, batch_id)
    assert (batch.ended, batch.succeeded, batch.failed) == ("partially_failed", 10_000 - len(poisons), len(poisons))
    states = await states_of(store, batch_id)
    assert {index for index, byte in enumerate(states) if byte == State.failed} == poisons
    assert deaths == batch.losses <= len(poisons) * 13
