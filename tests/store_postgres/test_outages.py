"""The server goes away: before a commit, during one, for a while, for good. What was acknowledged took place once."""

from __future__ import annotations

import asyncio
import threading
import time

import asyncpg
import pytest

from stook.core.errors import StoreUnavailable
from stook.store.postgres import driver, verbs
from stook.store.postgres.driver import PostgresStore
from stook.store.postgres.rerun import Patience
from stook.store.statement import All, Many
from stook_dev.postgres import NOT_DURABLE, start_server

BATCH = b"b" * 16


def counted():
    """Not safe to repeat: counts down by one. Returns what it found."""
    ((found,),) = yield All("count_failure_groups", (BATCH,))
    yield Many("uncount_failure_group", [(BATCH, "f", 1)])
    return found


async def prepare(url):
    raw = await asyncpg.connect(url)
    await raw.execute(
        "insert into stook.failure_group values ($1, 'f', '', '', '', 1000, 0, 0, 0, 0)",
        BATCH,
    )
    return raw


async def times(raw):
    return 1000 - await raw.fetchval("select failed from stook.failure_group")


class Cut:
    """A connection that is cut once, by the server or on the way, before or after a statement that begins so."""

    left = 1

    def __init__(self, connection, rival, how, at):
        self._connection, self._rival, self._how, self._at = connection, rival, how, at

    async def fetch(self, sql, *params):
        return await self._send(self._connection.fetch, sql, params)

    async def execute(self, sql, *params):
        return await self._send(self._connection.execute, sql, params)

    async def _send(self, method, sql, params):
        if not (Cut.left and sql.startswith(self._at)):
            return await method(sql, *params)
        Cut.left = 0
        match self._how:
            case "killed before":
                await self._kill()
                return await method(sql, *params)
            case "lost after":
                await method(sql, *params)
                self._connection.terminate()
                raise ConnectionResetError
            case "lost within":
                # The statement arrives, its answer does not.
                await self._rival.execute("select pg_advisory_lock(1)")
                task = asyncio.create_task(method("select pg_advisory_lock(1)"))
                await asyncio.sleep(0)
                await self._kill()
                await self._rival.execute("select pg_advisory_unlock_all()")
                await task

    async def _kill(self):
        pid = self._connection.get_server_pid()
        await self._rival.execute("select pg_terminate_backend($1, 5000)", pid)

    def __getattr__(self, name):
        return getattr(self._connection, name)


@pytest.fixture
def cut(monkeypatch, fresh_postgres, runner):
    """Cuts the next connection of stores opened from now on."""
    rivals = []

    def given(how, at):
        connect = driver.connect

        async def cutting(*args, **options):
            rivals.append(await asyncpg.connect(fresh_postgres))
            return Cut(await connect(*args, **options), rivals[-1], how, at)

        Cut.left = 1
        monkeypatch.setattr(driver, "connect", cutting)

    yield given
    for rival in rivals:
        runner.run(rival.close())


@pytest.mark.parametrize(
    ("how", "at"),
    [
        ("killed before", "begin"),
        ("killed before", "select"),
        ("killed before", "with"),
        ("killed before", "commit"),
        ("lost within", "with"),
        ("lost after", "with"),
        ("lost after", "commit"),
    ],
)
async def test_a_verb_takes_place_once_wherever_its_connection_is_lost(fresh_postgres, cut, runner, how, at):
    cut(how, at)
    store = PostgresStore(fresh_postgres)
    raw = await prepare(fresh_postgres)
    assert await store.write(counted) == 1000
    assert Cut.left == 0
    assert await times(raw) == 1
    assert store.write_blocking(counted) == 999
    await store.close()
    await raw.close()


async def test_a_read_simply_runs_again(fresh_postgres, cut, runner):
    cut("killed before", "select")
    store = PostgresStore(fresh_postgres)
    raw = await prepare(fresh_postgres)

    def look():
        return (yield All("count_failure_groups", (BATCH,)))

    assert await store.read(look) == [(1000,)]
    assert Cut.left == 0
    await store.close()
    await raw.close()


@pytest.mark.parametrize("crash", [False, True], ids=["restart", "crash"])
def test_everything_acknowledged_took_place_once_across_restarts(crash):
    server = start_server(NOT_DURABLE)
    try:
        asyncio.run(under_restarts(server, crash))
    finally:
        server.stop()


async def under_restarts(server, crash):
    store = PostgresStore(server.dsn)
    await (await prepare(server.dsn)).close()
    stop = threading.Event()
    acknowledged = 0

    async def work():
        nonlocal acknowledged
        while not stop.is_set():
            await store.write(counted)
            acknowledged += 1

    def restart():
        for _ in range(2):
            before = acknowledged
            server.restart(crash=crash)
            while acknowledged < before + 20:
                time.sleep(0.01)
        stop.set()

    await asyncio.gather(asyncio.to_thread(restart), *(work() for _ in range(4)))
    raw = await asyncpg.connect(server.dsn)
    assert await times(raw) == acknowledged
    await raw.close()
    await store.close()


async def test_a_server_that_stays_away_is_an_error_of_one_line(monkeypatch):
    monkeypatch.setattr(verbs, "Patience", lambda: Patience(0.05))
    server = start_server(NOT_DURABLE)
    try:
        store = PostgresStore(server.dsn)
        server.halt()
        with pytest.raises(StoreUnavailable, match="127.0.0.1") as caught:
            await store.write(counted)
        assert "\n" not in str(caught.value)
        with pytest.raises(StoreUnavailable):
            await asyncio.to_thread(store.write_blocking, counted)
        await store.close()
    finally:
        server.stop()


async def test_a_commit_nobody_remembers_is_said_to_be_unknown(fresh_postgres, cut, monkeypatch, runner):
    monkeypatch.setattr(verbs, "_FATE", "select null::text where $1::text is not null")
    cut("lost after", "commit")
    store = PostgresStore(fresh_postgres)
    raw = await prepare(fresh_postgres)
    with pytest.raises(StoreUnavailable, match="during a commit"):
        await store.write(counted)
    assert await times(raw) == 1
    await store.close()
    await raw.close()


async def test_a_cancelled_verb_leaves_no_lock_and_no_broken_connection(fresh_postgres, runner):
    store = PostgresStore(fresh_postgres, pool_size=1)
    raw = await prepare(fresh_postgres)
    holding = raw.transaction()
    await holding.start()
    await raw.execute("select from stook.failure_group for update")
    waiting = asyncio.create_task(store.write(counted))
    while not await raw.fetchval("select exists (select from pg_locks where not granted)"):
        await asyncio.sleep(0.005)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await holding.rollback()
    assert await store.write(counted) == 1000
    assert await times(raw) == 1
    await store.close()
    await raw.close()
