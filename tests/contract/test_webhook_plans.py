"""What deliveries and their log ask goes by an index, however much there is."""

from __future__ import annotations

import re

import pytest

from stook.store.statements import load
from tests.contract.batches import claim_all, send, submit_items, succeed
from tests.contract.hooked import add_endpoint
from tests.contract.test_plans import postgres_rows, sqlite_steps
from tests.contract.test_server_plans import DERIVED

BATCH = b"\1" * 12 + bytes(4)
LOG = ("default", "dlv_~", "", None, None, None, None, None, 50, 0)
ASKED = {
    "begin_webhook_delivery": ("dlv_x", 1, 1),
    "bury_webhook_deliveries": ("whe_x", "why", 1),
    "due_webhook_endpoints": (5, 100),
    "find_webhook_endpoint": ("whe_x", "p"),
    "list_webhook_deliveries_of_batch": (BATCH, *LOG),
    "list_webhook_deliveries_of_endpoint": ("whe_x", *LOG),
    "list_webhook_deliveries_of_event": ("evt_x", *LOG),
    "list_webhook_deliveries_of_project": ("p", *LOG),
    "list_webhook_endpoints": ("p", 0, "", 50),
    "lock_delivery_endpoint": ("dlv_x",),
    "lock_replayed_deliveries": ("whe_x", "", "dlv_~", "dead", 0, 100),
    "lock_webhook_backlog": (4,),
    "lock_webhook_delivery": ("dlv_x",),
    "lock_webhook_endpoint": ("whe_x", "p"),
    "next_webhook_wake": (),
    "old_carriers": (5, 100),
    "old_webhook_events": (5, 100),
    "read_webhook_attempts": ("dlv_x",),
    "read_webhook_sending": ("dlv_x",),
    "replayed_events": ("p", "whe_x", "", "evt_~", 0, 100),
    "webhook_fronts": ("webhook/whe_x",),
    "webhook_keys": (BATCH, 0),
    "webhook_masks": ("p",),
    "webhook_subscribers": ("p",),
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
ORDERED = {"lock_webhook_backlog"}
"""These go through a table in the order of its key, and stop."""


async def plan_of(store, name):
    sql, params = load(f"stook.store.{store.kind}")[name], ASKED[name]
    if store.kind == "sqlite":
        return [row[3] for row in store.tables._connection.execute(f"explain query plan {sql}", params)]
    connection = store.tables.connection
    given = [[value] if "unnest(" in sql or "any($" in sql else value for value in params]
    await connection.execute("set enable_seqscan = off; set enable_bitmapscan = off")
    await connection.execute("set plan_cache_mode = force_generic_plan")
    return [row[0] for row in await connection.fetch(f"explain {sql}", *given)]


@pytest.mark.parametrize("name", ASKED)
async def test_it_goes_by_an_index(store, name):
    plan = await plan_of(store, name)
    scanned = {found[1] for line in plan if (found := re.search(r"(?:\bSCAN|Seq Scan on) (\w+)", line))}
    expected = {"found"} | ({"webhook_backlog"} if store.kind == "sqlite" and name in ORDERED else set())
    assert scanned <= DERIVED | expected, plan
    assert any(BY.get(name, "") in line for line in plan), plan


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
