"""Throttled and debounced invocations."""

from __future__ import annotations

import asyncio

import pytest

from stook.core.invocation import Throttling
from stook.store.script.read.execution_view import show_item
from stook.store.script.spent_keys import purge_spent_keys
from tests.contract.batches import claim_all, drain, inputs, payload, run_due, send, succeed, take_one
from tests.contract.invocations import call, debounced, item, keyed, throttled
from tests.contract.moving_clock import SECOND


async def runs(store):
    return [one for slice_ in await claim_all(store, 1) for one in inputs(slice_)]


async def test_the_first_wins_for_a_period_from_its_acceptance(store):
    first = await call(store, throttled(0, 60))
    store.clock.advance(59.999)
    again = await call(store, throttled(1, 60))
    assert (again.places, again.reasons, again.created) == ([None], ["throttled"], [False])
    assert again.receipts[0].blocked_by == first.places[0]
    store.clock.advance(0.001)
    third = await call(store, throttled(2, 60))
    assert third.created == [True]
    assert (await call(store, throttled(3, 60))).receipts[0].blocked_by == third.places[0]


async def test_what_is_throttled_starts_no_period(store):
    await call(store, throttled(0, 10))
    store.clock.advance(9)
    assert (await call(store, throttled(1, 10))).reasons == ["throttled"]
    store.clock.advance(1)
    assert (await call(store, throttled(2, 10))).created == [True]


async def test_the_end_of_the_first_ends_nothing(store):
    await call(store, throttled(0, 60))
    assert await drain(store) == 1
    assert (await call(store, throttled(1, 60))).reasons == ["throttled"]


async def test_the_period_is_that_of_the_accepted_call(store):
    await call(store, throttled(0, 10))
    store.clock.advance(11)
    assert (await call(store, throttled(1, 3600))).created == [True]


async def test_keys_and_tasks_are_apart(store):
    await call(store, throttled(0, 60, "a"))
    assert (await call(store, throttled(1, 60, "b"), throttled(2, 60, ""))).created == [True, True]
    assert (await call(store, throttled(3, 60, "a"), task="u")).created == [True]


async def test_of_one_call_the_first_wins(store):
    made = await call(store, throttled(0, 60), item(1), throttled(2, 60), throttled(3, 60, "b"))
    assert made.reasons == [None, None, "throttled", None]
    assert made.receipts[2].blocked_by == made.places[0]
    assert sorted(await runs(store)) == [payload(0), payload(1), payload(3)]


async def test_throttling_is_asked_before_the_dedupe_key(store):
    await call(store, keyed(0, "d", throttle=Throttling("k", 60 * SECOND)))
    again = await call(store, keyed(1, "d", throttle=Throttling("k", 60 * SECOND)))
    assert again.reasons == ["throttled"]
    store.clock.advance(60)
    assert (await call(store, keyed(2, "d", throttle=Throttling("k", 60 * SECOND)))).reasons == ["duplicate"]
    assert (await call(store, throttled(3, 60))).created == [True], "a duplicate started a period"


async def test_a_duplicate_in_a_call_leaves_the_period_to_the_next(store):
    await call(store, keyed(0, "d"))
    both = await call(store, keyed(1, "d", throttle=Throttling("k", 60 * SECOND)), throttled(2, 60))
    assert both.reasons == ["duplicate", None]


async def test_many_at_once_let_one_through(store, other):
    calls = await asyncio.gather(*(call(store, throttled(n, 60), other=[store, other][n % 2]) for n in range(12)))
    (winner,) = [one for one in calls if one.created == [True]]
    assert all(one.receipts[0].blocked_by == winner.places[0] for one in calls if one is not winner)
    assert len(await runs(store)) == 1


# ------------------------------------------------------------------------------------------------ debounce


async def test_one_run_at_the_end_of_the_period_with_the_last_payload(store):
    first = await call(store, debounced(0, 10))
    store.clock.advance(4)
    second = await call(store, debounced(1, 10))
    store.clock.advance(5)
    third = await call(store, debounced(2, 10))
    assert (first.reasons, second.reasons, third.reasons) == ([None], ["debounced"], ["debounced"])
    assert first.places == second.places == third.places
    await run_due(store, 0.9)
    assert await runs(store) == []
    await run_due(store, 0.1)
    assert await runs(store) == [payload(2)]


async def test_a_call_replaces_the_priority_too(store):
    await call(store, debounced(0, 1), item(9, priority=5, delay=SECOND))
    more = debounced(1, 1)
    more.priority = 7
    await call(store, more)
    await run_due(store, 1)
    assert await runs(store) == [payload(1), payload(9)]


async def test_what_is_late_is_still_debounced_until_it_starts(store):
    first = await call(store, debounced(0, 1))
    await run_due(store, 50)
    assert (await call(store, debounced(1, 1))).places == first.places
    one = await take_one(store)
    assert inputs(one) == [payload(1)]
    new = await call(store, debounced(2, 1))
    assert (new.created, new.own) == ([True], [0])
    await send(store, succeed(one))
    await run_due(store, 1)
    assert await runs(store) == [payload(2)]


async def test_reset_pushes_it_up_to_the_longest_wait(store):
    async def again(n):
        return await call(store, debounced(n, 10, reset=True, wait=25))

    first = await again(0)
    for n in (1, 2):
        store.clock.advance(9)
        assert (await again(n)).places == first.places
    await run_due(store, 6.9)
    assert await runs(store) == []
    await run_due(store, 0.1)  # 25 s after the first, 7 s after the last
    assert await runs(store) == [payload(2)]


async def test_reset_without_a_longest_wait_pushes_it_for_ever(store):
    await call(store, debounced(0, 10, reset=True))
    for n in range(1, 8):
        await run_due(store, 9)
        assert (await call(store, debounced(n, 10, reset=True))).reasons == ["debounced"]
    await run_due(store, 10)
    assert await runs(store) == [payload(7)]


async def test_of_one_call_the_last_payload_counts(store):
    made = await call(store, debounced(0, 1), debounced(1, 1), debounced(2, 1, "other"))
    assert made.reasons == ["folded", None, None]
    assert made.own == [0, 0, 1]
    await run_due(store, 1)
    assert await runs(store) == [payload(1), payload(2)]


async def test_many_at_once_make_one_execution(store, other):
    calls = await asyncio.gather(*(call(store, debounced(n, 5), other=[store, other][n % 2]) for n in range(12)))
    assert sorted(one.reasons[0] or "" for one in calls) == ["", *["debounced"] * 11]
    await run_due(store, 5)
    assert len(await runs(store)) == 1


async def test_a_claim_and_a_debounced_call_at_once_never_lose_a_payload(store, other):
    """Either the call is in time, or it opens a new period."""
    for n in range(8):
        store.audited = False
        first = await call(store, debounced(2 * n, 1))
        await run_due(store, 1)
        taken, second = await asyncio.gather(
            claim_all(store), call(store, debounced(2 * n + 1, 1), other=other), return_exceptions=False
        )
        found = [one for slice_ in taken for one in inputs(slice_)]
        if second.places == first.places:
            found += await runs(store)
            assert found == [payload(2 * n + 1)]
        else:
            assert found == [payload(2 * n)]
            await run_due(store, 1)
            assert await runs(store) == [payload(2 * n + 1)]


# ------------------------------------------------------------------------------------------------ what is left of it


async def test_ended_periods_are_purged_and_pending_ones_are_not(store):
    await call(store, throttled(0, 10), debounced(1, 10, "d"))
    assert await store.write(purge_spent_keys) == 0
    await run_due(store, 10)
    assert await store.write(purge_spent_keys) == 1
    assert (await call(store, debounced(2, 10, "d"))).reasons == ["debounced"]
    await drain(store)
    store.clock.advance(10)
    assert await store.write(purge_spent_keys) == 1
    rows = await store.tables.fetch("select key from throttle", "select key from debounce")
    assert rows == [[], []]


@pytest.mark.parametrize("kind", ["throttle", "debounce"])
async def test_statements_do_not_grow_with_the_items(store, kind):
    counts = []
    store.audited = False
    for count in (2, 700):
        items = [
            throttled(n, 60, f"{count}-{n}") if kind == "throttle" else debounced(n, 60, f"{count}-{n}")
            for n in range(count)
        ]
        await call(store, *items)
        await call(store, *items)
        counts.append(dict(store.statements))
    assert counts[0] == counts[1]


async def test_a_debounced_execution_says_what_it_was_submitted_with(store):
    made = await call(store, debounced(0, 1))
    await call(store, debounced(1, 1))
    view = await store.read(show_item, made.batch, 0)
    assert (view.item.input, view.original) == (payload(1), payload(0))
