"""Whose turn it is: between batches by start-time fair queuing, between projects by what each has in flight."""

from __future__ import annotations

from collections import Counter

import pytest

from stook.core.errors import OptionError
from stook.store.script.pause import pause, resume
from stook.store.script.quota import set_weight
from stook.store.script.submit import append, create_batch, seal
from tests.contract.batches import (
    chunked,
    claim_all,
    fail,
    indexes,
    new_batch,
    payloads,
    run_due,
    send,
    submit_items,
    succeed,
    take,
    take_one,
)


async def served(store, count, items=64, **options):
    """Which batch was given how much by the next `count` claims; what was given succeeds at once."""
    given: Counter[bytes] = Counter()
    for _ in range(count):
        slices = (await take(store, items, **options)).slices
        for one in slices:
            given[one.batch_id] += len(one.offsets)
        await send(store, *(succeed(one) for one in slices))
    return given


async def large(store, items=1_000_000):
    new = new_batch(store)
    await store.write(create_batch, new)
    for at in range(0, items, 200 * 512):
        await store.write(append, new.id, chunked(payloads(min(200 * 512, items - at))), at=at)
    await store.write(seal, new.id)
    return new.id


async def test_ten_items_behind_a_million_are_served_within_the_next_claims(store):
    store.audited = False
    big = await large(store)
    await served(store, 3, 4096)
    small = await submit_items(store, 10)
    given = await served(store, 2, 512)
    assert given[small] == 10
    assert given[big] > 0
    await store.audit()


async def test_two_large_batches_share_the_workers_evenly_whoever_came_first(store):
    first = await submit_items(store, 6000, per=100)
    await served(store, 20)
    second = await submit_items(store, 6000, per=100)
    given = await served(store, 40)
    assert abs(given[first] - given[second]) <= 200


async def test_a_batch_that_arrives_in_parts_gains_nothing_by_it(store):
    whole = await submit_items(store, 4000, per=100)
    parts = await submit_items(store, 400, per=100, sealed=False)
    for _ in range(9):
        await store.write(append, parts, chunked(payloads(400), 100))
    given = await served(store, 40)
    assert abs(given[whole] - given[parts]) <= 200


async def test_a_batch_that_has_lived_long_is_not_behind_one_that_came_after(store):
    """What it was given before, while nobody waited, is not held against it."""
    old = await submit_items(store, 5000, sealed=False)
    await served(store, 12, 512)
    new = await submit_items(store, 20_000)
    await store.write(append, old, chunked(payloads(10)))
    given = await served(store, 3, 512)
    assert given[old] == 10
    assert given[new] > 0


async def test_many_items_that_fall_due_at_once_do_not_starve_ten_that_come_then(store):
    store.audited = False
    later = await submit_items(store, 20_000, per=100, run_at=store.clock.after(10))
    assert await run_due(store, 10) == 200
    small = await submit_items(store, 10)
    given = await served(store, 3, 128)
    assert given[small] == 10
    assert given[later] > 0


async def test_many_retries_that_fall_due_at_once_do_not_starve_ten_that_come_then(store):
    store.audited = False
    failing = await submit_items(store, 10_000, per=50)
    for one in await claim_all(store, 2000):
        await send(store, fail(one))
    await run_due(store, 15)
    small = await submit_items(store, 10)
    given = await served(store, 3, 128)
    assert given[small] == 10
    assert given[failing] > 0


async def test_items_scheduled_for_tomorrow_do_not_hold_back_todays_of_the_same_batch(store):
    batch_id = await submit_items(store, 10, sealed=False)
    await store.write(append, batch_id, chunked(payloads(5000)), run_at=store.clock.after(86400))
    other = await submit_items(store, 5000, per=100)
    await store.write(append, batch_id, chunked(payloads(10)))
    given = await served(store, 4, 128)
    assert given[batch_id] == 20
    assert given[other] > 0


async def test_a_task_that_nobody_works_for_does_not_hold_the_others_front_back(store):
    """Without workers its first item keeps its old rank: what comes later must not start there too."""
    await submit_items(store, 1, task="unserved")
    first = await submit_items(store, 6000, per=100)
    await served(store, 40)
    second = await submit_items(store, 6000, per=100)
    given = await served(store, 40)
    assert abs(given[first] - given[second]) <= 200


async def test_a_resumed_batch_stands_where_a_new_one_would(store):
    paused = await submit_items(store, 3000, per=100)
    await store.write(pause, paused, reason="")
    other = await submit_items(store, 3000, per=100)
    await served(store, 20)
    await store.write(resume, paused, ramp=False)
    given = await served(store, 20)
    assert abs(given[paused] - given[other]) <= 200


async def test_projects_share_evenly_what_runs(store):
    many = [await submit_items(store, 500, per=50, project="a") for _ in range(5)]
    one = await submit_items(store, 500, per=50, project="b")
    slices = [one for _ in range(20) for one in (await take(store, 10)).slices]
    given = Counter(one.batch_id for one in slices for _ in one.offsets)
    assert given[one] == sum(given[batch] for batch in many) == 100


async def test_weights_scale_the_share(store):
    await store.write(set_weight, "a", 3.0)
    heavy = await submit_items(store, 500, per=50, project="a")
    light = await submit_items(store, 500, per=50, project="b")
    slices = [one for _ in range(40) for one in (await take(store, 10)).slices]
    given = Counter(one.batch_id for one in slices for _ in one.offsets)
    assert (given[heavy], given[light]) == (300, 100)


async def test_what_a_project_finishes_frees_its_share(store):
    """Share is of what is in flight, not of what ever ran: an idle project's share is not saved up."""
    early = await submit_items(store, 300, per=10, project="a")
    await served(store, 10, 10)
    late = await submit_items(store, 300, per=10, project="b")
    slices = [one for _ in range(10) for one in (await take(store, 10)).slices]
    given = Counter(one.batch_id for one in slices for _ in one.offsets)
    assert given == {early: 50, late: 50}


async def test_priority_is_before_the_projects_share(store):
    await submit_items(store, 100, project="a")
    urgent = await submit_items(store, 100, project="b", priority=1)
    assert indexes((await take(store, 100)).slices) == list(range(100))
    assert (await take_one(store)).batch_id != urgent


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
async def test_a_weight_is_a_positive_number(store, weight):
    with pytest.raises(OptionError):
        await store.write(set_weight, "a", weight)
