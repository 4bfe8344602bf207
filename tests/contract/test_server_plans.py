"""What a server asks all the time goes by an index, however much there is."""

from __future__ import annotations

import re

import pytest

from stook.engine.keys import Keys
from stook.engine.projects import Projects
from stook.store.script.action import record_action
from stook.store.script.key import create_key
from stook.store.script.request import begin_request
from stook.store.statements import load
from tests.contract.crowded import BATCH, EACH, crowded_rows
from tests.contract.test_plans import STATISTICS, postgres_rows, sqlite_steps

NEWEST = b"\xff" * 16
ASKED = {
    "any_key": ("p1",),
    "blob_chunks": (BATCH, -1),
    "chunk_bytes": (BATCH,),
    "count_queue": ("p1",),
    "find_action": (BATCH,),
    "find_key": ("x1",),
    "find_task": ("x1", "p1"),
    "list_project_tasks": ("p1",),
    "list_actions": ("p1", NEWEST, 2),
    "list_batch_actions": (BATCH, NEWEST, "p1", 2),
    "list_keys": ("p1",),
    "lock_action": (BATCH,),
    "lock_charged_project": ("p1",),
    "lock_key": ("x1", "p1"),
    "lock_project": ("p1",),
    "lock_request": ("p1", "x1"),
    "old_requests": (5, 1),
    "read_consumed_blocks": (BATCH, 5, 10),
    "read_batch_size": (BATCH,),
    "read_hosted_events": (BATCH, 0, 5, 10),
    "read_ingested_events": ("p1", 10, 0),
    "read_ingested_trace": ("p1", "t", 10, 0),
    "read_project": ("p1",),
    "read_project_limit": ("p1",),
    "read_queue_change": ("p1",),
    "unsized_batches": ("p1",),
}
BY = {
    "count_queue": "batch_live",
    "find_key": "api_key",
    "list_actions": "action_project",
    "list_keys": "api_key_project",
    "old_requests": "request_begun",
    "unsized_batches": "batch_live",
}
FEW = {
    "count_queue": EACH + 4,
    "find_key": 1,
    "list_actions": 2,
    "list_batch_actions": 2,
    "old_requests": 1,
    "unsized_batches": 2,
}
"""Where fewer rows of PostgreSQL will do than those of an owner: what is live, what is asked for."""
DERIVED = {"c", "k", "n", "q"}
"""Subqueries, which hold what an index gave."""


def sqlite_plan(store, name, params):
    sql = load("stook.store.sqlite")[name]
    return [row[3] for row in store.tables._connection.execute(f"explain query plan {sql}", params)]


def scanned(plan):
    """The tables that it reads from end to end."""
    return {found[1] for line in plan if (found := re.search(r"\bSCAN (\w+)", line))}


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_each_goes_by_an_index_of_sqlite(store):
    plans = {name: sqlite_plan(store, name, params) for name, params in ASKED.items()}
    assert {name: plan for name, plan in plans.items() if not scanned(plan) <= DERIVED} == {}
    assert {name: plan for name, plan in plans.items() if not any(BY.get(name, "") in line for line in plan)} == {}


@pytest.mark.parametrize("where", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_each_goes_by_an_index_of_postgresql(store):
    store.audited = False
    assert await crowded_rows(store, ASKED, FEW) == {}


async def test_finding_a_key_touches_one_row_of_many(store):
    """Whatever the statistics say: the plan is kept."""
    keys = Keys(store)
    made, secret = await keys.create("p1", "mine", ["read"])

    def crowd():
        for number in range(3000):
            yield from create_key(f"k{number}", f"p{number % 7}", "theirs", ("read",), b"\0" * 32)
            yield from begin_request(f"p{number % 7}", f"k{number}", "POST", "/", "d", number)
            action = number.to_bytes(12, "big") + bytes(4)
            words = {"scope": "", "actor": "k", "affected": 1, "state": "finished"}
            batch = BATCH if number % 10 == 0 else number.to_bytes(16, "big")
            yield from record_action(action, f"p{number % 7}", "pause", batch, **words)

    await store.write(crowd)
    for number in range(300):
        await Projects(store.store).create(f"p{number}", max_queued_items=5)
    assert (await keys.find(secret)).id == made.id
    await keys.close()
    hot = {
        "find_key": ("k77",),
        "find_action": ((77).to_bytes(12, "big") + bytes(4),),
        "lock_request": ("p0", "k77"),
        "list_actions": ("p3", NEWEST, 50),
        "list_batch_actions": (BATCH, NEWEST, "p3", 50),
        "lock_charged_project": ("p3",),
        "old_requests": (5, 1),
    }
    if store.kind == "sqlite":
        touched = {name: await sqlite_steps(store, name, params) for name, params in hot.items()}
        assert {name: steps for name, steps in touched.items() if steps > 4} == {}
        return
    from stook.store.postgres.connect import connect

    connection = await connect(store.store.url, "stook", timeout=None)
    try:
        for statistics, said in STATISTICS.items():
            await store.tables.connection.execute(said)
            touched = {name: await postgres_rows(connection, name, params) for name, params in hot.items()}
            assert {name: rows for name, rows in touched.items() if rows > 400} == {}, statistics
            assert touched["find_key"] <= 1
            change = await postgres_rows(connection, "insert_queue_change", ("p3", BATCH, 10, 4, 3))
            assert change <= 3, statistics
    finally:
        await connection.close()
