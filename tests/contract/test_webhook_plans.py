"""What deliveries and their log ask goes by an index, however much there is."""

from __future__ import annotations

import pytest

from tests.contract.batches import claim_all, send, submit_items, succeed
from tests.contract.crowded import BATCH, crowded_rows
from tests.contract.hooked import add_endpoint
from tests.contract.test_plans import postgres_rows, sqlite_steps
from tests.contract.test_server_plans import DERIVED, scanned, sqlite_plan

LOG = ("default", "dlv_~", "", None, None, None, None, None, 50, 0)
CROWD_LOG = ("p1", "~", "", None, None, None, None, None, 2, 0)
ASKED = {
    "begin_webhook_delivery": ("x1", 1, 1),
    "bury_webhook_deliveries": ("x1", "why", 1),
    "due_webhook_endpoints": (5, 100),
    "find_webhook_endpoint": ("x1", "p1"),
    "list_webhook_deliveries_of_batch": (BATCH, *CROWD_LOG),
    "list_webhook_deliveries_of_endpoint": ("x1", *CROWD_LOG),
    "list_webhook_deliveries_of_event": ("x1", *CROWD_LOG),
    "list_webhook_deliveries_of_project": ("p1", *CROWD_LOG),
    "list_webhook_endpoints": ("p1", 0, "", 2),
    "lock_delivery_endpoint": ("x1",),
    "lock_replayed_deliveries": ("x1", "", "~", "dead", 0, 100),
    "lock_webhook_backlog": (4,),
    "lock_webhook_delivery": ("x1",),
    "lock_webhook_endpoint": ("x1", "p1"),
    "next_webhook_wake": (),
    "old_carriers": (5, 100),
    "old_webhook_events": (5, 100),
    "read_webhook_attempts": ("x1",),
    "read_webhook_sending": ("x1",),
    "replayed_events": ("p1", "x1", "", "~", 0, 100),
    "webhook_fronts": ("p1",),
    "webhook_keys": (BATCH, 0),
    "webhook_masks": ("p1",),
    "webhook_subscribers": ("p1",),
}
BY = {
    "due_webhook_endpoints": "webhook_endpoint_wake",
    "list_webhook_deliveries_of_endpoint": "webhook_delivery_endpoint",
    "list_webhook_deliveries_of_project": "webhook_delivery_project",
    "next_webhook_wake": "webhook_endpoint_wake",
    "old_carriers": "batch_carrier",
    "old_webhook_events": "webhook_event_at",
    "replayed_events": "webhook_event_project",
    "webhook_fronts": "segment_r",
}
FEW = {
    "due_webhook_endpoints": 6,
    "list_webhook_deliveries_of_batch": 1,
    "list_webhook_deliveries_of_endpoint": 2,
    "list_webhook_deliveries_of_project": 2,
    "list_webhook_endpoints": 2,
    "next_webhook_wake": 1,
    "replayed_events": 16,
    "webhook_fronts": 1,
}
"""Where PostgreSQL looks at other rows than those of an owner."""
ORDERED = {"lock_webhook_backlog"}
"""These go through a table in the order of its key, and stop."""


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_each_goes_by_an_index_of_sqlite(store):
    plans = {name: sqlite_plan(store, name, params) for name, params in ASKED.items()}
    derived = DERIVED | {"found"}
    whole = {name: plan for name, plan in plans.items() if not scanned(plan) <= derived}
    assert {name: scanned(plan) for name, plan in whole.items()} == {name: {"webhook_backlog"} for name in ORDERED}
    assert {name: plan for name, plan in plans.items() if not any(BY.get(name, "") in line for line in plan)} == {}


@pytest.mark.parametrize("where", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_each_goes_by_an_index_of_postgresql(store):
    store.audited = False
    assert await crowded_rows(store, ASKED, FEW) == {}


async def test_what_each_delivery_asks_touches_a_few_rows_of_many(store):
    """Whatever the statistics say: the plan is kept."""
    store.audited = False
    await add_endpoint(store, "a", events=["execution.succeeded"])
    await add_endpoint(store, "b", events=["execution.succeeded"])
    batch = await submit_items(store, 5000)
    await send(store, *(succeed(one) for one in await claim_all(store)))
    (rows,) = await store.tables.fetch("select id, event_id from webhook_delivery order by id limit 1")
    delivery, event = rows[0]
    hot = {
        "lock_delivery_endpoint": (delivery,),
        "lock_webhook_delivery": (delivery,),
        "list_webhook_deliveries_of_batch": (batch, *LOG),
        "list_webhook_deliveries_of_endpoint": ("whe_a", *LOG),
        "list_webhook_deliveries_of_event": (event, *LOG),
        "list_webhook_deliveries_of_project": ("default", *LOG),
        "lock_replayed_deliveries": ("whe_a", "", "dlv_~", "pending", 0, 100),
        "old_webhook_events": (5, 100),
        "read_webhook_attempts": (delivery,),
        "read_webhook_sending": (delivery,),
        "replayed_events": ("default", "whe_a", "", "evt_~", 0, 100),
        "webhook_fronts": ("webhook/whe_a",),
        "webhook_subscribers": ("default",),
    }
    if store.kind == "sqlite":
        touched = {name: await sqlite_steps(store, name, params) for name, params in hot.items()}
        assert {name: steps for name, steps in touched.items() if steps > 12} == {}
        return
    from stook.store.postgres.connect import connect

    connection = await connect(store.store.url, "stook", timeout=None)
    try:
        for statistics in ("of none", "of now"):
            if statistics == "of now":
                await store.tables.connection.execute("analyze")
            touched = {name: await postgres_rows(connection, name, params) for name, params in hot.items()}
            assert {name: rows for name, rows in touched.items() if rows > 400} == {}, statistics
    finally:
        await connection.close()
