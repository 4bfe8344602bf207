"""Daily maintenance: once a day for each queue, by one program; and what it forgets."""

from __future__ import annotations

import asyncio

from stook.core.daily import DAY, MINUTE, minute_of
from stook.store.script.daily import claim_days, forget_silent
from stook.store.script.next_run import next_run
from stook.store.script.orchestrator_row import Program, forget_program, list_programs, see_program
from stook.store.script.worker_row import list_workers, see_worker
from tests.contract.batches import fail, run_due, send, submit_items, take_one

DAYS = 86_400


def until_turn(store, queue):
    """Seconds until its next moment."""
    return ((minute_of(queue) * MINUTE - store.clock.now) % DAY) / 1_000_000


async def test_a_queue_has_its_turn_once_a_day_at_its_own_minute(store):
    assert await store.write(claim_days, ["mail"]) == []
    store.clock.advance(until_turn(store, "mail") - 0.000001)
    assert await store.write(claim_days, ["mail"]) == []
    store.clock.advance(0.000001)
    assert await store.write(claim_days, ["mail", "other"]) == ["mail"]
    assert await store.write(claim_days, ["mail"]) == []
    store.clock.advance(DAYS)
    assert await store.write(claim_days, ["mail", "other"]) == ["mail", "other"]


async def test_of_many_programs_one_has_it(store):
    await store.write(claim_days, ["mail"])
    store.clock.advance(DAYS)
    taken = await asyncio.gather(*(store.write(claim_days, ["mail"]) for _ in range(5)))
    assert sorted(taken) == [[], [], [], [], ["mail"]]


async def test_a_day_that_nobody_was_there_is_made_up_for_once(store):
    await store.write(claim_days, ["mail"])
    store.clock.advance(5 * DAYS)
    assert [await store.write(claim_days, ["mail"]) for _ in range(2)] == [["mail"], []]


async def test_by_hand_it_is_done_at_any_time_and_counts_for_the_day(store):
    await store.write(claim_days, ["mail"])
    store.clock.advance(until_turn(store, "mail"))
    assert await store.write(claim_days, ["mail"], forced=True) == ["mail"]
    assert await store.write(claim_days, ["mail"]) == []


async def test_silent_workers_and_programs_are_forgotten_unless_they_hold_something(store):
    for name in ("dead", "holds", "late"):
        await store.write(see_worker, name, "h", "1:1", "[]")
    await store.write(see_program, Program("p", "h", "1:1", "1", 1))
    await submit_items(store, 1)
    await take_one(store, worker="holds", lease=10**6)
    store.clock.advance(100)
    await store.write(see_worker, "late", "h", "1:1", "[]")
    assert await store.write(forget_silent, 100_000_000) == 0
    store.clock.advance(0.000001)
    assert await store.write(forget_silent, 100_000_000) == 2
    assert [row[0] for row in await store.read(list_workers)] == ["holds", "late"]
    assert list(await store.read(list_programs)) == []


async def test_a_program_is_there_until_it_says_that_it_leaves(store):
    one = Program("one", "host", "1:1", "0.1", 14)
    assert await store.write(see_program, one) is None
    store.clock.advance(10)
    assert await store.write(see_program, one) is None
    (row,) = await store.read(list_programs)
    assert tuple(row) == ("one", "host", "1:1", "0.1", 14, store.clock.after(-10), store.clock.after(0), None)
    await store.write(forget_program, "one")
    assert list(await store.read(list_programs)) == []


# --------------------------------------------------------------------------------- what is due next, of some tasks


async def test_the_next_run_is_the_first_retry_or_the_end_of_a_lease(store):
    assert await store.read(next_run, ["t"]) is None
    await submit_items(store, 2, per=1)
    assert await store.read(next_run, ["t"]) is None
    first, _ = await take_one(store, lease=40), await take_one(store, lease=50)
    assert await store.read(next_run, ["t"]) == 40_000_000
    assert await store.read(next_run, ["other"]) is None
    await send(store, fail(first))
    assert await store.read(next_run, ["t", "other"]) == 15_000_000
    await run_due(store, 15)
    assert await store.read(next_run, ["t"]) == 35_000_000
