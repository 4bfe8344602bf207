"""As test_pairs: what suspends, wakes, remembers and cancels, with its partners."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from stook.core.work import Remember
from stook.store.script.cancel_items import cancel_items
from stook.store.script.errands import run_errands
from stook.store.script.remember import remember
from stook.store.script.settle import settle
from stook.store.script.stop import cancel
from stook.store.script.sweep import expire_leases
from stook.store.script.wake import wake_due
from tests.contract.audit import Audit
from tests.contract.batches import claim_all, fail, send, submit_items, succeed, take_one
from tests.contract.durable import call, errands, parent_waits, sleep, step, suspended
from tests.store_postgres.stepped import stepped


@pytest.fixture
def installed_postgres(emptied_postgres):
    return emptied_postgres


def settling(store, *settlements):
    return partial(settle, settlements, store.draw)


def remembering(leases):
    return partial(remember, [Remember(one.token, one.batch_id, 0, [step("s")], 60.0) for one in leases])


async def suspend_and_cancel(store):
    batch = await submit_items(store, 4)
    one = await take_one(store)
    return settling(store, suspended(one, call("a"), sleep("s", 1))), partial(cancel, batch, hard=True, reason="")


async def suspend_and_cancel_items(store):
    batch = await submit_items(store, 4)
    one = await take_one(store)
    return settling(store, suspended(one, call("a"), offsets=[0, 1])), partial(cancel_items, batch, [1, 2])


async def child_end_and_cancel_of_the_parent(store):
    batch = await parent_waits(store, call("a"))
    child = await take_one(store, tasks=("child",))
    return settling(store, succeed(child)), partial(cancel_items, batch, [0])


async def child_end_and_timeout(store):
    await parent_waits(store, call("a", seconds=1))
    await send(store, succeed(await take_one(store, tasks=("child",))))
    store.clock.advance(1)
    return run_errands, wake_due


async def errands_and_cancel(store):
    batch = await parent_waits(store, call("a", on_failure="fail_parent"), call("b"), count=2)
    await send(store, fail(await take_one(store, tasks=("child",)), 0, retryable=False))
    return run_errands, partial(cancel, batch, hard=True, reason="")


async def errands_twice(store):
    """News for two parents, in two orders."""
    for _ in range(2):
        await parent_waits(store, call("a"))
    for child in reversed(await claim_all(store, tasks=("child",))):
        await send(store, succeed(child))
    return partial(run_errands, 1), run_errands


async def cancel_of_children_and_their_end(store):
    batch = await parent_waits(store, call("a"), count=3)
    child = await take_one(store, 2, tasks=("child",))
    await store.write(cancel, batch, hard=True, reason="")
    return run_errands, settling(store, succeed(child))


async def wake_and_cancel(store):
    batch = await parent_waits(store, sleep("s", 1), count=3)
    store.clock.advance(1)
    return wake_due, partial(cancel, batch, hard=False, reason="")


async def wake_and_wake(store):
    for _ in range(2):
        await parent_waits(store, sleep("s", 1), count=3)
    store.clock.advance(1)
    return wake_due, wake_due


async def remember_and_settle(store):
    await submit_items(store, 8, per=2)
    leases = await claim_all(store, 2)
    return remembering(leases), settling(store, *map(succeed, reversed(leases)))


async def remember_and_remember(store):
    for _ in range(2):
        await submit_items(store, 4, per=2)
    leases = await claim_all(store, 2)
    return remembering(leases), remembering(leases[::-1])


async def remember_and_lapse(store):
    await submit_items(store, 8, per=2)
    leases = await claim_all(store, 2)
    store.clock.advance(61)
    return remembering(leases), expire_leases


async def remember_and_cancel(store):
    batch = await submit_items(store, 8, per=2)
    return remembering(await claim_all(store, 2)), partial(cancel, batch, hard=True, reason="")


SCENES = [
    suspend_and_cancel,
    suspend_and_cancel_items,
    child_end_and_cancel_of_the_parent,
    child_end_and_timeout,
    errands_and_cancel,
    errands_twice,
    cancel_of_children_and_their_end,
    wake_and_cancel,
    wake_and_wake,
    remember_and_settle,
    remember_and_remember,
    remember_and_lapse,
    remember_and_cancel,
]


@pytest.mark.parametrize("swapped", [False, True], ids=["", "swapped"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_no_two_of_them_block_each_other_for_good(store, installed_postgres, scene, swapped):
    store.audited = False  # once per interleaving, at its end
    async with stepped(installed_postgres, store.clock) as (one, other):
        steps, ended = 0, False
        while not ended:
            pair = await scene(store)
            first, second = reversed(pair) if swapped else pair
            one.start(first)
            for _ in range(steps):
                ended = not await one.step()
            other.start(second)
            await other.go_on()
            await asyncio.gather(one.answer(), other.answer())
            await store.audit()
            await errands(store)
            await store.audit()
            await store.tables.empty()
            store.audit = Audit(store.tables)
            steps += 1
        assert steps > 3
