"""Two verbs on two real connections, the first stopped between any two of its statements while the second runs: no
deadlock, no error, nothing lost or done twice (the contract's audit says so)."""

from __future__ import annotations

import asyncio

import pytest

from stook.store.script.cancel_items import cancel_items
from stook.store.script.claim import Ask, claim
from stook.store.script.pause import pause, resume
from stook.store.script.renew import renew
from stook.store.script.settle import settle
from stook.store.script.stop import cancel
from stook.store.script.submit import submit
from stook.store.script.sweep import expire_leases, expire_waiting, lose_workers, promote_due
from tests.contract.audit import Audit
from tests.contract.batches import (
    chunked,
    claim_all,
    fail,
    new_batch,
    payloads,
    submit_items,
    succeed,
    take,
)
from tests.store_postgres.stepped import stepped


@pytest.fixture
def installed_postgres(emptied_postgres):
    return emptied_postgres


def claiming(store, *, slices=8, items=1_000_000, idle=True, worker="v"):
    ask = Ask(
        worker=worker,
        tasks=("t",),
        items=items,
        slices=slices,
        idle=idle,
        lease_until=lambda now: now + 60_000_000,
        tokens=store.tokens,
    )
    return lambda: claim(ask)


def settling(store, *settlements):
    return lambda: settle(settlements, store.draw)


async def queued(store):
    """Three chunks of four, the first of them with a worker."""
    batch = await submit_items(store, 12, per=4)
    return batch, (await take(store, slices=1)).slices[0]


async def claim_and_cancel(store):
    batch, _ = await queued(store)
    return claiming(store), lambda: cancel(batch, hard=True, reason="enough")


async def claim_and_cancel_items(store):
    batch, _ = await queued(store)
    return claiming(store, items=3), lambda: cancel_items(batch, [2, 4, 5, 11])


async def claim_and_claim(store):
    await submit_items(store, 120, per=2)
    return claiming(store), claiming(store, worker="u")


async def claim_and_pause(store):
    batch, _ = await queued(store)
    return claiming(store), lambda: pause(batch, reason="wait")


async def claim_and_resume(store):
    batch, _ = await queued(store)
    await store.write(pause, batch, reason="wait")
    return claiming(store), lambda: resume(batch)


async def claim_and_settle(store):
    _, one = await queued(store)
    return claiming(store), settling(store, fail(one, 0, 1, kind="released"))


async def claim_and_expiry(store):
    await submit_items(store, 12, per=4, expires_at=store.clock.after(5))
    store.clock.advance(6)
    return claiming(store, items=6), expire_waiting


async def settle_and_cancel(store):
    batch, one = await queued(store)
    return settling(store, succeed(one)), lambda: cancel(batch, hard=True, reason="enough")


async def settle_and_cancel_items(store):
    batch, one = await queued(store)
    return settling(store, succeed(one, [0, 1])), lambda: cancel_items(batch, [0, 3, 7])


async def settle_and_settle(store):
    """Each settles a slice of either batch; they name them in opposite orders."""
    await submit_items(store, 4, per=2)
    await submit_items(store, 4, per=2)
    a, b, c, d = await claim_all(store, 2)
    return settling(store, succeed(a), succeed(c)), settling(store, succeed(d), fail(b, retryable=False))


async def settle_the_same_twice(store):
    _, one = await queued(store)
    return settling(store, succeed(one)), settling(store, succeed(one))


async def renew_and_settle(store):
    await submit_items(store, 8, per=2)
    held = await claim_all(store, 2)
    tokens = [one.token for one in held]
    return lambda: renew(tokens, lambda now: now + 1), settling(store, *map(succeed, reversed(held)))


async def renew_and_cancel(store):
    batch = await submit_items(store, 8, per=2)
    tokens = [one.token for one in await claim_all(store, 2)]
    return lambda: renew(tokens, lambda now: now + 1), lambda: cancel(batch, hard=True, reason="enough")


async def renew_and_lapse(store):
    await submit_items(store, 8, per=2)
    tokens = [one.token for one in await claim_all(store, 2)]
    store.clock.advance(61)
    return lambda: renew(tokens, lambda now: now + 60_000_000), expire_leases


async def lapse_and_settle(store):
    await submit_items(store, 8, per=2)
    held = await claim_all(store, 2)
    store.clock.advance(61)
    return expire_leases, settling(store, *map(succeed, held))


async def two_lapses(store):
    await submit_items(store, 8, per=2)
    await claim_all(store, 2)
    store.clock.advance(61)
    return expire_leases, lambda: lose_workers(["w"])


async def promote_and_cancel(store):
    batch = await submit_items(store, 8, per=2, run_at=store.clock.after(5))
    store.clock.advance(6)
    return promote_due, lambda: cancel(batch, hard=False, reason="enough")


async def promote_and_promote(store):
    for _ in range(2):
        await submit_items(store, 8, per=2, run_at=store.clock.after(5))
    store.clock.advance(6)
    return promote_due, promote_due


async def two_submissions_of_the_same_dedupe_keys(store):
    new = [new_batch(store) for _ in range(2)]
    keys = [f"k{number}" for number in range(6)]
    first = chunked(payloads(6), 2, dedupe=keys)
    second = chunked(payloads(6), 2, dedupe=keys[::-1])
    return lambda: submit(new[0], first), lambda: submit(new[1], second)


async def submission_and_settlement_of_the_same_dedupe_keys(store):
    keys = [f"k{number}" for number in range(6)]
    await submit_items(store, 6, per=2, dedupe=keys[::-1])
    held = await claim_all(store)
    new = new_batch(store)
    chunks = chunked(payloads(6), 2, dedupe=keys)
    return lambda: submit(new, chunks), settling(store, *map(succeed, held))


SCENES = [
    claim_and_cancel,
    claim_and_cancel_items,
    claim_and_claim,
    claim_and_pause,
    claim_and_resume,
    claim_and_settle,
    claim_and_expiry,
    settle_and_cancel,
    settle_and_cancel_items,
    settle_and_settle,
    settle_the_same_twice,
    renew_and_settle,
    renew_and_cancel,
    renew_and_lapse,
    lapse_and_settle,
    two_lapses,
    promote_and_cancel,
    promote_and_promote,
    two_submissions_of_the_same_dedupe_keys,
    submission_and_settlement_of_the_same_dedupe_keys,
]


@pytest.mark.parametrize("swapped", [False, True], ids=["", "swapped"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_no_two_verbs_block_each_other_for_good(store, installed_postgres, scene, swapped):
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
            await store.tables.empty()
            store.audit = Audit(store.tables)
            steps += 1
        assert steps > 2
