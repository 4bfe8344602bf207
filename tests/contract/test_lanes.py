"""Limits that count by a value of the payload hold exactly, all together, and are nothing to others."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import pytest

from stook.core.lanes import Laner
from stook.core.policy import BatchConfig, ConcurrencyLimit, TaskPolicy
from stook.core.retry_scope import RetryScope
from stook.store.script.change import NewInput, edit_item
from stook.store.script.delete import delete, purge
from stook.store.script.quota import set_quota
from stook.store.script.retry import retry
from stook.store.script.sweep import expire_leases
from stook.store.script.task_row import see_tasks
from stook.store.script.terms import declare_terms, find_terms, set_terms
from tests.contract.batches import claim_all, drain, fail, indexes, run_due, send, submit_items, succeed, take
from tests.contract.laned import given, submit_values

TWO = TaskPolicy(limits=(ConcurrencyLimit(2, key="tenant"),))


def of(tenant, count, **more):
    return [{"tenant": tenant, "n": n, **more} for n in range(count)]


def tenants(slices):
    return Counter(one["tenant"] for one in given(slices))


async def declare(store, policy, task="t"):
    await store.write(declare_terms, "default", [(task, msgspec.json.encode(policy).decode())])


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "found"])
async def test_a_keyed_limit_holds_for_each_value(store, declared):
    """Also of work whose task no worker has declared: the first claim that meets it does."""
    if declared:
        await declare(store, TWO)
    await submit_values(store, of("a", 10) + of("b", 1) + of(None, 5) + [{"n": 1}] * 5, TWO)
    first = await claim_all(store)
    found = Counter(one.get("tenant") for one in given(first))
    assert found == {"a": 2, "b": 1, None: 2}
    assert not await claim_all(store)
    await send(store, succeed(next(one for one in first if given([one])[0].get("tenant") == "a")))
    again = given(await claim_all(store))
    assert {one["tenant"] for one in again} == {"a"}


async def test_full_lanes_are_not_read(store):
    await declare(store, TWO)
    await submit_values(store, of("a", 50) + of("b", 50), TWO)
    await claim_all(store)
    await take(store)
    assert store.statements["claim_heads"] == 0


async def test_several_limits_hold_together_or_not_at_all(store):
    policy = TaskPolicy(limits=(ConcurrencyLimit(3, key="tenant"), ConcurrencyLimit(2, key="model")))
    await declare(store, policy)
    await submit_values(store, of("a", 5, model="x") + of("a", 5, model="y") + of("b", 5, model="x"), policy)
    found = Counter((one["tenant"], one["model"]) for one in given(await claim_all(store, 1)))
    by_tenant, by_model = Counter(), Counter()
    for (tenant, model), count in found.items():
        by_tenant[tenant] += count
        by_model[model] += count
    assert max(by_tenant.values()) <= 3
    assert max(by_model.values()) <= 2
    full = {tenant for tenant, count in by_tenant.items() if count == 3}
    taken = {model for model, count in by_model.items() if count == 2}
    for tenant, model in (("a", "x"), ("a", "y"), ("b", "x")):
        assert tenant in full or model in taken, "what one limit refuses takes no room of the other"


async def test_a_keyed_limit_and_a_plain_one(store):
    await declare(store, TWO)
    await store.write(set_quota, "task", "default", "t", 3)
    await submit_values(store, of("a", 5) + of("b", 5), TWO)
    found = tenants(await claim_all(store))
    assert sum(found.values()) == 3
    assert max(found.values()) <= 2


async def test_a_new_limit_holds_from_the_next_claim_on_also_for_work_of_before(store):
    await declare(store, TWO)
    await submit_values(store, of("a", 10), TWO)
    assert len(given(await claim_all(store))) == 2
    await declare(store, TaskPolicy(limits=(ConcurrencyLimit(5, key="tenant"),)))
    assert len(given(await claim_all(store))) == 3
    await declare(store, TaskPolicy(limits=(ConcurrencyLimit(1, key="tenant"),)))
    assert not await claim_all(store)
    await declare(store, TaskPolicy())
    assert len(given(await claim_all(store))) == 5


async def test_the_catalogue_decides_over_the_policy_work_was_submitted_with(store):
    await store.write(see_tasks, [("t", "default", msgspec.json.encode(TaskPolicy()).decode(), None)], 60_000_000)
    await submit_values(store, of("a", 10), TWO)
    found = await claim_all(store)
    assert len(given(found)) == 10


async def test_a_limit_found_in_work_ends_when_a_worker_says_the_task_has_none(store):
    await submit_values(store, of("a", 10), TWO)
    assert len(given(await claim_all(store))) == 2
    await store.write(see_tasks, [("t", "default", msgspec.json.encode(TaskPolicy()).decode(), None)], 60_000_000)
    assert len(given(await claim_all(store))) == 8


async def test_what_was_changed_by_hand_stays_until_the_definition_is_another(store):
    await declare(store, TWO)
    await store.write(set_terms, "default", "t", limits=(ConcurrencyLimit(4, key="tenant"),))
    await declare(store, TWO)
    await submit_values(store, of("a", 10), TWO)
    assert len(given(await claim_all(store))) == 4
    await declare(store, TaskPolicy(limits=(ConcurrencyLimit(3, key="tenant"),)))
    assert (await store.read(find_terms, "default", "t")).limits[0].n == 3


async def test_a_limit_by_another_key_finds_its_value_in_lanes_of_before(store):
    policy = TaskPolicy(limits=(ConcurrencyLimit(5, key="model"), ConcurrencyLimit(5, key="tenant")))
    await declare(store, policy)
    await submit_values(store, of("a", 4, model="x") + of("b", 4, model="x"), policy)
    await declare(store, TaskPolicy(limits=(ConcurrencyLimit(1, key="tenant"),)))
    assert tenants(await claim_all(store)) == {"a": 1, "b": 1}


async def test_other_tasks_go_on_beside_a_full_one(store):
    await declare(store, TWO)
    await submit_values(store, of("a", 10), TWO)
    await submit_items(store, 10, task="u")
    assert len(indexes(await claim_all(store, tasks=("t", "u")))) == 12


async def test_room_comes_back_from_the_dead(store):
    await declare(store, TWO)
    await submit_values(store, of("a", 10), TWO)
    await take(store, lease=1)
    assert not await claim_all(store)
    store.clock.advance(2)
    await store.write(expire_leases)
    assert len(indexes((await take(store)).slices)) == 1, "suspects come one at a time, under the same limit"


async def test_suspects_wait_for_room_too(store):
    await declare(store, TaskPolicy(limits=(ConcurrencyLimit(1, key="tenant"),)))
    await submit_values(store, of("a", 2), TWO)
    await take(store, lease=1)
    store.clock.advance(2)
    await store.write(expire_leases)
    assert len((await take(store, idle=False)).slices) == 1
    claimed = await take(store)
    assert (claimed.slices, claimed.suspects) == ([], False)


async def test_retries_releases_and_edits_keep_to_their_lane(store):
    await declare(store, TWO)
    batch_id = await submit_values(store, of("a", 3) + of("b", 3), TWO)
    first = await claim_all(store)
    await send(store, *(fail(one) for one in first))
    await run_due(store, 15)
    second = await claim_all(store)
    assert tenants(second) == {"a": 2, "b": 2}
    await send(store, *(fail(one, kind="released") for one in second))
    third = await claim_all(store)
    assert tenants(third) == {"a": 2, "b": 2}
    edited = {"tenant": "c", "n": 2}
    (waiting,) = set(range(3)) - set(indexes(third))
    raw = msgspec.json.encode(edited)
    (place,) = Laner(TWO).places([raw])
    await store.write(edit_item, batch_id, NewInput(waiting, raw, place=place), again=True)
    assert given(await claim_all(store)) == [edited]


async def test_a_retry_by_hand_finds_its_lane_again(store):
    await declare(store, TWO)
    batch_id = await submit_values(store, of("a", 5) + of("b", 5), TWO)
    while slices := await claim_all(store):
        await send(store, *(fail(one, retryable=False) for one in slices))
    assert await store.write(retry, batch_id, RetryScope()) == 10
    assert tenants(await claim_all(store)) == {"a": 2, "b": 2}


async def test_an_edit_of_what_has_ended_moves_it_to_its_new_lane(store):
    await declare(store, TWO)
    batch_id = await submit_values(store, of("a", 5), TWO)
    while slices := await claim_all(store):
        await send(store, *(fail(one, retryable=False) for one in slices))
    raw = msgspec.json.encode({"tenant": "b", "n": 0})
    (place,) = Laner(TWO).places([raw])
    await store.write(retry, batch_id, RetryScope(), inputs=[NewInput(0, raw, place=place)])
    assert tenants(await claim_all(store)) == {"a": 2, "b": 1}


async def test_nothing_is_left_of_lanes_when_the_batch_is_deleted(store):
    await declare(store, TWO)
    batch_id = await submit_values(store, of("a", 5), TWO)
    assert await drain(store) == 5
    await store.write(delete, batch_id)
    while await store.write(purge):
        pass
    (rows,) = await store.tables.fetch("select * from chunk_lane")
    assert not rows


async def test_many_lanes_are_all_served(store):
    await declare(store, TWO)
    await submit_values(store, [{"tenant": n} for n in range(300)], TWO)
    assert await drain(store, items=20) == 300


async def test_full_lanes_hide_nobody(store):
    """Whatever lanes a claim begins to look at."""
    await declare(store, TaskPolicy(limits=(ConcurrencyLimit(1, key="tenant"),)))
    await submit_values(store, [{"tenant": n % 100} for n in range(200)], TWO)
    first = []
    for _ in range(60):
        first += (await take(store, 10)).slices
        if len(indexes(first)) == 100:
            break
    assert len(indexes(first)) == 100
    await submit_values(store, [{"tenant": "new"}], TWO)
    found = []
    for _ in range(20):
        found += (await take(store)).slices
    assert given(found) == [{"tenant": "new"}]


async def test_two_who_claim_at_once_never_exceed_a_keyed_limit(store):
    await declare(store, TWO)
    store.audited = False
    await submit_values(store, [{"tenant": n % 3} for n in range(120)], TWO, per=10)
    in_flight: Counter[int] = Counter()
    most: Counter[int] = Counter()
    done = 0

    async def worker(name):
        nonlocal done
        for _ in range(60):
            slices = (await take(store, 4, worker=name)).slices
            mine = Counter(one["tenant"] for one in given(slices))
            in_flight.update(mine)
            for tenant, count in in_flight.items():
                most[tenant] = max(most[tenant], count)
            in_flight.subtract(mine)
            await send(store, *(succeed(one) for one in slices))
            done += sum(mine.values())

    await asyncio.gather(*(worker(f"w{n}") for n in range(4)))
    assert max(most.values()) <= 2
    assert done > 60
    await store.audit()


# ---------------------------------------------------------------------------------------------- groups


BATCHED = TaskPolicy(batch=BatchConfig(3, timeout=5, key="tenant"))


async def test_groups_never_mix_values_of_the_batch_key(store):
    await submit_values(store, [{"tenant": n % 2} for n in range(12)], BATCHED)
    slices = await claim_all(store)
    assert {len({one["tenant"] for one in given([piece])}) for piece in slices} == {1}
    order = [piece.lane for piece in slices]
    assert order == sorted(order, key=order.index), "lane by lane"


async def test_size_and_timer_are_per_lane(store):
    await submit_values(store, of("a", 2) + of("b", 3), BATCHED)
    claimed = await take(store)
    assert tenants(claimed.slices) == {"b": 3}
    assert (await take(store)).wait == pytest.approx(5)
    store.clock.advance(5)
    (late,) = (await take(store)).slices
    assert (late.forced, tenants([late])) == ("timeout", {"a": 2})


async def test_a_worker_with_little_appetite_gets_a_whole_group_of_a_lane(store):
    await submit_values(store, of("a", 3) + of("b", 3), BATCHED)
    assert [len(given((await take(store, 1)).slices)) for _ in range(3)] == [3, 3, 0]


async def test_projects_form_groups_of_their_own(store):
    plain = TaskPolicy(batch=BatchConfig(4, timeout=5))
    await submit_values(store, of("a", 2), plain, project="p")
    await submit_values(store, of("a", 2), plain, project="q")
    assert not (await take(store)).slices


async def test_a_limit_of_groups_counts_groups(store):
    policy = TaskPolicy(batch=BatchConfig(3, timeout=5), limits=(ConcurrencyLimit(2, unit="group"),))
    await declare(store, policy)
    for _ in range(7):
        await submit_values(store, of("a", 2), policy)  # a group is of two batches
    slices = await claim_all(store)
    assert len(given(slices)) == 6
    groups = (await store.tables.fetch("select grp, live from lease"))[0]
    sizes = Counter()
    for group, live in groups:
        sizes[group] += live
    assert sorted(sizes.values()) == [3, 3]
    one = groups[0][0]
    mine = [piece for piece, (group, _) in zip(slices, groups, strict=True) if group == one]
    await send(store, succeed(mine[0]))
    assert not await claim_all(store), "the group is still at work"
    await send(store, *(succeed(piece) for piece in mine[1:]))
    assert len(given(await claim_all(store))) == 3


async def test_a_limit_of_groups_per_value(store):
    policy = TaskPolicy(
        batch=BatchConfig(3, timeout=0, key="tenant"), limits=(ConcurrencyLimit(1, key="tenant", unit="group"),)
    )
    await declare(store, policy)
    await submit_values(store, of("a", 7) + of("b", 2), policy)
    assert tenants(await claim_all(store)) == {"a": 3, "b": 2}


async def test_a_concurrency_below_the_size_makes_smaller_groups_at_once(store):
    policy = TaskPolicy(batch=BatchConfig(5, timeout=60), limits=(ConcurrencyLimit(2, key="tenant"),))
    await declare(store, policy)
    await submit_values(store, of("a", 9), policy)
    claimed = await take(store)
    assert [(len(one.offsets), one.forced) for one in claimed.slices] == [(2, "concurrency")]


# ---------------------------------------------------------------------------------------------- what it costs


async def test_nobody_without_limits_pays(store):
    await submit_items(store, 5)
    await take(store)
    assert {name: count for name, count in store.statements.items() if name != "Now"} == {
        "claim_front": 1,
        "claim_heads": 1,
        "delete_segment": 1,
        "read_chunk": 1,
        "insert_lease": 1,
    }


@pytest.mark.parametrize("where", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_a_guard_that_another_claim_holds_keeps_nobody_from_other_tasks(store):
    from stook.store.postgres.guards import key_of

    await declare(store, TWO)
    await submit_values(store, of("a", 3), TWO)
    await submit_items(store, 4, task="u")
    other = store.tables.connection
    key = key_of("stook", "task:default:t")
    await other.execute("select pg_advisory_lock($1)", key)
    try:
        claimed = await take(store, tasks=("t", "u"))
    finally:
        await other.execute("select pg_advisory_unlock($1)", key)
    assert [(one.task, len(one.offsets)) for one in claimed.slices] == [("u", 4)]
    assert claimed.wait == pytest.approx(0.002)
    assert len(given(await claim_all(store, tasks=("t", "u")))) == 2
