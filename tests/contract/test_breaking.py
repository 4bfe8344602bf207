"""A migration that breaks older programs asks them to stop and waits until they have."""

from __future__ import annotations

import asyncio
import sqlite3
import time

import asyncpg
import pytest

from stook.core.errors import SchemaTooNew, StoreUnavailable
from stook.store import giving_way
from stook.store.migrations import Migration, migrations
from stook.store.postgres import migrate as of_postgres
from stook.store.script.orchestrator_row import Program, forget_program, list_programs, see_program
from stook.store.sqlite import connect as of_sqlite
from tests.contract.stores import open_store

LIMIT = 20


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stook.db'}"
    return request.getfixturevalue("fresh_postgres")


def known(url):
    return migrations("stook.store.sqlite" if url.startswith("sqlite:") else "stook.store.postgres")


@pytest.fixture
def newer(url, monkeypatch):
    """As a program sees the store that knows one more migration, named so."""

    def newer(name):
        steps = known(url)
        last = steps[-1].number
        more = [*steps, Migration(last + 1, name, "create table newer (a integer);\n")]
        for module in (of_sqlite, of_postgres):
            monkeypatch.setattr(module, "migrations", lambda _: more)
        monkeypatch.setattr(of_sqlite, "LOOK", 0.01)
        monkeypatch.setattr(of_postgres, "LOOK", 0.01)
        return last

    return newer


def real_time():
    return time.time_ns() // 1000


async def opened(url):
    return await open_store(url, real_time)


def open_in_thread(url):
    """Opening waits, in SQLite's case without a loop."""
    return asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(_open_and_close(url))))


async def _open_and_close(url):
    await (await opened(url)).close()


async def until(condition):
    async with asyncio.timeout(LIMIT):
        while not await condition():
            await asyncio.sleep(0.01)


async def schema_of(url):
    if url.startswith("sqlite:"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            return connection.execute("pragma user_version").fetchone()[0]
        finally:
            connection.close()
    raw = await asyncpg.connect(url)
    try:
        return await raw.fetchval("select max(number) from stook.migration")
    finally:
        await raw.close()


async def test_it_waits_for_older_programs_which_are_asked_to_stop(url, newer):
    old = await opened(url)
    me = Program("old", "h", "1:1", "0.1", known(url)[-1].number)
    assert await old.write(see_program, me) is None
    last = newer("newer_post")
    waiting = open_in_thread(url)

    async def asked():
        return await old.write(see_program, me) is not None

    await until(asked)
    assert "has asked this one to stop" in await old.write(see_program, me)
    assert await schema_of(url) == last
    assert not waiting.done()
    await old.write(forget_program, "old")
    await asyncio.wait_for(waiting, LIMIT)
    assert await schema_of(url) == last + 1
    assert f"changed the store to schema {last + 1}" in await old.write(see_program, me)
    await old.close()


async def test_an_additive_one_waits_for_nobody_and_stops_nobody(url, newer):
    old = await opened(url)
    me = Program("old", "h", "1:1", "0.1", known(url)[-1].number)
    await old.write(see_program, me)
    last = newer("newer_pre")
    await asyncio.wait_for(open_in_thread(url), LIMIT)
    assert await schema_of(url) == last + 1
    assert await old.write(see_program, me) is None
    await old.close()


async def test_programs_that_are_silent_or_know_it_are_not_waited_for(url, newer):
    old = await opened(url)
    number = known(url)[-1].number
    await old.write(see_program, Program("knows", "h", "1:1", "0.2", number + 1))
    last = newer("newer_post")
    await asyncio.wait_for(open_in_thread(url), LIMIT)
    assert await schema_of(url) == last + 1
    assert [row[0] for row in await old.read(list_programs)] == ["knows"]
    await old.close()


async def test_after_long_enough_it_gives_up_and_names_them(url, newer, monkeypatch):
    old = await opened(url)
    await old.write(see_program, Program("old-one", "h", "1:1", "0.1", known(url)[-1].number))
    last = newer("newer_post")
    for module in (of_sqlite, of_postgres):
        monkeypatch.setattr(module, "Wait", lambda where: giving_way.Wait(where, 0.05))
    with pytest.raises(StoreUnavailable, match=r"1 older programs did not stop within 0\.05 s: old-one.*stop them"):
        await open_in_thread(url)
    assert await schema_of(url) == last
    await old.close()


async def test_a_program_that_does_not_know_it_is_refused_at_its_start(url, newer, monkeypatch):
    last = newer("newer_post")
    await asyncio.wait_for(open_in_thread(url), LIMIT)
    monkeypatch.undo()
    with pytest.raises(SchemaTooNew, match=f"schema {last + 1}, this stook knows up to {last}"):
        await opened(url)
