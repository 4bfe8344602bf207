"""Opening a store while its server is away: waited for as by every verb, unless waiting cannot mend it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from stook.core.errors import ConfigError, StoreUnavailable
from stook.store.postgres import migrate as migrating
from stook.store.postgres.connect import connect
from stook.store.postgres.driver import PostgresStore
from stook.store.script.clock import read_clock
from stook_dev.postgres import NOT_DURABLE, start_server

NOBODY = "postgresql://user:secret@127.0.0.1:1/none"


class Waits(logging.Handler):
    """What was said about waiting, and something that is called when it is."""

    def __init__(self, then):
        super().__init__()
        self.said = []
        self._then = then

    def emit(self, record):
        self.said.append(record.getMessage())
        self._then()


@contextmanager
def waits(then=lambda: None):
    logger, handler = logging.getLogger("stook.store"), Waits(then)
    logger.addHandler(handler)
    try:
        yield handler.said
    finally:
        logger.removeHandler(handler)


def test_a_server_that_is_started_later():
    server = start_server(NOT_DURABLE)
    try:
        server.halt()
        away = threading.Event()
        with waits(away.set) as said:
            starter = threading.Thread(target=lambda: (away.wait(), server.resume()))
            starter.start()
            store = PostgresStore(server.dsn)
            starter.join()
        assert store.write_blocking(read_clock) > 0
        store.close_blocking()
        assert len(said) == 1
        assert "no server answers for PostgreSQL at 127.0.0.1" in said[0]
        assert said[0].endswith("waiting for it, up to 30 s")
    finally:
        server.stop()


async def test_a_server_that_is_full_for_a_while(fresh_postgres):
    was = urlsplit(fresh_postgres)
    raw = await asyncpg.connect(fresh_postgres)
    await raw.execute("create role one_stook login password 'x' connection limit 1")
    await raw.execute(f"grant create on database {was.path[1:]} to one_stook")
    url = was._replace(netloc=f"one_stook:x@{was.hostname}:{was.port}").geturl()
    holding = await asyncpg.connect(url)
    full = asyncio.Event()
    try:
        with waits(full.set) as said:
            opening = asyncio.create_task(PostgresStore.open(url))
            await full.wait()
            await holding.close()
            await (await opening).close()
        assert "has no connection left" in said[0]
    finally:
        await raw.execute("drop owned by one_stook cascade; drop role one_stook")
        await raw.close()


async def test_a_server_that_is_starting_up(fresh_postgres, monkeypatch):
    errors = [asyncpg.CannotConnectNowError("the database system is starting up"), ConnectionResetError()]

    async def not_yet(*args, **options):
        if errors:
            raise errors.pop(0)
        return await connect(*args, **options)

    monkeypatch.setattr(migrating, "connect", not_yet)
    with waits() as said:
        store = await PostgresStore.open(fresh_postgres)
    assert len(said) == 1
    assert "is starting up" in said[0]
    await store.close()


@pytest.mark.parametrize("how", ["blocking", "on a loop"])
async def test_a_server_that_stays_away_is_named_with_how_long_it_was_tried(how):
    with waits(), pytest.raises(StoreUnavailable) as caught:
        if how == "blocking":
            PostgresStore(NOBODY, patience=0.04)
        else:
            await PostgresStore.open(NOBODY, patience=0.04)
    said = str(caught.value)
    assert said.startswith("no server answers for PostgreSQL at 127.0.0.1:1, database none; tried for 0.")
    assert said.endswith(" s (start it, or check the URL)")
    assert "secret" not in said
    assert "\n" not in said


async def test_a_server_that_never_answers_is_not_tried_for_longer(monkeypatch):
    """What the tries themselves take is part of the patience."""
    now, tries = [0.0], []

    async def silent(*_args, **_options):
        tries.append(now[0])
        now[0] += 10
        raise TimeoutError

    class Clock:
        @staticmethod
        def monotonic():
            return now[0]

    monkeypatch.setattr(migrating, "time", Clock)
    monkeypatch.setattr(migrating, "connect", silent)
    with waits(), pytest.raises(StoreUnavailable, match="does not answer; tried for 30 s"):
        await PostgresStore.open(NOBODY)
    assert tries == [0, 10, 20]


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("postgresql://no.such.host.invalid/x", StoreUnavailable, "cannot reach"),
        ("postgresql://127.0.0.1:65536/x", ConfigError, "there is no port 65536"),
        ("postgresql://127.0.0.1:1/x?sslmode=verify-full&sslrootcert=/none", ConfigError, "sslrootcert=/none is no"),
        ("postgresql://a@127.0.0.1:1,b:port/x", ConfigError, "not a PostgreSQL URL"),
    ],
)
async def test_a_wrong_url_is_not_waited_for(url, kind, words):
    with waits() as said, pytest.raises(kind, match=words):
        await PostgresStore.open(url)
    assert not said


@pytest.mark.parametrize("password", ["hunter2/x", "hunter2#x", "hunter2?x", "hunter2[", "x:hunter2/"])
async def test_a_password_that_breaks_the_url_is_not_said(password):
    with pytest.raises(ConfigError, match="%2F") as caught:
        await PostgresStore.open(f"postgresql://user:{password}@127.0.0.1:1/x")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda was: was._replace(path="/none"), "create the database"),
        (lambda was: was._replace(netloc=f"stook:wrong@{was.hostname}:{was.port}"), "refuses the password"),
        (lambda was: was._replace(query="sslmode=require"), "rejected SSL"),
    ],
)
async def test_what_the_server_refuses_is_not_waited_for(fresh_postgres, change, words):
    with waits() as said, pytest.raises(StoreUnavailable, match=words):
        await PostgresStore.open(change(urlsplit(fresh_postgres)).geturl())
    assert not said


async def test_who_is_cancelled_waits_no_longer():
    away = asyncio.Event()
    with waits(away.set):
        opening = asyncio.create_task(PostgresStore.open(NOBODY))
        await away.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening


def test_ctrl_c_while_it_blocks():
    before = set(threading.enumerate())
    with waits(lambda: os.kill(os.getpid(), signal.SIGINT)), pytest.raises(KeyboardInterrupt):
        PostgresStore(NOBODY)
    assert set(threading.enumerate()) <= before


async def test_whoever_stops_waiting_for_a_connection_leaves_none(postgres_dsn, monkeypatch):
    made = asyncio.get_running_loop().create_future()

    async def never(connection, _):
        made.set_result(connection)
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncpg.Connection, "prepare", never)
    waiting = asyncio.create_task(connect(postgres_dsn, "stook", timeout=5.0))
    connection = await made
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert connection.is_closed()
