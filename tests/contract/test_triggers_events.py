"""Events: one, and what it starts, in one transaction; and those who wait for it."""

from __future__ import annotations

import asyncio
import json

import pytest

from stook.core.errors import QuotaExceeded
from stook.core.policy import ConcurrencyLimit, TaskPolicy
from stook.core.triggers import Cron, Invocable, On
from stook.core.when import F
from stook.engine.catalogue import TaskEntry
from stook.engine.projects import Projects
from stook.engine.registering import Registrar, said_of
from stook.store.script.emit import Emission, emit, purge_emitted
from tests.contract.batches import batch_of, claim_all, indexes, inputs, take


async def listen(store, task, *triggers, project="default", worker="w", policy=None, app="app"):
    said = said_of(TaskEntry(task, "default", policy or TaskPolicy()), triggers)
    registrar = Registrar(store, project, app=app, worker=f"{worker}-{task}", tasks=[said], known=[task])
    return await registrar.register()


async def tell(store, name="paid", payload=None, *, project="default", event_id=None, **options):
    event = Emission(
        id=event_id or store.ids(), project=project, name=name, payload=json.dumps(payload).encode(), **options
    )
    return await store.write(emit, event, store.ids)


async def heard(store, *tasks):
    """What is queued of the tasks, by task."""
    found = {}
    for one in await claim_all(store, tasks=tasks or ("t",)):
        found.setdefault(one.task, []).extend(json.loads(raw) for raw in inputs(one))
    return found


async def test_an_event_starts_an_execution_per_subscription(store):
    await listen(store, "t", On("paid"))
    await listen(store, "u", On("paid"), On("sent"))
    assert await tell(store, "paid", {"id": 1}) == 2
    assert await tell(store, "sent", {"id": 2}) == 1
    assert await tell(store, "nobody", {"id": 3}) == 0
    assert await heard(store, "t", "u") == {"t": [{"id": 1}], "u": [{"id": 1}, {"id": 2}]}


async def test_two_subscriptions_of_one_task_are_two_executions_of_one_batch(store):
    await listen(store, "t", On("paid", when="total > 10"), On("paid", fields="id"))
    assert await tell(store, "paid", {"id": 1, "total": 20}) == 2
    (one,) = (await take(store)).slices
    assert [json.loads(raw) for raw in inputs(one)] == [{"id": 1, "total": 20}, {"id": 1}]
    assert indexes(one) == [0, 1]
    assert {(extras.kind, extras.name) for extras in one.extras.values()} == {("event", "paid")}
    assert (await batch_of(store, one.batch_id)).single == 1


@pytest.mark.parametrize("when", ["total > 100 AND kind IN ('a', 'b')", (F("total") > 100) & F("kind").in_(["a", "b"])])
async def test_a_condition_decides(store, when):
    await listen(store, "t", On("paid", when=when))
    sent = [
        {"total": 101, "kind": "a"},
        {"total": 100, "kind": "a"},
        {"total": 101, "kind": "c"},
        {"kind": "a"},
        None,
        7,
    ]
    assert [await tell(store, "paid", one) for one in sent] == [1, 0, 0, 0, 0, 0]


async def test_users_text_is_never_sql(store):
    """Neither in conditions, nor in names, nor in payloads."""
    evil = "'); drop table stook.schedule; --"
    await listen(store, "t", On(evil, when=F(evil) == evil, fields=[evil]))
    assert await tell(store, evil, {evil: evil, "more": 1}) == 1
    assert await heard(store) == {"t": [{evil: evil}]}


async def test_payloads_arrive_byte_for_byte(store):
    await listen(store, "t", On("paid"))
    raw = b'{"a":1.0,"big":123456789012345678901234567890,"nul":"\\u0000"}'
    await store.write(emit, Emission(id=store.ids(), project="default", name="paid", payload=raw), store.ids)
    (one,) = await claim_all(store)
    assert inputs(one) == [raw]


async def test_the_same_event_again_is_once(store):
    await listen(store, "t", On("paid"))
    event_id = store.ids()
    assert await tell(store, event_id=event_id) == 1
    assert await tell(store, event_id=event_id) == 0
    assert await heard(store) == {"t": [None]}


async def test_events_are_of_a_project(store):
    await listen(store, "t", On("paid"))
    await listen(store, "t", On("paid"), project="other", worker="v")
    assert await tell(store, project="other") == 1
    (one,) = await claim_all(store)
    assert (await batch_of(store, one.batch_id)).project == "other"


async def test_subscriptions_see_no_past_events(store):
    await tell(store)
    await listen(store, "t", On("paid"))
    assert await heard(store) == {}


async def test_an_event_that_the_project_has_no_room_for_never_was(store):
    await Projects(store).change("default", max_queued_items=1)
    await listen(store, "t", On("paid"))
    await listen(store, "u", On("paid"))
    with pytest.raises(QuotaExceeded):
        await tell(store)
    assert await heard(store, "t", "u") == {}
    (rows,) = await store.tables.fetch("select id from emitted")
    assert rows == []


async def test_executions_stand_in_the_lanes_of_their_keys(store):
    policy = TaskPolicy(limits=(ConcurrencyLimit(1, key="tenant"),))
    await listen(store, "t", On("paid"), On("paid", when="big = TRUE"), policy=policy)
    for tenant in ("a", "b"):
        await tell(store, "paid", {"tenant": tenant, "big": True})
    (rows,) = await store.tables.fetch("select lane from segment")
    assert {lane.partition(":")[2] for (lane,) in rows} == {'{"tenant":"a"}', '{"tenant":"b"}'}


async def test_a_trace_goes_on(store):
    await listen(store, "t", On("paid"))
    await tell(store, trace='{"traceparent":"x"}')
    (one,) = await claim_all(store)
    assert one.trace == '{"traceparent":"x"}'


async def test_old_events_are_forgotten_in_bites(store):
    for number in range(5):
        await tell(store, f"e{number}", kept=100_000_000)
    await tell(store, "new", kept=100_000_001)
    store.clock.advance(100)
    assert [await store.write(purge_emitted, 2) for _ in range(4)] == [2, 2, 1, 0]
    (rows,) = await store.tables.fetch("select name from emitted")
    assert [name for (name,) in rows] == ["new"]


async def test_events_at_the_same_time_each_start_theirs(store):
    await listen(store, "t", On("paid"))
    await asyncio.gather(*(tell(store, payload=number) for number in range(10)))
    assert sorted((await heard(store))["t"]) == list(range(10))


async def test_a_task_that_is_started_by_events_alone_is_not_invocable(store):
    await listen(store, "t", On("paid"), Cron("* * * * *"))
    await listen(store, "u", On("paid"), Invocable())
    (rows,) = await store.tables.fetch("select task, invocable from registration order by task")
    assert [tuple(row) for row in rows] == [("t", 0), ("u", 1)]
