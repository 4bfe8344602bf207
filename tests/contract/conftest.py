"""Every test here runs on both databases. Tests are coroutines; the loop is the one their store was opened on."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from tests.contract.stores import KINDS, open_store


@pytest.fixture
def runner():
    with asyncio.Runner() as loop:
        yield loop


@pytest.fixture(params=KINDS)
def where(request, tmp_path):
    """The URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stook.db'}"
    return request.getfixturevalue("fresh_postgres")


@pytest.fixture
def store(where, runner):
    found = runner.run(open_store(where))
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
