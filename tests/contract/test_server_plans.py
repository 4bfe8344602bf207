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
from tests.contract.test_plans import postgres_rows, sqlite_steps

BATCH = b"\1" * 12 + bytes(4)
NEWEST = b"\xff" * 16
ASKED = {
    "any_key": ("p",),
    "blob_chunks": (BATCH, -1),
    "chunk_bytes": (BATCH,),
    "count_queue": ("p",),
    "find_action": (BATCH,),
    "find_key": ("k",),
    "find_task": ("t", "p"),
    "list_project_tasks": ("p",),
    "list_actions": ("p", NEWEST, 50),
    "list_batch_actions": (BATCH, NEWEST, "p", 50),
    "list_keys": ("p",),
    "lock_action": (BATCH,),
    "lock_charged_project": ("p",),
    "lock_key": ("k", "p"),
    "lock_project": ("p",),
    "lock_request": ("p", "k"),
    "old_requests": (5, 1),
    "read_consumed_blocks": (BATCH, 5, 10),
    "read_batch_size": (BATCH,),
    "read_project": ("p",),
    "read_project_limit": ("p",),
    "read_queue_change": ("p",),
    "unsized_batches": ("p",),
}
BY = {
    "count_queue": "batch_live",
    "find_key": "api_key",
    "list_actions": "action_project",
    "list_keys": "api_key_project",
    "old_requests": "request_begun",
    "unsized_batches": "batch_live",
}
DERIVED = {"c", "k", "n", "q"}
"""Subqueries, which hold what an index gave."""


async def plan_of(store, name):
    sql, params = load(f"stook.store.{store.kind}")[name], ASKED[name]
    if store.kind == "sqlite":
        rows = store.tables._connection.execute(f"explain query plan {sql}", params)
        return [row[3] for row in rows]
    connection = store.tables.connection
    await connection.execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
    return [row[0] for row in await connection.fetch(f"explain {sql}", *params)]


@pytest.mark.parametrize("name", ASKED)
async def test_it_goes_by_an_index(store, name):
    plan = await plan_of(store, name)
    scanned = {found[1] for line in plan if (found := re.search(r"(?:\bSCAN|Seq Scan on) (\w+)", line))}
    assert scanned <= DERIVED, plan
    assert any(BY.get(name, "") in line for line in plan), plan


async def test_finding_a_key_touches_one_row_of_many(store):
    """Whatever the statistics say: the plan is kept."""
    keys = Keys(store)
    made, secret = await keys.create("p", "mine", ["read"])

    def crowd():
        for number in range(3000):
            yield from create_key(f"k{number}", f"p{number % 7}", "theirs", ("read",), b"\0" * 32)
            yield from begin_request(f"p{number % 7}", f"k{number}", "POST", "/", "d", number)
            action = number.to_bytes(12, "big") + bytes(4)
            words = {"scope": "", "actor": "k", "affected": 1, "state": "finished"}
            yield from record_action(action, f"p{number % 7}", "pause", BATCH, **words)

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
        for statistics in ("of none", "of now"):
            if statistics == "of now":
                await store.tables.connection.execute("analyze")
            touched = {name: await postgres_rows(connection, name, params) for name, params in hot.items()}
            assert {name: rows for name, rows in touched.items() if rows > 400} == {}, statistics
            assert touched["find_key"] <= 1
            change = await postgres_rows(connection, "insert_queue_change", ("p3", BATCH, 10, 4, 3))
            assert change <= 3, statistics
    finally:
        await connection.close()
