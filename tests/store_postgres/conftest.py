"""Tests are coroutines; the loop is the one their store was opened on."""

from __future__ import annotations

import asyncio
import inspect
import secrets
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.contract.raw_tables import PostgresTables
from tests.contract.stores import open_store


@pytest.fixture
def runner():
    with asyncio.Runner() as loop:
        yield loop


@pytest.fixture(scope="session")
def _one_database(postgres_dsn, _installed):
    name = f"stook_pairs_{secrets.token_hex(8)}"
    asyncio.run(_execute(postgres_dsn, f"create database {name} template {_installed}"))
    yield urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
    asyncio.run(_execute(postgres_dsn, f"drop database {name} with (force)"))


@pytest.fixture
def emptied_postgres(_one_database):
    """As `installed_postgres`, but of this process, for all its tests one after the other: for those that change
    nothing but rows."""
    asyncio.run(_empty(_one_database))
    return _one_database


async def _empty(dsn):
    tables = await PostgresTables.open(dsn)
    try:
        await tables.empty()
    finally:
        await tables.close()


async def _execute(dsn, statement):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def store(installed_postgres, runner):
    """With the audit of the contract after each write, and a clock that stands still."""
    found = runner.run(open_store(installed_postgres))
    yield found
    runner.run(found.close())


def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    runner = pyfuncitem.funcargs.get("runner")
    if runner is None:
        asyncio.run(pyfuncitem.obj(**given))
    else:
        runner.run(pyfuncitem.obj(**given))
    return True
