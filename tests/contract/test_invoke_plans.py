"""What an invocation looks at it finds by its key, however many keys there are."""

from __future__ import annotations

import pytest

from stook.core.invocation import Debouncing, NewItem, Throttling
from tests.contract.batches import submit_items
from tests.contract.invocations import call
from tests.contract.moving_clock import SECOND
from tests.contract.test_plans import STATISTICS, postgres_rows, sqlite_steps

MANY = 20_000
KEY = ("default", "t", "k777")
PLACE = (b"\1" * 16, 5)


async def crowd(store):
    """Keys held, rested and throttled, and periods open, of two tasks; the batch of one."""
    store.audited = False
    for task in ("t", "u"):
        made = await call(
            store,
            *(
                NewItem(
                    payload=b"1",
                    dedupe=f"k{n}",
                    ttl=SECOND if n % 2 else None,
                    throttle=Throttling(f"k{n}", 60 * SECOND) if n % 2 else None,
                    debounce=None if n % 2 else Debouncing(f"k{n}", 60 * SECOND),
                )
                for n in range(MANY // 2)
            ),
            task=task,
        )
    return made.batch


def hot(batch_id, now):
    return {
        "list_invoked_batches": ("default", batch_id, "t", None, 1, 100),
        "lock_dedupe": KEY,
        "lock_unstarted_segments": (batch_id, 512),
        "look_dedupe": KEY,
        "read_chunk_extras": (batch_id, 512),
        "read_debounce": KEY,
        "read_dedupe_keys": (batch_id, 777),
        "read_throttle": KEY,
    }, {
        "delete_dedupe": PLACE,
        "drop_dedupe": KEY,
        "drop_replaced_inputs": PLACE,
        "put_debounce": (*KEY, *PLACE, now, now),
        "put_dedupe": (*KEY, *PLACE, 5),
        "put_throttle": (*KEY, now, *PLACE),
        "rest_dedupe": (*PLACE, now),
        "take_dedupe": (*KEY, *PLACE, 5, now),
        "update_chunk_extras": (batch_id, 512, "x"),
    }


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_on_sqlite(store):
    reads, changes = hot(await crowd(store), store.clock.now)
    looked_at = {name: await sqlite_steps(store, name, params) for name, params in reads.items()}
    assert {name: ticks for name, ticks in looked_at.items() if ticks > 5} == {}
    connection = store.tables._connection
    from stook.store.statements import load

    for name, params in changes.items():
        plan = connection.execute(f"explain query plan {load('stook.store.sqlite')[name]}", params).fetchall()
        assert not [row for row in plan if row[3].startswith("SCAN")], (name, plan)


@pytest.mark.parametrize("where", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_on_postgresql(store):
    """Whatever the statistics say: a plan that is good for ten rows must not be kept for many."""
    from stook.store.postgres.connect import connect

    store.audited = False
    await submit_items(store, 5, dedupe=["a", "b", "c", "d", "e"])
    await store.tables.connection.execute("analyze")
    reads, changes = hot(await crowd(store), store.clock.now)
    connection = await connect(store.store.url, "stook", timeout=60)
    try:
        for statistics, said in STATISTICS.items():
            await store.tables.connection.execute(said)
            found = {name: await postgres_rows(connection, name, params) for name, params in (reads | changes).items()}
            assert {name: rows for name, rows in found.items() if rows > 600} == {}, statistics
    finally:
        await connection.close()
