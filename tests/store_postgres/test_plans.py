"""The hot statements touch few rows whatever lies in the tables, with statistics or without."""

from __future__ import annotations

import json

import pytest

from stook.store.postgres.connect import connect
from stook.store.postgres.driver import PostgresStore
from stook.store.postgres.texts import merged, texts

BATCHES, CHUNKS = 100, 100
BATCH = b"\x01" * 15 + bytes([50])

FILL = f"""
insert into batch (id, project, task, queue, name, phase, priority, policy, total, created_at)
select {{id}}, 'p' || b % 3, 't' || b % 5, 'q', 'n', 'active', 0, '{{{{}}}}', 1, 1 from generate_series(1, {BATCHES}) b;
insert into chunk select {{id}}, c * 10, 10, '', null, null, '' from {{all}};
insert into state select {{id}}, c * 10, '\\x00000000000000000000' from {{all}};
insert into segment
    (batch_id, first, pos, stop, project, task, queue, priority, rank, round, attempt, status, due_at, expires_at)
select {{id}}, c * 10, 0, 10, 'p' || b % 3, 't' || b % 5, 'q', 0, c * 10, 1, 1, (c % 10 = 0)::int, c, c from {{all}};
insert into lease
select b * 1000 + c, 'w' || b, {{id}}, c * 10, 0, 10, null, 10, 'p', 't', 'q', 0, 1, 1, 0, 0, 0, 0, 1, c from {{all}};
insert into outcome
select {{id}}, c * 10, c * 10, 0, 10, null, 10, 4, 1, 1, 1, null, null, null from {{all}};
""".format(
    id="decode(repeat('01', 15) || lpad(to_hex(b), 2, '0'), 'hex')",
    all=f"generate_series(1, {BATCHES}) b, generate_series(1, {CHUNKS}) c",
)

KEYS = [[BATCH] * 3, [10, 20, 500]]
CASES = {
    "claim_heads": [["t1"], ["p1"], [""], [b""], [24], [0]],
    "claim_lanes": [["t1"], ["p1"], [""], ["~"], [16]],
    "read_rate_bucket": [["p1"], ["t1"], ["//1"], [""]],
    "claim_suspect": [["t1", "t2"], [0, 0]],
    "claim_suspect_of": [["t1", "t2"], [0, 0], ["p1", "p1"]],
    "claim_flows": [["t1", "t2"]],
    "claim_front": [["t1", "t2"]],
    "virtual_time": ["p1", "t1", 0],
    "read_chunk": KEYS,
    "read_state": KEYS,
    "lock_state": KEYS,
    "lock_chunk_segments": KEYS,
    "lock_chunk_leases": KEYS,
    "find_chunk": [[BATCH] * 2, [15, 255]],
    "lock_batch": [[BATCH]],
    "read_batch": [BATCH],
    "lock_lease": [[50001, 50002]],
    "look_lease": [[50001, 50002]],
    "renew_lease": [[50001, 50002], [7, 7]],
    "lapsed_leases": [50, 20],
    "worker_leases": [["w50"]],
    "batch_leases": [BATCH],
    "due_segments": [50, 20],
    "expiring_segments": [50, 20],
    "lock_due_segment": [[10, 20], [100, 100]],
    "next_due": [],
    "overdue_batches": [50, 20],
    "abandoned_batches": [50, 20],
    "find_batch_key": ["p1", "k"],
    "lock_states": [BATCH],
    "hold_segments": [BATCH, 1],
    "delete_batch_segments": [BATCH],
    "ready_tasks": ["p1"],
    "read_outcomes": [BATCH, 500, 520],
}
FLUSH = [*KEYS, [b"\4" * 10] * 3, [50001, 50002]]
SMALL = {"quota", "task_terms"}
"""Tables with a row for each task that has limits: read whole."""
MOST = 2 * CHUNKS
"""Rows of one batch, and no table's."""


@pytest.fixture
def filled(installed_postgres, runner):
    PostgresStore(installed_postgres).close_blocking()
    connection = runner.run(connect(installed_postgres, "stook", timeout=60))
    runner.run(connection.execute(FILL))
    yield connection
    runner.run(connection.close())


def nodes(plan):
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def touched(connection, sql, params):
    """Rows looked at in each table, and tables read from end to end."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        answer = await connection.fetchval(f"explain (analyze, format json) {sql}", *params)
    finally:
        await transaction.rollback()
    rows, whole = {}, []
    for node in nodes(json.loads(answer)[0]["Plan"]):
        table = node.get("Relation Name")
        if table is not None and "Scan" in node["Node Type"]:
            seen = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            rows[table] = rows.get(table, 0) + seen * node["Actual Loops"]
            if node["Node Type"] == "Seq Scan":
                whole.append(table)
    return rows, whole


def forms():
    """Each statement for many rows and for one."""
    for name, params in CASES.items():
        yield name, texts()[name].sql, params
        if texts()[name].for_one is not None:
            yield name, texts()[name].for_one, [one[0] for one in params]


async def check_all(connection):
    for name, sql, params in forms():
        rows, whole = await touched(connection, sql, params)
        assert rows, name
        assert not set(whole) - SMALL, name
        assert max(rows.values()) <= MOST, (name, rows)


@pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed"])
async def test_hot_statements_read_by_index_no_more_than_a_batch(filled, analyzed):
    if analyzed:
        await filled.execute("analyze")
    await check_all(filled)


@pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed"])
async def test_a_flush_touches_what_it_changes(filled, analyzed):
    if analyzed:
        await filled.execute("analyze")
    writes = tuple((texts()[name].sql, texts()[name].params) for name in ("update_state", "delete_lease"))
    sql = merged(writes, receipt=False) + " 1"
    rows, whole = await touched(filled, sql, FLUSH)
    assert rows == {"state": 3, "lease": 2}
    assert not whole


async def test_plans_made_on_empty_tables_are_still_good_when_they_are_full(installed_postgres):
    PostgresStore(installed_postgres).close_blocking()
    connection = await connect(installed_postgres, "stook", timeout=60)
    for _, sql, params in forms():
        await connection.fetchval(f"explain (analyze, format json) {sql}", *params)
    await connection.execute(FILL)
    await check_all(connection)
    await connection.close()


async def test_work_that_is_due_later_costs_a_claim_nothing(filled):
    await filled.execute("update segment set status = 1 where batch_id < $1", BATCH)
    rows, _ = await touched(filled, texts()["claim_heads"].sql, CASES["claim_heads"])
    assert rows["segment"] <= 24
