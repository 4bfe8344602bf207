"""The server goes away: before a commit, during one, for a while, for good. What was acknowledged took place once."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from stook.core.errors import StoreUnavailable
from stook.store.postgres import driver, verbs
from stook.store.postgres.connect import connect
from stook.store.postgres.driver import PostgresStore
from stook.store.postgres.rerun import Patience
from stook.store.postgres.run import Transaction
from stook.store.statement import All, Many
from stook_dev.postgres import NOT_DURABLE, start_server

BATCH = b"b" * 16


def counted():
    """Not safe to repeat: counts down by one. Returns what it found. The write is a transaction of its own."""
    ((found,),) = yield All("count_failure_groups", (BATCH,))
    yield Many("uncount_failure_group", [(BATCH, "f", 1)])
    return found


def counted_and_seen():
    """The same, in a transaction that goes on behind the write."""
    found = yield from counted()
    ((after,),) = yield All("count_failure_groups", (BATCH,))
    assert after == found - 1
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
    """A connection that is cut once, by the server or on the way, at a statement that begins so."""

    left = 1

    def __init__(self, connection, url, how, at):
        self._connection, self._url, self._how, self._at = connection, url, how, at

    async def fetch(self, sql, *params):
        return await self._send(self._connection.fetch, sql, params)

    async def execute(self, sql, *params):
        return await self._send(self._connection.execute, sql, params)

    async def _send(self, method, sql, params):
        if not (Cut.left and sql.startswith(self._at)):
            return await method(sql, *params)
        Cut.left = 0
        if self._how == "killed before":
            await self._kill()
            return await method(sql, *params)
        if self._how == "killed within":
            task = asyncio.create_task(method("select pg_sleep(60)"))
            await self._kill()
            return await task
        if self._how == "given up before":
            raise TimeoutError
        await method(sql, *params)
        if self._how == "given up after":
            raise TimeoutError
        self._connection.terminate()
        raise ConnectionResetError

    async def _kill(self):
        rival = await asyncpg.connect(self._url)
        await rival.execute("select pg_terminate_backend($1, 5000)", self._connection.get_server_pid())
        await rival.close()

    def __getattr__(self, name):
        return getattr(self._connection, name)


@pytest.fixture
def cut(monkeypatch, installed_postgres):
    """Cuts the next connection of stores opened from now on."""

    def given(how, at):
        whole = driver.connect

        async def cutting(*args, **options):
            return Cut(await whole(*args, **options), installed_postgres, how, at)

        Cut.left = 1
        monkeypatch.setattr(driver, "connect", cutting)

    return given


@pytest.mark.parametrize(
    ("verb", "how", "at"),
    [
        (counted, "killed before", "select"),
        (counted, "killed before", "with"),
        (counted, "killed within", "with"),
        (counted, "lost after", "with"),
        (counted, "given up before", "with"),
        (counted, "given up after", "with"),
        (counted_and_seen, "given up before", "commit"),
        (counted_and_seen, "killed before", "begin"),
        (counted_and_seen, "killed before", "with"),
        (counted_and_seen, "killed before", "commit"),
        (counted_and_seen, "killed within", "with"),
        (counted_and_seen, "lost after", "with"),
        (counted_and_seen, "lost after", "commit"),
    ],
)
async def test_a_verb_takes_place_once_wherever_its_connection_is_lost(installed_postgres, cut, verb, how, at):
    cut(how, at)
    store = PostgresStore(installed_postgres)
    raw = await prepare(installed_postgres)
    assert await store.write(verb) == 1000
    assert Cut.left == 0
    assert await times(raw) == 1
    assert store.write_blocking(counted) == 999
    await store.close()
    await raw.close()


async def test_a_read_simply_runs_again(installed_postgres, cut):
    cut("killed before", "select")
    store = PostgresStore(installed_postgres)
    raw = await prepare(installed_postgres)

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
    acknowledged, over = 0, False

    async def work():
        nonlocal acknowledged
        while not over:
            await store.write(counted)
            acknowledged += 1

    def restart():
        nonlocal over
        try:
            for _ in range(3):
                enough = acknowledged + 20
                server.restart(crash=crash)
                while acknowledged < enough and not over:
                    time.sleep(0.01)
        finally:
            over = True

    async def worker():
        nonlocal over
        try:
            await work()
        finally:
            over = True

    await asyncio.gather(asyncio.to_thread(restart), *(worker() for _ in range(4)))
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


async def test_a_commit_that_is_still_ending_is_waited_for(installed_postgres, cut):
    """The old connection's commit hangs on the server while the driver already asks about it on another."""
    cut("killed before", "never")
    store = PostgresStore(installed_postgres)
    raw = await prepare(installed_postgres)
    verbs_ = await store._here()
    slot, mark = 7, 8
    holding = raw.transaction()
    await holding.start()
    await raw.execute("insert into stook.receipt (slot, mark) values ($1, $2)", slot, mark)
    transaction = Transaction(None, schema="stook", clock=None, slot=slot, mark=mark)
    transaction.receipted = True
    asking = asyncio.create_task(verbs_._took_place(transaction, Patience()))
    rival = await asyncpg.connect(installed_postgres)
    while not await rival.fetchval("select exists (select from pg_locks where not granted)"):
        await asyncio.sleep(0.005)
    await holding.commit()
    assert await asking is True
    assert await verbs_._took_place(transaction, Patience()) is True
    await rival.close()
    await raw.close()


@pytest.mark.parametrize("known", [False, True], ids=["first of its connection", "one of many"])
async def test_a_write_that_the_server_comes_to_only_after_it_was_asked_about_does_not_take_place(
    installed_postgres, cut, known
):
    cut("killed before", "never")
    store = PostgresStore(installed_postgres)
    raw = await prepare(installed_postgres)
    verbs_ = await store._here()
    late = await connect(installed_postgres, "stook", timeout=60)
    lost = Transaction(late, schema="stook", clock=None, slot=7, mark=9)
    if known:
        await Transaction(late, schema="stook", clock=None, slot=7, mark=8).run(counted())
    before = await times(raw)
    lost.receipted = True
    assert await verbs_._took_place(lost, Patience()) is False
    lost.receipted = False
    with pytest.raises(asyncpg.DivisionByZeroError):
        await lost.run(counted())
    assert await times(raw) == before
    await late.close()
    await raw.close()
    await store.close()
    await store.close()


async def test_a_cancelled_verb_leaves_no_lock_and_no_broken_connection(installed_postgres):
    store = PostgresStore(installed_postgres, pool_size=1)
    raw = await prepare(installed_postgres)
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
