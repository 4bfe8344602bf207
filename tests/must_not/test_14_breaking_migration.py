"""A breaking migration fails while waiting for older processes."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from stook.store.migrations import Migration, migrations
from stook.store.postgres import migrate as of_postgres
from stook.store.postgres.driver import PostgresStore
from stook.store.script.orchestrator_row import Program, forget_program, see_program
from stook.store.sqlite import connect as of_sqlite
from stook.store.sqlite.driver import SqliteStore

LIMIT = 30
KILL = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> $1"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stook.db'}"
    return request.getfixturevalue("fresh_postgres")


def opened(url):
    if url.startswith("sqlite:"):
        return SqliteStore(url, synchronous="off")
    return PostgresStore(url, patience=0.2)


def test_it_waits_as_long_as_they_need_whatever_happens_meanwhile(url, monkeypatch):
    """Longer than it would wait for a server that is away; even if its connection is lost. Nothing is locked: the
    older program works on."""
    package = "stook.store.sqlite" if url.startswith("sqlite:") else "stook.store.postgres"
    known = migrations(package)
    last = known[-1].number
    old = opened(url)
    me = Program("old", "h", "1:1", "0.1", last)
    looks = []

    async def main():
        await old.write(see_program, me)
        more = [*known, Migration(last + 1, "more_post", "create table more (a integer);\n")]
        for module in (of_sqlite, of_postgres):
            monkeypatch.setattr(module, "migrations", lambda _: more)
            monkeypatch.setattr(module, "LOOK", 0.02)
        waiting = asyncio.create_task(asyncio.to_thread(opened, url))
        async with asyncio.timeout(LIMIT):
            while await old.write(see_program, me) is None:
                await asyncio.sleep(0.01)
            for _ in range(40):
                looks.append(await old.write(see_program, me))
                if len(looks) == 20 and package.endswith("postgres"):
                    await _kill_others(url)
                await asyncio.sleep(0.02)
            assert not waiting.done()
            await old.write(forget_program, "old")
            new = await waiting
        await new.close()
        await old.close()

    asyncio.run(main())
    assert len(looks) == 40
    assert all("asked this one to stop" in one for one in looks)


async def _kill_others(url):
    raw = await asyncpg.connect(url)
    try:
        await raw.fetch(KILL, raw.get_server_pid())
    finally:
        await raw.close()
