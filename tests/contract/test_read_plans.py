"""No reading looks at rows it does not want: every statement goes by an index or a primary key."""

from __future__ import annotations

import pytest

from tests.contract.crowded import BATCH, crowded_rows
from tests.contract.test_server_plans import scanned, sqlite_plan

NEWEST = b"\xff" * 16
READS = {
    "count_failure_groups": (BATCH,),
    "find_batch_name": ("p1", "x1"),
    "list_batches": ("p1", NEWEST, None, None, 2),
    "read_ahead": ("t", "p1", 0, 100, 500, 1000, ""),
    "read_attempts": (BATCH, 3),
    "has_past": (BATCH, 3),
    "read_batch_leases": (BATCH,),
    "read_batch_segments": (BATCH,),
    "read_chunk_outcomes": (BATCH, 1, 0, 5),
    "read_errors": (BATCH, 3, 1, 1),
    "read_events": (5, 10),
    "read_failed_attempts": (BATCH, 0, 512),
    "read_failure_groups": (BATCH, 10),
    "read_forming": ("t", "p1", "", 1000),
    "read_front": (BATCH,),
    "read_group_items": (BATCH, "x1", 0, 3000, 10),
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
    "ready_tasks": ("p1",),
    "recent_batch_names": ("p1", 200),
}
FEW = {
    "find_batch_name": 1,
    "list_batches": 2,
    "read_chunk_outcomes": 1,
    "read_events": 20,
    "read_group_items": 2,
    "read_leases": 1,
    "read_segments": 1,
    "ready_tasks": 3,
}
"""Where PostgreSQL looks at other rows than those of an owner."""
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
"""Where more than one index of SQLite would do, the one that does it well."""


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_each_goes_by_an_index_of_sqlite(store):
    plans = {name: sqlite_plan(store, name, params) for name, params in READS.items()}
    assert {name: plan for name, plan in plans.items() if not scanned(plan) <= DERIVED} == {}
    assert {name: plan for name, plan in plans.items() if not any(BY.get(name, "") in line for line in plan)} == {}


@pytest.mark.parametrize("where", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_each_goes_by_an_index_of_postgresql(store):
    store.audited = False
    assert await crowded_rows(store, READS, FEW) == {}
