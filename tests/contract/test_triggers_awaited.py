"""Executions that wait for an event get the first since their creation that is for them, whoever comes first."""

from __future__ import annotations

import pytest

from stook.store.script import awaited_events
from stook.store.script.cancel_items import cancel_items
from stook.store.script.errands import run_errands
from tests.contract.batches import send, submit_items, take, take_one
from tests.contract.durable import errands, event, parent_waits, remembered, suspended, suspension_of, woken
from tests.contract.test_triggers_events import tell


async def test_an_event_wakes_who_waits_for_it(store):
    await parent_waits(store, event("paid", "paid"))
    await tell(store, "sent", 1)
    await errands(store)
    assert (await take(store)).slices == []
    await tell(store, "paid", {"id": 7})
    await errands(store)
    one = await take_one(store)
    assert (one.attempt, remembered(one)) == (1, {"paid": {"id": 7}})


async def test_an_event_since_its_creation_counts_as_well(store):
    await submit_items(store, 1)
    one = await take_one(store)
    store.clock.advance(1)
    await tell(store, "paid", 1)
    store.clock.advance(1)
    await tell(store, "paid", 2)
    await errands(store)
    await send(store, suspended(one, event("p", "paid")))
    await errands(store)
    assert remembered(await take_one(store)) == {"p": 1}


async def test_an_event_before_its_creation_does_not(store):
    await tell(store, "paid", 1)
    store.clock.advance(1)
    batch_id = await parent_waits(store, event("p", "paid"))
    await errands(store)
    assert await suspension_of(store, batch_id) == [(0, 1)]


@pytest.mark.parametrize("emitted_first", [True, False])
async def test_whichever_commits_first_the_other_sees_it(store, emitted_first):
    """Both have asked before anything is done."""
    await submit_items(store, 1)
    one = await take_one(store)
    if emitted_first:
        await tell(store, "paid", 1)
    await send(store, suspended(one, event("p", "paid")))
    if not emitted_first:
        await tell(store, "paid", 1)
    await errands(store)
    assert remembered(await take_one(store)) == {"p": 1}


@pytest.mark.parametrize("late", [True, False], ids=["the wait comes later", "the wait was there"])
async def test_only_what_matches(store, late):
    wait = event("p", "paid", match=b'{"order":{"id":7},"ok":true}')
    batch_id = await submit_items(store, 1)
    one = await take_one(store)
    if not late:
        await send(store, suspended(one, wait))
    payloads = [
        None,
        {"order": {"id": 8}, "ok": True},
        {"order": {"id": 7}, "ok": 1},
        {"order": [{"id": 7}], "ok": True},
        {"order": {"id": 7, "total": 9}, "ok": True, "at": 5},
        {"order": {"id": 7}, "ok": True},
    ]
    for payload in payloads:
        store.clock.advance(0.001)
        await tell(store, "paid", payload)
    if late:
        await errands(store)
        await send(store, suspended(one, wait))
    await errands(store)
    assert await suspension_of(store, batch_id) == []
    assert remembered(await take_one(store)) == {"p": payloads[4]}


async def test_many_pages_are_looked_through(store, monkeypatch):
    monkeypatch.setattr(awaited_events, "PAGE", 2)
    await submit_items(store, 1)
    one = await take_one(store)
    for number in range(7):
        await tell(store, "paid", {"n": number})
    await errands(store)
    await send(store, suspended(one, event("p", "paid", match=b'{"n":6}')))
    await errands(store)
    assert remembered(await take_one(store)) == {"p": {"n": 6}}


async def test_one_event_is_for_all_who_wait(store):
    await parent_waits(store, event("p", "paid"), count=3)
    await parent_waits(store, event("q", "paid"), event("r", "paid"), project="default")
    await parent_waits(store, event("p", "paid"), project="other")
    await tell(store, "paid", 1)
    await errands(store)
    found = [remembered(one, offset) for one in (await take(store)).slices for offset in one.offsets]
    assert sorted(map(str, found)) == ["{'p': 1}"] * 3 + ["{'q': 1, 'r': 1}"]


async def test_an_event_is_delivered_once(store):
    await parent_waits(store, event("p", "paid"))
    await tell(store, "paid", 1)
    await tell(store, "paid", 2)
    await errands(store)
    one = await take_one(store)
    assert remembered(one) == {"p": 1}
    await tell(store, "paid", 3)
    await errands(store)
    assert (await take(store)).slices == []


async def test_who_is_cancelled_or_too_late_gets_none(store):
    cancelled = await parent_waits(store, event("p", "paid"))
    await parent_waits(store, event("p", "paid", seconds=5))
    await tell(store, "paid", 1)
    await store.write(cancel_items, cancelled, [0])
    assert await woken(store, 6) == 1
    await errands(store)
    one = await take_one(store)
    assert remembered(one)["p"].kind == "timeout"
    assert (await take(store)).slices == []


async def test_nobody_waits(store):
    await tell(store, "paid", 1)
    assert await store.write(run_errands) == 1
    assert await store.write(run_errands) == 0
