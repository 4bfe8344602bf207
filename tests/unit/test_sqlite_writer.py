"""The one writer outlives whoever gives up waiting for it."""

from __future__ import annotations

import asyncio

from stook.store.script.worker_row import list_workers, see_worker
from stook.store.sqlite.driver import SqliteStore


def test_a_write_that_is_given_up_harms_no_other(tmp_path):
    async def scenario():
        store = SqliteStore(str(tmp_path / "stook.db"))
        try:
            for number in range(100):
                given_up = asyncio.create_task(store.write(see_worker, f"given up {number}", "host", "1:1", "[]"))
                await asyncio.sleep(0)
                given_up.cancel()
                await asyncio.wait_for(store.write(see_worker, f"{number}", "host", "1:1", "[]"), 30)
            return {row[0] for row in await store.read(list_workers)}
        finally:
            await store.close()

    assert {str(number) for number in range(100)} <= asyncio.run(scenario())
