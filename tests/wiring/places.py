"""Where the stores of these tests lie: a new SQLite file, or a PostgreSQL database that was emptied."""

from __future__ import annotations

import asyncio
import secrets
from urllib.parse import urlsplit

import asyncpg
import pytest

from stook import App
from stook.store.postgres.driver import PostgresStore
from stook.testing import Harness
from tests.contract.raw_tables import PostgresTables

__all__ = [
    "app",
    "app_on_either",
    "either",
    "harness",
    "harness_on_either",
    "no_fsync",
    "one_database",
    "where",
]


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch):
    """No test here cuts the power."""
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")


@pytest.fixture(scope="session")
def one_database(postgres_dsn):
    """Of this process, for all its tests one after the other: making one takes longer than most tests."""
    name = f"stook_wiring_{secrets.token_hex(8)}"
    asyncio.run(_execute(postgres_dsn, f"create database {name} template template0"))
    url = urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
    PostgresStore(url).close_blocking()
    yield url
    asyncio.run(_execute(postgres_dsn, f"drop database {name} with (force)"))


async def _execute(dsn, statement):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _empty(url):
    tables = await PostgresTables.open(url)
    try:
        await tables.empty()
    finally:
        await tables.close()


@pytest.fixture
def where(tmp_path):
    """The URL of an empty store."""
    return f"sqlite:///{tmp_path / 'stook.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def either(request):
    """`where`, on both databases: for what a database could do differently."""
    if request.param == "sqlite":
        return request.getfixturevalue("where")
    url = request.getfixturevalue("one_database")
    asyncio.run(_empty(url))
    return url


@pytest.fixture
def app(where):
    with App("test", store=where) as opened:
        yield opened


@pytest.fixture
def app_on_either(either):
    with App("test", store=either) as opened:
        yield opened


@pytest.fixture
def harness(where):
    """With an app, on a store of its own and a clock that stands still."""
    with Harness(App("test"), store=where) as opened:
        yield opened


@pytest.fixture
def harness_on_either(either):
    with Harness(App("test"), store=either) as opened:
        yield opened
