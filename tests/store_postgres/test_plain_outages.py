"""A shortcut whose connection is lost has taken place once or not at all, and who asked for it learns what it did."""

from __future__ import annotations

import random

import pytest

from stook.core.ids import BatchIds
from stook.store.postgres.driver import PostgresStore
from stook.store.script.batch_row import read_batch
from stook.store.script.claim import Ask, claim
from stook.store.script.plain_claim import Plain
from stook.store.script.settle import settle
from stook.store.script.submit import NewBatch, submit
from tests.contract.batches import chunked, inputs, payloads, policy, succeed
from tests.store_postgres.test_outages import Cut, cut

__all__ = ["cut"]

HOWS = ["killed before", "killed within", "lost after", "given up before", "given up after"]
_ids = BatchIds(lambda: 1, random.Random(4).getrandbits)


def ask(plain):
    return Ask(
        worker="w",
        tasks=("t",),
        items=3,
        slices=2,
        idle=True,
        lease_until=lambda now: now + 60_000_000,
        tokens=lambda: random.getrandbits(62),
        plain=plain,
    )


async def started(url):
    """A store with a batch of ten, of which three are claimed; and what its claims have learned."""
    store, plain = PostgresStore(url), Plain()
    new = NewBatch(id=_ids(), project="default", task="t", queue="default", name="t", policy=policy())
    await store.write(submit, new, chunked(payloads(10)))
    (one,) = (await store.write(claim, ask(plain))).slices
    return store, plain, one


@pytest.mark.parametrize("how", HOWS)
async def test_a_claim(installed_postgres, cut, how):
    cut(how, "with clock")
    store, plain, first = await started(installed_postgres)
    (one,) = (await store.write(claim, ask(plain))).slices
    assert Cut.left == 0
    assert (one.offsets, inputs(one), one.lease_until > first.lease_until) == (range(3, 6), payloads(3, 3), True)
    (later,) = (await store.write(claim, ask(plain))).slices
    assert later.offsets == range(6, 9)
    await store.write(settle, [succeed(first), succeed(one), succeed(later)], random.random)
    assert (await store.read(read_batch, first.batch_id)).succeeded == 9
    await store.close()


@pytest.mark.parametrize("how", HOWS)
async def test_a_settlement(installed_postgres, cut, how):
    cut(how, "with held")
    store, _, one = await started(installed_postgres)
    answer = await store.write(settle, [succeed(one)], random.random)
    assert Cut.left == 0
    assert answer.lost == []
    assert (await store.read(read_batch, one.batch_id)).succeeded == 3
    assert (await store.write(settle, [succeed(one)], random.random)).lost == [one.token]
    await store.close()
