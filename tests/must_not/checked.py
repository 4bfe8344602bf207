"""A store under the contract's audit, on each database, for tests that are no coroutines: `run` waits for one."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.stores import KINDS, open_store, renewed
from tests.databases import installed_sqlite

__all__ = ["one_postgres", "run", "store"]


@pytest.fixture(scope="session")
def run():
    with asyncio.Runner() as loop:
        yield loop.run


@pytest.fixture(scope="session")
def one_postgres(databases, run):
    """For all tests one after the other: opening a store takes longer than most of them."""
    found = run(open_store(databases.installed()))
    yield found
    run(found.close())


@pytest.fixture(params=KINDS)
def store(request, run, tmp_path):
    """Empty."""
    if request.param == "sqlite":
        found = run(open_store(installed_sqlite(tmp_path / "stook.db")))
        yield found
        run(found.close())
        return
    whole = request.getfixturevalue("one_postgres")
    run(whole.tables.empty())
    yield renewed(whole)
