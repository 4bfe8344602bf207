"""What may start in a time is exact, over all who claim; what is over waits, in order, and says how long."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from stook.core.policy import BatchConfig, RateLimit, TaskPolicy
from stook.store.script.terms import declare_terms, drop_full_buckets
from tests.contract.batches import claim_all, fail, indexes, run_due, send, submit_items, take
from tests.contract.laned import given, submit_values


def rated(*rates, **more):
    return TaskPolicy(rates=rates, **more)


async def declare(store, policy):
    await store.write(declare_terms, "default", [("t", msgspec.json.encode(policy).decode())])


async def count(store, **options):
    return len(indexes(await claim_all(store, **options)))


async def test_so_many_at_once_and_then_one_after_the_other(store):
    policy = rated(RateLimit(10, 1, burst=4))
    await submit_values(store, [{"n": n} for n in range(100)], policy)
    first = await claim_all(store)
    assert [one["n"] for one in given(first)] == [0, 1, 2, 3]
    claimed = await take(store)
    assert claimed.slices == []
    assert claimed.wait == pytest.approx(0.1)
    store.clock.advance(0.1)
    assert [one["n"] for one in given(await claim_all(store))] == [4]
    store.clock.advance(0.25)
    assert await count(store) == 2
    store.clock.advance(60)
    assert await count(store) == 4, "no more than burst is saved up"


async def test_starts_count_whatever_becomes_of_them(store):
    policy = rated(RateLimit(2, 10))
    await submit_values(store, [{"n": n} for n in range(5)], policy)
    await send(store, *(fail(one) for one in await claim_all(store)))
    assert await count(store) == 0
    await run_due(store, 15)
    assert await count(store) == 2


async def test_each_value_of_the_key_has_its_own(store):
    policy = rated(RateLimit(2, 60, key="tenant"))
    await submit_values(store, [{"tenant": n % 3} for n in range(30)], policy)
    assert await count(store) == 6
    claimed = await take(store)
    assert (claimed.slices, claimed.wait) == ([], pytest.approx(30))


async def test_several_rates_hold_together(store):
    policy = rated(RateLimit(3, 1), RateLimit(5, 60))
    await submit_values(store, [{}] * 30, policy)
    assert await count(store) == 3
    store.clock.advance(1)
    assert await count(store) == 2
    store.clock.advance(1)
    assert await count(store) == 0
    assert (await take(store)).wait == pytest.approx(10)


async def test_units_are_counted_from_the_payload_and_in_order(store):
    policy = rated(RateLimit(100, 1), RateLimit(1000, 60, units="payload.tokens"))
    await submit_values(store, [{"tokens": size} for size in (300, 300, 300, 300, 50)], policy)
    assert [one["tokens"] for one in given(await claim_all(store))] == [300, 300, 300]
    claimed = await take(store)
    assert (claimed.slices, claimed.wait) == ([], pytest.approx(12)), "what costs less overtakes nobody"
    store.clock.advance(12)
    assert [one["tokens"] for one in given(await claim_all(store))] == [300]
    store.clock.advance(3)
    assert [one["tokens"] for one in given(await claim_all(store))] == [50]


async def test_what_costs_more_than_the_bucket_holds_runs_when_it_is_full(store):
    policy = rated(RateLimit(10, 1, units="tokens"))
    await submit_values(store, [{"tokens": 25}, {"tokens": 1}], policy)
    assert [one["tokens"] for one in given(await claim_all(store))] == [25]
    claimed = await take(store)
    assert (claimed.slices, claimed.wait) == ([], pytest.approx(1.6))
    store.clock.advance(1.6)
    assert await count(store) == 1


async def test_members_of_groups_count_each(store):
    policy = rated(RateLimit(5, 60), batch=BatchConfig(3, timeout=0))
    await submit_values(store, [{}] * 9, policy)
    assert await count(store) == 5


async def test_a_new_rate_holds_at_once_and_keeps_what_was_spent(store):
    await declare(store, rated(RateLimit(4, 60)))
    await submit_items(store, 20)
    assert await count(store) == 4
    await declare(store, rated(RateLimit(40, 60)))
    assert await count(store) == 0
    store.clock.advance(3)
    assert await count(store) == 2
    await declare(store, TaskPolicy())
    assert await count(store) == 14


async def test_claims_at_once_share_one_bucket(store):
    store.audited = False
    await declare(store, rated(RateLimit(20, 3600)))
    await submit_items(store, 200, per=5)

    async def worker(name):
        return [len(indexes((await take(store, 3, worker=name)).slices)) for _ in range(10)]

    found = await asyncio.gather(*(worker(f"w{n}") for n in range(4)))
    assert sum(map(sum, found)) + await count(store) == 20


async def test_full_buckets_go_and_nothing_changes(store):
    policy = rated(RateLimit(2, 60, key="tenant"))
    await submit_values(store, [{"tenant": n} for n in range(3)], policy)
    assert await count(store) == 3
    assert await store.write(drop_full_buckets) == 0
    store.clock.advance(30)
    assert await store.write(drop_full_buckets) == 3
    await submit_values(store, [{"tenant": 0}] * 5, policy)
    assert await count(store) == 2
