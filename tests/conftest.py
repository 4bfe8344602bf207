"""What every test may ask for.

`postgres_dsn`: one real server for the whole run, all xdist workers together.
`fresh_postgres`: an empty database on it; `installed_postgres`: one with our schema; `emptied_postgres`: the same.
STOOK_TEST_POSTGRES chooses the server: `installed`, `embedded`, or the DSN of a running one whose role may create
databases. By default an installed one, else the embedded one.
"""

from __future__ import annotations

import compileall
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from stook_dev.postgres import NOT_DURABLE, share_server
from tests.databases import Databases, Emptying

if TYPE_CHECKING:
    from collections.abc import Iterator

# The machine may be busy with the other workers' tests: time is watched by pytest-timeout alone.
settings.register_profile("stook", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("stook")


# Whoever starts the tests in the background of a script has SIGINT ignored, and so would every program they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Hundreds of processes are started here. Where nobody may write bytecode each of them would compile all of stook, and
# each xdist worker all tests.
sys.dont_write_bytecode = False


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        for package in ("src", "soak", "stook_dev"):
            compileall.compile_dir(Path(__file__).parents[1] / package, quiet=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "postgres_dsn" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")


@pytest.fixture(scope="session")
def postgres_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A superuser's DSN of a real server. What is committed survives the server's crash, not the machine's."""
    chosen = os.environ.get("STOOK_TEST_POSTGRES") or "any"
    if chosen.startswith("postgres"):
        yield chosen
        return
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the run's own, above its workers'
    with share_server(folder / "postgres.json", NOT_DURABLE, origin=chosen) as server:
        yield server.dsn


@pytest.fixture(scope="session")
def databases(postgres_dsn: str) -> Iterator[Databases]:
    made = Databases(postgres_dsn)
    yield made
    made.close()


@pytest.fixture
def fresh_postgres(databases: Databases) -> Iterator[str]:
    """The DSN of a database that is empty, and gone after the test."""
    made = databases.empty()
    yield made
    databases.give_back(made)


@pytest.fixture
def installed_postgres(databases: Databases) -> Iterator[str]:
    """As `fresh_postgres`, with our schema in it."""
    made = databases.installed()
    yield made
    databases.give_back(made)


@pytest.fixture(scope="session")
def one_database(databases: Databases) -> str:
    """Of this process, for all its tests one after the other, each of which empties it."""
    return databases.installed()


@pytest.fixture(scope="session")
def _emptying(one_database: str) -> Iterator[Emptying]:
    made = Emptying(one_database)
    yield made
    made.close()


@pytest.fixture
def emptied_postgres(one_database: str, _emptying: Emptying) -> str:
    """As `installed_postgres`, for tests that change nothing but rows: it takes less time."""
    _emptying()
    return one_database
