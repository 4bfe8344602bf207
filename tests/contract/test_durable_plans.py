"""With many executions waiting, what is asked for one of them touches a handful of rows."""

from __future__ import annotations

import pytest

from stook.core.work import Remember
from stook.store.script.remember import remember
from tests.contract.batches import claim_all, send, submit_items, take_one
from tests.contract.durable import call, event, sleep, step, suspended
from tests.contract.test_plans import AS_NEW, postgres_rows, sqlite_steps

WAITING = 8000


async def crowd(store):
    """Executions of one batch that each sleep, wait for a child and for an event; another batch full of memos."""
    batch_id = await submit_items(store, WAITING)
    for one in await claim_all(store):
        await send(store, suspended(one, sleep("s", 500), call("c"), event("e", "never"), memos=[step("a")]))
    remembering = await submit_items(store, WAITING, task="u")
    for one in await claim_all(store, tasks=("u",)):
        writes = [Remember(one.token, one.batch_id, offset, [step("a"), step("b")]) for offset in one.offsets]
        await store.write(remember, writes)
    child = await take_one(store, 1, tasks=("child",))
    return batch_id, remembering, child


def asked(store, batch_id, remembering, child):
    now = store.clock.now
    there, nowhere = (child.batch_id, child.first + child.offsets[0]), (bytes(16), 5)
    return {
        "due_waits": (now, 1000),
        "delete_batch_waits": (bytes(16),),
        "delete_batch_suspensions": (bytes(16),),
        "insert_batch_cancel_errands": (bytes(16), "", now),
        "lock_errands": (1000, ",cancel_child,"),
        "next_due": (),
        "read_batch_suspensions": (bytes(16),),
        "read_item_waits": (batch_id, 700, 100),
        "read_memos": (remembering, 700, 701),
        "read_steps": (remembering, 700, 100),
        "read_suspensions": (batch_id, 700),
        "read_waits": (batch_id, 700, "c"),
        "read_child_outcomes": nowhere,
        "read_child_failures": nowhere,
        "mark_memos": (remembering,),
        "hold_working_lease": (child.token,),
        "insert_child_errand": (*there, 7, now),
        "insert_cancel_errand": (batch_id, 700, "", now),
    }


CHANGES = {
    "delete_memo": (bytes(16), 5, "a"),
    "delete_failed_memos": (bytes(16), 5),
    "delete_wait": (bytes(16), 5, "a"),
    "delete_item_waits": (bytes(16), 5),
    "delete_suspension": (bytes(16), 5),
    "delete_errand": (5,),
    "update_suspension": (bytes(16), 5, 1),
    "extend_lease": (5, 5),
}
READ_ONLY = {"due_waits", "read_item_waits", "read_memos", "read_steps", "read_suspensions", "read_waits", "next_due"}


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_sqlite_looks_at_few_rows(store):
    store.audited = False
    hot = asked(store, *await crowd(store))
    found = {name: await sqlite_steps(store, name, hot[name]) for name in READ_ONLY}
    assert {name: ticks for name, ticks in found.items() if ticks > 1} == {}


@pytest.mark.parametrize("where", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_postgresql_looks_at_few_rows(store):
    """Whatever the statistics say."""
    from stook.store.postgres.connect import connect

    store.audited = False
    execute = store.tables.connection.execute
    await execute("analyze")
    found = await crowd(store)
    await execute("delete from errand where kind = 'event_awaited'")
    hot = asked(store, *found) | CHANGES
    connection = await connect(store.store.url, "stook", timeout=None)
    try:
        for statistics in ("of an empty night", "of now", "of drained pages"):
            if statistics == "of now":
                await execute("analyze")
            elif statistics == "of drained pages":
                await execute("update pg_class set reltuples = 0 where relnamespace = 'stook'::regnamespace")
            looked_at = {name: await postgres_rows(connection, name, params) for name, params in hot.items()}
            assert {name: rows for name, rows in looked_at.items() if rows > 50} == {}, f"statistics {statistics}"
    finally:
        await connection.close()
        await execute(AS_NEW)


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("due_waits", "wait_due"),
        ("insert_child_errand", "wait_child"),
        ("lock_errands", "SCAN errand"),
        ("read_memos", "PRIMARY KEY"),
    ],
)
async def test_sqlite_goes_by_the_index_made_for_it(store, name, index):
    from stook.store.statements import load

    sql = load("stook.store.sqlite")[name]
    params = [None] * max(number for number in range(1, 9) if f"?{number}" in sql)
    plan = [row[3] for row in store.tables._connection.execute(f"explain query plan {sql}", params)]
    assert any(index in line for line in plan), plan
    assert not [line for line in plan if "TEMP B-TREE" in line], plan
