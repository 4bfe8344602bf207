"""The plainest claims and settlements are one statement on PostgreSQL, and come to what the long way does."""

from __future__ import annotations

import msgspec
import pytest

from stook.core.policy import BatchConfig, ConcurrencyLimit, TaskPolicy
from stook.core.states import State
from stook.store.script.cancel_items import cancel_items
from stook.store.script.change import NewInput, edit_item
from stook.store.script.pause import pause
from stook.store.script.plain_claim import Plain
from stook.store.script.project import change_project, count_project
from stook.store.script.quota import set_batch_limit, set_quota
from stook.store.script.settle import settle
from stook.store.script.stop import cancel
from stook.store.script.sweep import expire_leases
from tests.contract.batches import (
    batch_of,
    fail,
    indexes,
    inputs,
    payload,
    policy,
    send,
    states_of,
    submit_items,
    succeed,
    take,
    take_one,
)
from tests.contract.laned import submit_values

LONG = None
"""For `store.plain`: the long way."""


async def learn(store):
    """Claims of task `t` learn that its work is plain."""
    await submit_items(store, 1)
    await send(store, succeed(await take_one(store)))


def went_plainly(store):
    """The last verb, on the database that has shortcuts."""
    return set(store.statements) <= {"claim_plain", "settle_plain", "Notify"} and store.kind == "postgres"


async def given(store, items, **options):
    found = await take(store, items, **options)
    fields = ("offsets", "payload", "task", "attempt", "round", "priority", "policy", "metadata", "project", "queue")
    return [(one.batch_id, one.first, *(getattr(one, name) for name in fields)) for one in found.slices]


async def test_a_plain_claim_is_one_statement_and_gives_what_is_next(store):
    await learn(store)
    batch_id = await submit_items(store, 600, priority=1, metadata='{"a":1}')
    first, second = [await take_one(store, 10, lease=5.0) for _ in range(2)]
    assert went_plainly(store) == (store.kind == "postgres")
    assert (first.batch_id, first.offsets, second.offsets) == (batch_id, range(10), range(10, 20))
    assert inputs(second) == [payload(index) for index in range(10, 20)]
    assert (first.attempt, first.priority, first.metadata, first.waited) == (1, 1, {"a": 1}, 0)
    assert first.lease_until == store.clock.now + 5_000_000
    both = await take(store, 1000)
    assert indexes(both.slices) == list(range(20, 600))
    assert [inputs(one)[0] for one in both.slices] == [payload(20), payload(512)]
    assert (await take(store, 10)).slices == []


async def test_the_order_is_that_of_the_long_way(store):
    await learn(store)

    async def fill(task):
        for number in range(12):
            await submit_items(store, 3 + number % 4, per=4, priority=number % 3, task=task, name=f"n{number}")

    async def claimed(plain, task):
        store.plain = plain
        found = []
        while one := await given(store, 7, tasks=(task,), slices=3):
            found += [[(name, *rest) for _, name, *rest in one]]
        return [[(first, offsets, priority) for first, offsets, _, _, _, _, priority, *_ in each] for each in found]

    plain = store.plain
    await fill("t")
    shortly = await claimed(plain, "t")
    await fill("u")
    assert [[(*one[:2], one[2]) for one in each] for each in shortly] == await claimed(LONG, "u")


async def test_a_claim_that_found_only_small_segments_looks_at_more_of_them(store):
    await learn(store)
    for _ in range(12):
        await submit_items(store, 1)
    counts = [len((await take(store, 100, slices=most)).slices) for most in (100, 3, 100)]
    assert counts == ([4, 3, 5] if store.kind == "postgres" else [12, 0, 0])
    assert store.plain.segments > 4 or store.kind == "sqlite"


async def set_task_limit(store):
    await store.write(set_quota, "task", "default", "t", 5)


async def set_queue_limit(store):
    await store.write(set_quota, "queue", "default", "q", 5)


async def pause_task(store):
    await store.write(set_quota, "task", "default", "t", None, paused=True)


async def limit_batch(store):
    await store.write(set_batch_limit, store.newest, 5)


async def cancel_some(store):
    await store.write(cancel_items, store.newest, [1, 3])


async def change_some(store):
    await store.write(edit_item, store.newest, NewInput(2, b'"changed"'), again=False)


async def pause_batch(store):
    await store.write(pause, store.newest, reason="")


async def add_another_project(store):
    store.other = await submit_items(store, 20, project="p", queue="q")


async def lose_a_worker(store):
    await take_one(store, 10, lease=1.0)
    store.clock.advance(2)
    await store.write(expire_leases)


async def clear(store):
    for batch_id in (store.newest, getattr(store, "other", None)):
        if batch_id is not None:
            await store.write(cancel, batch_id, hard=True, reason="")
    store.clock.advance(3600)
    while await store.write(expire_leases):
        pass
    for scope, name in (("task", "t"), ("queue", "q")):
        await store.write(set_quota, scope, "default", name, None, paused=False)


AWRY = [
    set_task_limit,
    set_queue_limit,
    pause_task,
    limit_batch,
    cancel_some,
    change_some,
    pause_batch,
    add_another_project,
    lose_a_worker,
]


@pytest.mark.parametrize("go_awry", AWRY, ids=lambda one: one.__name__)
async def test_what_is_not_plain_is_claimed_as_ever(store, go_awry):
    """The same happens to two tasks; of one everything is claimed the long way."""

    async def run(plain):
        seen = []
        store.newest = await submit_items(store, 20, per=8, queue="q")
        store.plain = None if plain is None else Plain()
        if plain is not None:  # it has seen a plain item before
            await submit_items(store, 1, priority=9)
            await send(store, succeed(await take_one(store, 1)))
        await go_awry(store)
        for _ in range(8):
            found = await take(store, 6, slices=2)
            seen.append([(indexes(one), inputs(one), one.exclusive, one.project) for one in found.slices])
            if found.slices:
                await send(store, *(succeed(one) for one in found.slices[1:]))
        await clear(store)
        return seen

    shortly = await run(Plain)
    assert shortly == await run(LONG)


async def test_batched_tasks_and_keyed_ones_are_left_to_the_long_way(store):
    await learn(store)
    grouped = policy(batch=BatchConfig(size=4))
    await submit_items(store, 8, policy=grouped)
    await take(store, 4)
    assert not went_plainly(store)
    assert list(store.plain.policies) == [policy()]
    keyed = TaskPolicy(limits=(ConcurrencyLimit(1, key="k"),))
    await submit_values(store, [{"k": 1}, {"k": 1}, {"k": 2}], keyed, task="keyed")
    assert [len(one.offsets) for one in (await take(store, 9, tasks=("keyed",))).slices] == [1, 1]
    assert (await take(store, 9, tasks=("keyed",))).slices == []


@pytest.mark.parametrize("of", ["definition", "quota"])
async def test_a_limit_that_is_far_costs_nothing_and_one_that_is_near_holds(store, of):
    terms = policy(limits=(ConcurrencyLimit(25),)) if of == "definition" else policy()
    if of == "quota":
        await store.write(set_quota, "task", "default", "t", 25)
    await submit_items(store, 60, policy=terms)
    held, plainly = [], []
    for _ in range(6):
        held += (await take(store, 6)).slices
        plainly.append(went_plainly(store))
    assert len(indexes(held)) == 25
    known = 1 if of == "quota" else 2  # the first claim of work with terms declares them
    assert plainly == [store.kind == "postgres" and known <= turn < 4 for turn in range(6)]
    await send(store, *(succeed(one) for one in held))
    assert len(indexes((await take(store, 10)).slices)) == 10
    assert went_plainly(store) == (store.kind == "postgres")


async def test_a_task_at_its_limit_is_passed_over_for_others(store):
    await store.write(set_quota, "task", "default", "t", 4)
    for task in ("t", "u"):
        await submit_items(store, 30, task=task, priority=int(task == "t"))
    tasks = ("t", "u")
    await take(store, 4, tasks=tasks)
    await take(store, 4, tasks=tasks)
    found = await take(store, 4, tasks=tasks)
    assert {one.task for one in found.slices} == {"u"}
    assert went_plainly(store) == (store.kind == "postgres")


async def test_changed_terms_hold_at_once(store):
    await store.write(set_quota, "task", "default", "t", 100)
    await submit_items(store, 60)
    assert [len(indexes((await take(store, 10)).slices)) for _ in range(2)] == [10, 10]
    await store.write(set_quota, "task", "default", "t", 21)
    assert [len(indexes((await take(store, 10)).slices)) for _ in range(2)] == [1, 0]


async def test_a_plain_settlement_is_one_statement_and_writes_what_the_long_one_does(store):
    async def run(settling):
        batch_id = await submit_items(store, 30, per=20)
        store.clock.advance(1)
        one = await take_one(store, 10)
        await store.write(settle, settling(one), store.draw)
        plainly = went_plainly(store)
        row = msgspec.structs.asdict(await batch_of(store, batch_id))
        (outcomes,) = await store.tables.fetch("select * from outcome order by settle")
        kept = {name: value for name, value in row.items() if name not in ("id", "created_at", "sealed_at")}
        found = [tuple(one[1:]) for one in outcomes if one[0] == batch_id], kept, await states_of(store, batch_id)
        await store.write(cancel, batch_id, hard=True, reason="")
        return plainly, found, store.clock.now

    store.plain = LONG
    plainly, shortly, then = await run(lambda one: [succeed(one)])
    assert plainly == (store.kind == "postgres")
    # The second names no lease that is held: with it nothing is plain.
    plainly, long, now = await run(lambda one: [succeed(one), msgspec.structs.replace(succeed(one), token=1)])
    assert not plainly
    rows = [[value + now - then if value == then else value for value in row] for row in shortly[0]]
    assert rows == [list(row) for row in long[0]]
    assert shortly[1] | {"started_at": 0, "rank": 0} == long[1] | {"started_at": 0, "rank": 0}
    assert shortly[1]["started_at"] == then
    assert shortly[2] == long[2] == bytes([State.succeeded] * 10 + [State.queued] * 20)


async def test_the_last_of_a_batch_closes_it(store):
    await learn(store)
    batch_id = await submit_items(store, 4)
    first, last = await take_one(store, 2), await take_one(store, 2)
    await send(store, succeed(first))
    assert went_plainly(store) == (store.kind == "postgres")
    answer = await send(store, succeed(last))
    assert (answer.closed, (await batch_of(store, batch_id)).ended) == ([batch_id], "succeeded")


async def test_part_of_a_lease_and_what_is_lost_are_settled_as_ever(store):
    await learn(store)
    batch_id = await submit_items(store, 20)
    part, gone = await take_one(store, 5), await take_one(store, 5, lease=1.0)
    await send(store, succeed(part, range(2)))
    await send(store, succeed(part, [2, 4]))
    store.clock.advance(2)
    await store.write(expire_leases)
    assert (await send(store, succeed(gone))).lost == [gone.token]
    assert (await batch_of(store, batch_id)).succeeded == 4
    assert (await send(store, succeed(part, [3]))).lost == []
    assert (await send(store, succeed(part))).lost == [part.token]


async def test_what_is_cancelled_meanwhile_ends_so(store):
    await learn(store)
    batch_id = await submit_items(store, 20)
    one, other = await take_one(store, 5), await take_one(store, 5)
    await store.write(cancel_items, batch_id, [1])
    await send(store, succeed(one))
    row = await batch_of(store, batch_id)
    assert (row.succeeded, row.cancelled) == (4, 1)
    await store.write(cancel, batch_id, hard=True, reason="")
    await send(store, succeed(other))
    row = await batch_of(store, batch_id)
    assert (row.succeeded, row.cancelled, row.ended) == (4, 16, "cancelled")


async def test_a_streak_of_failures_ends_and_counted_queues_are_told(store):
    await learn(store)
    await store.write(change_project, "default", {"max_queued_items": 1000})
    await store.write(count_project, "default")
    batch_id = await submit_items(store, 20, policy=policy(max_attempts=1))
    await send(store, fail(await take_one(store, 2)))
    assert (await batch_of(store, batch_id)).streak == 2
    await send(store, succeed(await take_one(store, 2)))
    assert (await batch_of(store, batch_id)).streak == 0
    assert not went_plainly(store)
