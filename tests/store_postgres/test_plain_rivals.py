"""Many plain claims and settlements at once, each on its connection: nothing is claimed twice, no limit is passed."""

from __future__ import annotations

import asyncio
import random

import pytest

from stook.core.ids import BatchIds
from stook.store.postgres.driver import PostgresStore
from stook.store.script.batch_row import read_batch
from stook.store.script.claim import Ask, claim
from stook.store.script.plain_claim import Plain
from stook.store.script.quota import set_quota
from stook.store.script.settle import settle
from stook.store.script.submit import NewBatch, submit
from tests.contract.batches import chunked, indexes, payloads, policy, succeed

RIVALS = 8
ROUNDS = 12


def ask(plain, items):
    return Ask(
        worker="w",
        tasks=("t",),
        items=items,
        slices=8,
        idle=True,
        lease_until=lambda now: now + 60_000_000,
        tokens=lambda: random.getrandbits(62),
        plain=plain,
    )


async def submitted(store, count):
    ids = BatchIds(lambda: 1, random.Random(7).getrandbits)
    new = NewBatch(id=ids(), project="default", task="t", queue="default", name="t", policy=policy())
    await store.write(submit, new, chunked(payloads(count), 16))
    return new.id


@pytest.mark.parametrize("most", [None, 7])
async def test_rivals(installed_postgres, most):
    store, plain = PostgresStore(installed_postgres), Plain()
    if most is not None:
        await store.write(set_quota, "task", "default", "t", most)
    batch_id = await submitted(store, 3 * RIVALS * ROUNDS)
    seen: list[int] = []
    for _ in range(ROUNDS):
        found = await asyncio.gather(*(store.write(claim, ask(plain, 3)) for _ in range(RIVALS)))
        held = [one for claimed in found for one in claimed.slices]
        got = indexes(held)
        assert len(got) <= (most or 3 * RIVALS)
        assert got or found[0].wait is not None
        seen += got
        await asyncio.gather(*(store.write(settle, [succeed(one)], random.random) for one in held))
    assert plain.policies
    assert len(seen) == len(set(seen)) > ROUNDS
    assert (await store.read(read_batch, batch_id)).succeeded == len(seen)
    await store.close()
