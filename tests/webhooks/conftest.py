from __future__ import annotations

import asyncio
import inspect

import pytest

from tests.cli.conftest import *  # noqa: F403 - fixtures
from tests.cli.conftest import cli, tasks  # noqa: F401 - named, so that they are found
from tests.serving.programs import programs
from tests.webhooks.station import station
from tests.wiring.places import *  # noqa: F403 - fixtures


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture
def here(where):
    with station(store=where) as made:
        yield made


@pytest.fixture
def here_on_either(either):
    with station(store=either) as made:
        yield made


@pytest.fixture
def run(tasks):  # noqa: F811 - the fixture of that name
    tasks.environment |= {"STOOK_SYNCHRONOUS": "off", "STOOK_WEBHOOK_ALLOW_PRIVATE": "true"}
    with programs(tasks) as made:
        yield made
