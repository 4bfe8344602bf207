"""Poll time grows with future Executions."""

from __future__ import annotations

import pytest

from stook.core.chunk import Placing, make_chunk
from stook.store.script.submit import submit
from tests.contract.batches import new_batch, payloads, submit_items
from tests.contract.test_plans import postgres_rows, sqlite_steps

FUTURE = 20_000


async def looked_at(store):
    """What each statement of a claim touches: rows on PostgreSQL, thousands of steps on SQLite."""
    claims = {
        "claim_front": ("t",),
        "claim_lanes": ("t", "default", "", "~", 16),
        "claim_heads": ("t", "default", "", b"", 24, 0),
        "claim_suspect": ("t", 0),
    }
    if store.kind == "sqlite":
        return {name: await sqlite_steps(store, name, params) for name, params in claims.items()}
    return {name: await postgres_rows(store.tables.connection, name, params) for name, params in claims.items()}


@pytest.mark.parametrize("lane", ["", "00000000:{}"], ids=["one lane", "another lane"])
def test_a_claim_looks_at_none_of_them_however_urgent_they_are(store, run, lane):
    async def main():
        await submit_items(store, 5)
        before = await looked_at(store)
        store.audited = False
        for _ in range(FUTURE // 2000):
            new = new_batch(store, priority=9)
            items = [
                make_chunk(
                    payloads(500),
                    placings=[Placing([n], run_at=store.clock.after(1000 + n), lane=lane) for n in range(500)],
                )
                for _ in range(4)
            ]
            await store.write(submit, new, items)
        if store.kind == "postgres":
            await store.tables.connection.execute("analyze")
        after = await looked_at(store)
        assert {name: (before[name], count) for name, count in after.items() if count > before[name] + 10} == {}

    run(main())
