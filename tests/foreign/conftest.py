"""A store of either kind, and callers of every kind with connections to its database."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from tests.contract.stores import open_store, renewed
from tests.databases import installed_sqlite
from tests.foreign.callers import CALLERS, POSTGRES, opened


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch):
    """No test here cuts the power."""
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")


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
    found = runner.run(open_store(one_database))
    yield found
    runner.run(found.close())


@pytest.fixture(params=[pytest.param(one, marks=[pytest.mark.postgres] if one in POSTGRES else []) for one in CALLERS])
def kind(request):
    return request.param


@pytest.fixture
def place(kind, request, tmp_path):
    """What the kind's libraries open."""
    return request.getfixturevalue("one_database") if kind in POSTGRES else str(tmp_path / "stook.db")


@pytest.fixture
def store(kind, place, runner, request):
    """Empty."""
    if kind not in POSTGRES:
        found = runner.run(open_store(installed_sqlite(place)))
        yield found
        runner.run(found.close())
        return
    found = request.getfixturevalue("one_postgres")
    runner.run(found.tables.connection.execute("drop table if exists public.mine"))
    runner.run(found.tables.empty())
    yield renewed(found)


@pytest.fixture
def caller(kind, place, store, runner):
    context = opened(kind, place, clock=store.clock)
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


@pytest.fixture
def committing(kind, place, store, runner):
    """A caller whose every statement commits by itself."""
    context = opened(kind, place, autocommit=True, clock=store.clock)
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    pyfuncitem.funcargs["runner"].run(pyfuncitem.obj(**given))
    return True
