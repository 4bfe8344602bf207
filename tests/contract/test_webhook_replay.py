"""Sending again: the same event and body, a new run of the schedule; what carried the earlier run is over."""

from __future__ import annotations

import pytest

from stook.core.errors import NotFound, OptionError
from stook.engine.deliveries import Dead, Deliveries, Done, Retry
from stook.engine.webhooks import EndpointChanges, Webhooks
from stook.store.script import webhook_replay
from tests.contract.batches import drain, submit_items
from tests.contract.hooked import OK, add_endpoint, answered, attempt, carried, deliver, deliveries_of, events


@pytest.fixture
def webhooks(store):
    return Webhooks(store, "default")


async def ended(store, count=1):
    before = {row[0] for row in await deliveries_of(store, "id")}
    for _ in range(count):
        await submit_items(store, 1)
    await drain(store)
    return [row[0] for row in await deliveries_of(store, "id") if row[0] not in before]


async def kill(store, delivery, run=1):
    there = Deliveries(store, schedule=(0,))
    sending = await there.begin(delivery, run)
    assert isinstance(await there.record(delivery, run, sending.attempt, answered(500), 0.5), Dead)


async def test_one_is_sent_again_as_the_next_run(store, webhooks):
    await add_endpoint(store)
    (delivery,) = await ended(store)
    await kill(store, delivery)
    before = await webhooks.delivery(delivery)
    await webhooks.replay_one(delivery)
    after = await webhooks.delivery(delivery)
    assert (after.delivery.state, after.delivery.run, after.delivery.attempt) == ("pending", 2, 0)
    assert (after.body, after.delivery.event_id) == (before.body, before.delivery.event_id)
    assert await attempt(store, delivery, 2, answered(500)) == Retry(5.0), "the schedule begins anew"
    assert await attempt(store, delivery, 2, OK) == Done()
    assert [(one.run, one.attempt) for one in (await webhooks.delivery(delivery)).attempts][-2:] == [(2, 1), (2, 2)]


async def test_what_carries_an_earlier_run_finds_it_over(store, webhooks):
    await add_endpoint(store)
    (delivery,) = await ended(store)
    there = Deliveries(store)
    sending = await there.begin(delivery, 1)
    await webhooks.replay_one(delivery)
    assert await there.record(delivery, 1, sending.attempt, answered(410), 0.5) == Done()
    assert (await webhooks.delivery(delivery)).attempts == []
    assert (await webhooks.get("whe_a")).status == "enabled"
    found = await carried(store)
    assert sorted(run for _, _, _, run in found) == [1, 2]
    assert await there.begin(delivery, 1) is None
    assert (await there.begin(delivery, 2)).attempt == 1


async def test_all_dead_since(store, webhooks, monkeypatch):
    monkeypatch.setattr(webhook_replay, "BITE", 2)
    await add_endpoint(store)
    (early,) = await ended(store)
    await kill(store, early)
    store.clock.advance(100)
    since = store.clock.now
    late = await ended(store, 3)
    (fine,) = await ended(store)
    for delivery in late:
        await kill(store, delivery)
    await attempt(store, fine, 1, OK)
    assert await webhooks.replay("whe_a", since=since, state="dead") == 3
    states = {row[0]: row[1:] for row in await deliveries_of(store, "id", "state", "run")}
    assert states == {early: ("dead", 1), fine: ("delivered", 1), **dict.fromkeys(late, ("pending", 2))}
    assert await webhooks.replay("whe_a", state="dead") == 1


async def test_all_events_since_with_those_written_while_it_was_disabled(store, webhooks, monkeypatch):
    monkeypatch.setattr(webhook_replay, "BITE", 2)
    await add_endpoint(store)
    await ended(store)
    store.clock.advance(100)
    since = store.clock.now
    (known,) = await ended(store)
    store.clock.advance(1)
    await webhooks.disable("whe_a", "for now")
    assert await ended(store, 4) == []
    store.clock.advance(1)
    await webhooks.enable("whe_a")
    assert await webhooks.replay("whe_a", since=since) == 5
    found = await deliveries_of(store, "event_id", "run", "state")
    assert sorted(run for _, run, _ in found) == [1, 1, 1, 1, 1, 2]
    assert {event for event, *_ in found} == {one["id"] for one in await events(store)}
    assert (await webhooks.delivery(known)).delivery.run == 2
    sent = {(delivery, run) for _, _, delivery, run in await carried(store)}
    assert sent  # what it takes at once
    assert await webhooks.replay("whe_a", since=since) == 5, "again is once more"
    assert len(await deliveries_of(store, "id")) == 6


async def test_only_what_it_wants_now(store, webhooks):
    await add_endpoint(store, "all")
    await add_endpoint(store, tasks=["u"])
    await ended(store, 2)
    assert await webhooks.replay("whe_a") == 0
    await webhooks.update("whe_a", EndpointChanges(tasks=[]))
    assert await webhooks.replay("whe_a") == 2
    assert await webhooks.replay("whe_all") == 2


async def test_what_is_not_there(store, webhooks):
    await add_endpoint(store)
    for act in (
        webhooks.replay_one("dlv_x"),
        webhooks.replay("whe_x"),
        webhooks.delivery("\0"),
        webhooks.test("\ud800"),
    ):
        with pytest.raises(NotFound):
            await act
    with pytest.raises(OptionError, match="state='odd'"):
        await webhooks.replay("whe_a", state="odd")
    (delivery,) = await ended(store)
    with pytest.raises(NotFound):
        await Webhooks(store, "other").replay_one(delivery)


async def test_the_log_is_listed_by_what_is_asked_for(store, webhooks):
    await add_endpoint(store, "a", events=["batch.finished", "execution.succeeded"])
    await add_endpoint(store, "b")
    batch = await submit_items(store, 2)
    await drain(store)
    store.clock.advance(5)
    since = store.clock.now
    await submit_items(store, 1)
    await drain(store)
    await deliver(store)
    await webhooks.test("whe_b")
    event = (await events(store))[0]["id"]

    async def count(**asked):
        found, _ = await webhooks.deliveries(**asked)
        return len(found)

    assert await count() == 8
    assert await count(endpoint="whe_a") == 5
    assert await count(endpoint="whe_b", state="pending") == 1
    assert await count(state="delivered") == 7
    assert await count(batch=batch) == 4
    assert await count(batch=batch, index=1) == 1
    assert await count(event=event) == 1
    assert await count(event="execution.succeeded", endpoint="whe_a", batch=batch) == 2
    assert await count(since=since) == 4
    assert await count(since=since + 1) == 0
    assert await count(endpoint="whe_\0") == 0
    assert await Webhooks(store, "other").deliveries() == ([], None)
    assert await Webhooks(store, "other").deliveries(batch=batch) == ([], None)
    pages, after = [], None
    while True:
        page, after = await webhooks.deliveries(limit=3, after=after)
        pages += page
        if after is None:
            break
    assert [one.id for one in pages] == sorted((row[0] for row in await deliveries_of(store, "id")), reverse=True)
    (one,) = (await webhooks.deliveries(batch=batch, index=1))[0]
    assert one.public_execution_id is not None
    assert one.public_execution_id.endswith("00000001")
