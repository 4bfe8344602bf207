"""Stores for one module's tests: none of them cuts the power, so none waits for the disk."""

from __future__ import annotations

import asyncio
import secrets
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.contract.raw_tables import PostgresTables


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch):
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")


@pytest.fixture(scope="module")
def shared_postgres(postgres_dsn):
    name = f"stook_soak_{secrets.token_hex(8)}"
    asyncio.run(execute(postgres_dsn, f"create database {name} template template0"))
    yield urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
    asyncio.run(execute(postgres_dsn, f"drop database {name} with (force)"))


@pytest.fixture
def emptied_postgres(shared_postgres):
    """A database without rows: a new one for each test would take most of the time."""
    asyncio.run(_empty(shared_postgres))
    return shared_postgres


async def _empty(dsn):
    tables = await PostgresTables.open(dsn)
    try:
        await tables.empty()
    finally:
        await tables.close()


async def execute(dsn, statement):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
