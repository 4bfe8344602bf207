"""A store under the contract's audit, on each database, for tests that are no coroutines: `run` waits for one."""

from __future__ import annotations

import asyncio
import secrets
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.contract.stores import KINDS, open_store, renewed

__all__ = ["one_postgres", "run", "store"]


@pytest.fixture(scope="session")
def run():
    with asyncio.Runner() as loop:
        yield loop.run


@pytest.fixture(scope="session")
def one_postgres(postgres_dsn, run):
    """For all tests one after the other: making a database takes longer than most of them."""
    name = f"stook_must_not_{secrets.token_hex(8)}"
    run(_execute(postgres_dsn, f"create database {name} template template0"))
    found = run(open_store(urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()))
    yield found
    run(found.close())
    run(_execute(postgres_dsn, f"drop database {name} with (force)"))


async def _execute(dsn, statement):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(params=KINDS)
def store(request, run, tmp_path):
    """Empty."""
    if request.param == "sqlite":
        found = run(open_store(f"sqlite:///{tmp_path / 'stook.db'}"))
        yield found
        run(found.close())
        return
    whole = request.getfixturevalue("one_postgres")
    run(whole.tables.empty())
    yield renewed(whole)
