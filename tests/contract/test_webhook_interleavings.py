"""Many workers and operators doing things in a random order, endpoints listening: every end is told exactly once."""

from __future__ import annotations

from collections import Counter

import pytest

from stook.core.ids import execution_id
from stook.core.picks import as_range
from stook.core.states import State
from stook.core.webhook_events import EXECUTION_EVENTS, TASK
from tests.contract.hooked import add_endpoint, deliveries_of, events
from tests.contract.test_interleavings import SEEDS, Crowd


async def ends(store):
    """(batch, index, round, state) of every outcome but of what carries deliveries."""
    query = "select o.batch_id, o.first, o.lo, o.hi, o.picks, o.state, o.round from outcome o join batch b"
    (rows,) = await store.tables.fetch(f"{query} on b.id = o.batch_id where b.task <> '{TASK}'")
    return Counter(
        (bytes(batch_id), first + offset, round_, State(state).name)
        for batch_id, first, lo, hi, picks, state, round_ in rows
        for offset in as_range(lo, hi, picks)
    )


@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_whatever_the_order_every_end_is_told_once(store, seed):
    await add_endpoint(store, "ends", events=list(EXECUTION_EVENTS.values()))
    await add_endpoint(store, "batches")
    crowd = Crowd(store, seed + 1000)
    await crowd.submit()
    for _ in range(40):
        await crowd.step()
    await crowd.finish()
    found = await events(store)
    told = [event["data"]["execution"] for event in found if event["type"] in EXECUTION_EVENTS.values()]
    batch_of = {execution_id(batch, 0): batch for batch in crowd.ids}
    assert Counter((batch_of[one["batch_id"]], one["index"], one["round"], one["state"]) for one in told) == await ends(
        store
    )
    (rows,) = await store.tables.fetch("select batch_id, kind from event")
    batches = [event for event in found if event["type"] not in EXECUTION_EVENTS.values()]
    assert Counter((batch_of[event["data"]["batch"]["id"]], event["type"]) for event in batches) == Counter(
        (bytes(batch), kind) for batch, kind in rows
    )
    sent = Counter(row[0] for row in await deliveries_of(store, "endpoint_id"))
    assert sent == {"whe_ends": len(told), "whe_batches": len(batches)}
