"""At a million items, hot statements touch a handful of rows."""

from __future__ import annotations

import json
import re

import pytest

from stook.core.states import State
from stook.store.script.submit import append, create_batch
from stook.store.statements import load
from tests.contract.batches import (
    chunked,
    fail,
    new_batch,
    payloads,
    policy,
    send,
    submit_items,
    succeed,
    take_one,
)
from tests.contract.million import MILLION, submitted


async def sqlite_steps(store, name, params):
    """How many instructions SQLite runs for it, in thousands: each row it looks at takes some."""
    connection = store.tables._connection
    ticks = 0

    def tick():
        nonlocal ticks
        ticks += 1

    connection.set_progress_handler(tick, 1000)
    try:
        connection.execute(load("stook.store.sqlite")[name], params).fetchall()
    finally:
        connection.set_progress_handler(None, 0)
    return ticks


def quoted(value):
    """A constant whose type PostgreSQL takes from where it stands."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return "'{" + ",".join(f'"{text(one)}"'.replace("\\", "\\\\") for one in value) + "}'"
    return f"'{text(value)}'"


def text(value):
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


AS_NEW = """
delete from pg_statistic using pg_class c where c.oid = starelid and c.relnamespace = 'stook'::regnamespace;
update pg_class set reltuples = -1, relpages = 0 where relnamespace = 'stook'::regnamespace
"""
"""Other tests have the same tables."""
STATISTICS = {
    "of none": "select",
    "of drained batches": "update pg_class set reltuples = 0 where oid = 'stook.batch'::regclass",
    "of now": "analyze",
    "of drained pages": "update pg_class set reltuples = 0 where relnamespace = 'stook'::regnamespace",
    "as new": AS_NEW,
}
"""What may have been said of the tables when a plan was made that is kept. A table that is counted while its first rows
are uncommitted has pages, and no rows."""


async def planned(connection, sql, params):
    """The generic plan, by an index where one will do, in lines. The connection is others' as well: it stays as it
    was."""
    async with connection.transaction():
        await connection.execute("set local enable_seqscan = off; set local enable_bitmapscan = off")
        await connection.execute("set local plan_cache_mode = force_generic_plan")
        return [row[0] for row in await connection.fetch(f"explain {sql}", *params)]


async def postgres_rows(connection, name, params):
    """How many rows its scans found or threw away, under the plan the driver uses: the generic one."""
    sql = load("stook.store.postgres")[name]
    values = [[value] if "unnest(" in sql or "any($" in sql else value for value in params]
    given = f"({', '.join(quoted(value) for value in values)})" if values else ""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"prepare looked_at as {sql}")
        answer = await connection.fetchval(f"explain (analyze, format json) execute looked_at{given}")
    finally:
        await transaction.rollback()
        await connection.execute("deallocate looked_at")
    return sum(_touched(json.loads(answer)[0]["Plan"]))


async def shortcut_rows(connection, name, params):
    """The same of a shortcut, which has to find something to do."""
    sql = load("stook.store.postgres", "shortcuts")[name]
    transaction = connection.transaction()
    await transaction.start()
    try:
        answer = await connection.fetchval(f"explain (analyze, format json) {sql}", *params)
    finally:
        await transaction.rollback()
    plan = json.loads(answer)[0]["Plan"]
    assert plan["Actual Rows"] > 0, name
    return sum(_touched(plan))


def _touched(node):
    yield from (one for part in node.get("Plans", ()) for one in _touched(part))
    if "Relation Name" in node or "Index Name" in node:
        seen = (
            node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        )
        yield round(seen * node["Actual Loops"])


async def crowd(store):
    """A million ready items, and around them what a busy store has: others due later, suspects, leases, outcomes,
    failures, keys, projects, ended batches."""
    big = await submitted(store, MILLION, policy=policy(max_attempts=2), key="big", digest="d")
    await submitted(store, 200_000, policy=policy())
    later = new_batch(store)
    await store.write(create_batch, later)
    await store.write(append, later.id, chunked(payloads(20_000), 20), run_at=store.clock.after(1000))
    for number in range(40):
        await submit_items(store, 3, project=f"p{number % 7}", task=f"t{number % 5}", key=f"k{number}", digest="d")
    for _ in range(30):
        one = await take_one(store, 512)
        await send(store, succeed(one, one.offsets[:400]))
        await send(store, fail(one, *one.offsets[400:], retryable=False))
    leases = [await take_one(store, 100) for _ in range(40)]
    return big, leases


def hot_statements(store, big, one):
    now = store.clock.now
    return {
        "abandoned_batches": (now, 20),
        "batch_leases": (store.ids(),),
        "batch_usage": (big,),
        "claim_flows": ("t",),
        "claim_front": ("t",),
        "claim_heads": ("t", "default", "", b"", 24, 0),
        "claim_lanes": ("t", "default", "", "~", 16),
        "claim_suspect": ("t", 0),
        "claim_suspect_of": ("t", 0, "default"),
        "deleted_batch": (),
        "due_segments": (now, 500),
        "expiring_segments": (now, 500),
        "find_batch_key": ("default", "big"),
        "find_chunk": (big, 777_777),
        "find_item_key": (big, "nobody"),
        "follow_outcomes": (big, 5000, 5200),
        "lapsed_leases": (now, 100),
        "latest_failure": (big, 450),
        "lock_batch": (big,),
        "lock_chunk_leases": (big, one.first),
        "lock_chunk_segments": (big, 512 * 700),
        "lock_dedupe": ("default", "t", "nobody"),
        "lock_due_segment": (12, now),
        "lock_expiring_segment": (12,),
        "lock_lease": (one.token,),
        "lock_state": (big, one.first),
        "look_lease": (one.token,),
        "next_due": (),
        "overdue_batches": (now, 20),
        "quotas": (),
        "read_batch": (big,),
        "read_chunk": (big, one.first),
        "read_chunk_outcomes": (big, 512, 0, 512),
        "read_errors": (big, 450, 1, 1),
        "read_outcomes": (big, 5000, 5200),
        "read_state": (big, one.first),
        "virtual_time": ("default", "t", 0),
        "worker_leases": ("nobody",),
    }


def shortcuts(store, one):
    """Of a claim of ten items of the big batch, and of a settlement of what one like it took."""
    known, held, receipt = ([policy(max_attempts=2), policy()], []), ([],) * 5, (store.clock.now, 7, 8)
    tokens = list(range(4))
    lo, hi = one.offsets[0], one.offsets[-1] + 1
    open_, ended = bytes([State.queued, State.scheduled]), bytes([State.succeeded]) * (hi - lo)
    return {
        "claim_plain": (["t"], "w", 10, 4, tokens, 60, *known, open_, 20, *held, *receipt),
        "claim_plain_again": ([one.token],),
        "settle_plain": (one.batch_id, one.token, lo, hi, b"", b"[]", open_, ended, 2, *receipt),
    }


CHANGES = {
    "cut_segment": (12, 1, b"\0\0"),
    "delete_dedupe": (bytes(16), 5),
    "delete_lease": (5,),
    "delete_segment": (12,),
    "move_segment": (12, 1),
    "ready_segment": (12, 5, 5),
    "renew_lease": (5, 5),
    "shrink_lease": (5, b"\0\0", 1),
    "signal_lease": (5,),
    "update_state": (bytes(16), 0, b"\0"),
    "uncount_failure_group": (bytes(16), "f", 1),
}


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_hot_statements_of_sqlite_touch_a_handful_of_rows(store):
    store.audited = False
    big, leases = await crowd(store)
    hot = hot_statements(store, big, leases[20])
    looked_at = {name: await sqlite_steps(store, name, params) for name, params in hot.items()}
    assert {name: ticks for name, ticks in looked_at.items() if ticks > 5} == {}


@pytest.mark.parametrize("where", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_hot_statements_of_postgresql_touch_a_handful_of_rows(store):
    """Whatever the statistics say: a plan that is good for ten rows must not be kept for a million."""
    from stook.store.postgres.connect import connect

    store.audited = False
    execute = store.tables.connection.execute
    await submit_items(store, 5, key="small", digest="d")
    await take_one(store, 2)
    await execute("analyze")
    big, leases = await crowd(store)
    hot = hot_statements(store, big, leases[20]) | CHANGES
    connection = await connect(store.store.url, "stook", timeout=None)
    try:
        for statistics in ("of an empty night", "of now", "of drained batches", "of drained pages everywhere"):
            if statistics == "of now":
                await execute("analyze")
            elif statistics != "of an empty night":
                some = "relname like 'batch%' and" if statistics == "of drained batches" else ""
                await execute(f"update pg_class set reltuples = 0 where {some} relnamespace = 'stook'::regnamespace")
            looked_at = {name: await postgres_rows(connection, name, params) for name, params in hot.items()}
            for name, params in shortcuts(store, leases[20]).items():
                looked_at[name] = await shortcut_rows(connection, name, params)
            assert {name: rows for name, rows in looked_at.items() if rows > 250} == {}, f"statistics {statistics}"
    finally:
        await connection.close()
        await execute(AS_NEW)


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("claim_heads", "segment_ready"),
        ("claim_suspect", "segment_suspect"),
        ("claim_suspect_of", "segment_suspect"),
        ("due_segments", "segment_due"),
        ("find_batch_key", "batch_key"),
        ("latest_failure", "PRIMARY KEY"),
        ("lock_lease", "INTEGER PRIMARY KEY"),
        ("virtual_time", "segment_ready"),
    ],
)
async def test_sqlite_goes_by_the_index_made_for_it_and_sorts_nothing(store, name, index):
    sql = load("stook.store.sqlite")[name]
    params = [None] * max(int(number) for number in re.findall(r"\?(\d)", sql))
    plan = [row[3] for row in store.tables._connection.execute(f"explain query plan {sql}", params)]
    assert any(index in line for line in plan), plan
    assert {line for line in plan if line.startswith("SCAN")} <= {"SCAN s", "SCAN CONSTANT ROW"}, plan
    assert not [line for line in plan if "TEMP B-TREE" in line], plan
