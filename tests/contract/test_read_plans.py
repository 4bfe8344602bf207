"""No reading looks at rows it does not want: every statement goes by an index or a primary key."""

from __future__ import annotations

import re

import pytest

from stook.store.statements import load

BATCH = b"\1" * 12 + bytes(4)
NEWEST = b"\xff" * 16
READS = {
    "count_failure_groups": (BATCH,),
    "find_batch_name": ("p", "n"),
    "list_batches": ("p", NEWEST, "t", ",active,", 50),
    "read_ahead": ("t", "p", 0, 100, 500, 1000, ""),
    "read_attempts": (BATCH, 3),
    "has_past": (BATCH, 3),
    "read_batch_leases": (BATCH,),
    "read_batch_segments": (BATCH,),
    "read_chunk_outcomes": (BATCH, 10, 0, 5),
    "read_errors": (BATCH, 3, 1, 1),
    "read_events": (5, 10),
    "read_failed_attempts": (BATCH, 0, 512),
    "read_failure_groups": (BATCH, 10),
    "read_forming": ("t", "default", "", 1000),
    "read_front": (BATCH,),
    "read_group_items": (BATCH, "f", 0, 300, 10),
    "read_heads": (BATCH, 10),
    "read_heads_from": (BATCH, 15, 4),
    "read_item_places": (BATCH, 0),
    "read_last_event": (),
    "read_last_settle": (BATCH,),
    "read_leases": (BATCH, 0, 50),
    "read_outcomes": (BATCH, 5, 50),
    "read_payloads": (BATCH, 10, 2, 5),
    "read_results": (BATCH, 10),
    "read_segments": (BATCH, 0, 50),
    "read_settled": (BATCH, 5, 50),
    "read_states": (BATCH,),
    "read_states_from": (BATCH, 15, 4),
    "read_waiting": (BATCH,),
    "ready_tasks": ("p",),
    "recent_batch_names": ("p", 200),
}
DERIVED = {"ahead", "earlier", "front", "higher", "known"}
"""Subqueries may be gone through from end to end: they hold what an index gave."""
BY = {
    "list_batches": "batch_shown",
    "read_ahead": "segment_ready",
    "read_chunk_outcomes": "outcome_chunk",
    "read_forming": "segment_ready",
    "read_group_items": "failure_group_items",
    "read_leases": "lease_batch",
    "read_segments": "segment_batch",
    "ready_tasks": "segment_ready",
}
"""Where more than one index would do, the one that does it well."""


async def plan_of(store, name):
    sql, params = load(f"stook.store.{store.kind}")[name], READS[name]
    if store.kind == "sqlite":
        rows = store.tables._connection.execute(f"explain query plan {sql}", params)
        return [row[3] for row in rows]
    if "unnest(" in sql:
        params = [[value] * 10 for value in params]
    connection = store.tables.connection
    await connection.execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
    return [row[0] for row in await connection.fetch(f"explain {sql}", *params)]


@pytest.mark.parametrize("name", READS)
async def test_it_goes_by_an_index(store, name):
    plan = await plan_of(store, name)
    scanned = {found[1] for line in plan if (found := re.search(r"(?:\bSCAN|Seq Scan on) (\w+)", line))}
    assert scanned <= DERIVED, plan
    assert any(BY.get(name, "") in line for line in plan), plan
