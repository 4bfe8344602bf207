"""Tests are coroutines; the loop is the one their store was opened on."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from tests.contract.stores import open_store


@pytest.fixture
def runner():
    with asyncio.Runner() as loop:
        yield loop


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
