"""What a sweep ends, it ends when it has the locks: what others did while it waited for them came before."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from stook.store.postgres.driver import PostgresStore
from stook.store.script.read.follow import follow
from stook.store.script.submit import submit
from stook.store.script.sweep import end_overdue, expire_waiting
from tests.contract.batches import chunked, new_batch

CLOCK = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"


@pytest.fixture
def plain(installed_postgres, runner):
    """A store with the database's clock."""
    found = PostgresStore(installed_postgres)
    yield found
    runner.run(found.close())


@pytest.mark.parametrize("verb", [expire_waiting, end_overdue])
async def test_an_end_is_no_earlier_than_what_the_sweep_waited_for(plain, installed_postgres, store, verb):
    new = new_batch(store)
    new.deadline_at = 1 if verb is end_overdue else None
    await plain.write(submit, new, chunked([b"1"] * 3), expires_at=1 if verb is expire_waiting else None)
    rival = await asyncpg.connect(installed_postgres)
    holding = rival.transaction()
    await holding.start()
    await rival.execute("select from stook.batch for update")
    sweeping = asyncio.create_task(plain.write(verb))
    while not await rival.fetchval("select exists (select from pg_locks where not granted)"):
        await asyncio.sleep(0.005)
    later = await rival.fetchval(CLOCK)
    await holding.rollback()
    await sweeping
    (block,) = (await plain.read(follow, new.id)).blocks
    assert block.state.name == "expired"
    assert block.finished_at > later
    await rival.close()
