"""Every test here runs on both databases. Tests are coroutines; the loop is the one their store was opened on."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from tests.contract.stores import KINDS, open_store, renewed
from tests.databases import installed_sqlite


@pytest.fixture(scope="session")
def runner():
    with asyncio.Runner() as loop:
        yield loop


@pytest.fixture(scope="session")
def one_database(databases):
    """Of this process, for all its tests one after the other: a store of its own stays open on it."""
    return databases.installed()


@pytest.fixture(scope="session")
def one_postgres(one_database, runner):
    """As with the database: opening a store takes longer than most tests."""
    found = runner.run(open_store(one_database))
    yield found
    runner.run(found.close())


@pytest.fixture(params=KINDS)
def where(request, tmp_path):
    """The URL of a store."""
    if request.param == "sqlite":
        return installed_sqlite(tmp_path / "stook.db")
    return request.getfixturevalue("one_database")


@pytest.fixture
def store(where, runner, request):
    """Empty."""
    if where.startswith("sqlite:"):
        found = runner.run(open_store(where))
        yield found
        runner.run(found.close())
        return
    found = request.getfixturevalue("one_postgres")
    runner.run(found.tables.empty())
    yield renewed(found)
    runner.run(_end_tasks())


@pytest.fixture
def other(where, store, runner):
    """Another store on the same database, with the same clock, as another process has one."""
    found = runner.run(open_store(where, store.clock))
    found.audit = store.audit
    found.ids, found.tokens = store.ids, store.tokens
    yield found
    runner.run(found.close())


async def _end_tasks():
    """What a test that failed left behind must not hold locks in the next one."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


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
