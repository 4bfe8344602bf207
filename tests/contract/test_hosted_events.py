"""What hosted code tells, what people say of its outputs, and events of runs elsewhere."""

from __future__ import annotations

from stook.core.hosted_event import HostedEvent
from stook.core.ids import execution_id
from stook.engine.hosted_events import HostedEvents
from stook.store.script.delete import delete, purge
from stook.store.script.hosted_actuals import keep_actuals, latest_actuals
from stook.store.script.hosted_events import Told, keep_hosted_events, last_told, read_hosted_events
from stook.store.script.ingested_events import KEPT, IngestedEvent, ingest_events, read_ingested
from tests.contract.batches import send, submit_items, succeed, take_one

FOREIGN = b"\1" * 12 + bytes(4)


def event(id_, name="node.execution.initiated", body=b'{"a":1}'):
    return HostedEvent(id_, name, 17, body)


def sent(id_, trace="t", body=b"{}"):
    return IngestedEvent(id_, "workflow.execution.initiated", trace, "s", body)


async def test_events_are_read_in_the_order_told_and_from_any_place_on(store):
    told = Told(FOREIGN, 3, [event("b"), event("a", body=b'{"x": 1.50}')])
    await store.write(keep_hosted_events, [told, Told(FOREIGN, 4, [event("c")]), Told(FOREIGN, 5, [])])
    await store.write(keep_hosted_events, [Told(FOREIGN, 3, [event("d")])])
    found = await store.read(read_hosted_events, FOREIGN, 3)
    assert [(one.id, one.name, one.at, one.body) for one in found] == [
        ("b", "node.execution.initiated", 17, b'{"a":1}'),
        ("a", "node.execution.initiated", 17, b'{"x": 1.50}'),
        ("d", "node.execution.initiated", 17, b'{"a":1}'),
    ]
    behind = await store.read(read_hosted_events, FOREIGN, 3, found[0].number, 1)
    assert [one.id for one in behind] == ["a"]
    assert await store.read(read_hosted_events, FOREIGN, 9) == []


async def test_the_last_of_a_name_is_found_for_many_at_once(store):
    first = [event("1", "n", b"1"), event("2", "n", b"2"), event("3", "o", b"3")]
    await store.write(keep_hosted_events, [Told(FOREIGN, 0, first), Told(FOREIGN, 1, [event("4", "n", b"4")])])
    asked = [(FOREIGN, 0), (FOREIGN, 1), (FOREIGN, 2), (FOREIGN, 0)]
    found = await store.read(last_told, asked, "n")
    assert {place[1]: one.body for place, one in found.items()} == {0: b"2", 1: b"4"}
    assert await store.read(last_told, [], "n") == {}


async def test_who_follows_is_rung_up(store):
    events = HostedEvents(store.store)
    one, other = execution_id(FOREIGN, 7), execution_id(FOREIGN, 8)
    since = events.mark()
    await events.keep({one: [event("1")]})
    assert await events.wait((events.topic(one),), since, timeout=5)
    assert not await events.wait((events.topic(other),), events.mark(), timeout=0.01)


async def test_what_was_sent_twice_is_told_once(store):
    events, one = HostedEvents(store), execution_id(FOREIGN, 7)
    await events.keep({one: [event(str(n)) for n in range(300)]})
    await events.keep({one: [event("299"), event("300")]})
    assert [found.id async for found in events.every(one)] == [str(n) for n in range(301)]


async def test_they_go_with_their_batch(store):
    batch_id = await submit_items(store, 1)
    await send(store, succeed(await take_one(store)))
    await store.write(keep_hosted_events, [Told(batch_id, 0, [event("1")]), Told(FOREIGN, 0, [event("2")])])
    await store.write(keep_actuals, batch_id, 0, [b"1"])
    await store.write(delete, batch_id)
    while await store.write(purge) is not None:
        pass
    assert await store.read(read_hosted_events, batch_id, 0) == []
    assert await store.read(latest_actuals, [(batch_id, 0)]) == {}
    assert len(await store.read(read_hosted_events, FOREIGN, 0)) == 1


async def test_the_newest_actual_counts(store):
    await store.write(keep_actuals, FOREIGN, 0, [b"1", b"2"])
    store.clock.advance(5)
    await store.write(keep_actuals, FOREIGN, 1, [b"3"])
    found = await store.read(latest_actuals, [(FOREIGN, 0), (FOREIGN, 1), (FOREIGN, 2)])
    assert {place[1]: one.body for place, one in found.items()} == {0: b"2", 1: b"3"}
    assert found[FOREIGN, 1].at - found[FOREIGN, 0].at == 5_000_000


async def test_an_event_of_elsewhere_is_kept_once_by_its_id(store):
    await store.write(ingest_events, "p", [sent("1", body=b"1"), sent("1", body=b"2"), sent("2", "u")])
    store.clock.advance(1)
    await store.write(ingest_events, "p", [sent("1", body=b"3"), sent("3", body=b"4")])
    await store.write(ingest_events, "q", [sent("1", body=b"5")])
    assert await store.read(read_ingested, "p", trace_id="t") == [b"4", b"1"]
    assert await store.read(read_ingested, "p", trace_id="\0") == []
    assert len(await store.read(read_ingested, "p", offset=1, limit=2)) == 2
    assert await store.read(read_ingested, "q") == [b"5"]


async def test_old_events_of_elsewhere_go_when_new_ones_come(store):
    await store.write(ingest_events, "p", [sent("old")])
    await store.write(ingest_events, "q", [sent("of another")])
    store.clock.advance(KEPT / 1_000_000 + 1)
    await store.write(ingest_events, "p", [sent("new", body=b"1")])
    assert await store.read(read_ingested, "p") == [b"1"]
    assert len(await store.read(read_ingested, "q")) == 1
