"""What every test may ask for.

`postgres_dsn`: one real server for the whole run, all xdist workers together.
`fresh_postgres`: an empty database on it; `installed_postgres`: one with our schema.
STOOK_TEST_POSTGRES chooses the server: `installed`, `embedded`, or the DSN of a running one whose role may create
databases. By default an installed one, else the embedded one.
"""

from __future__ import annotations

import asyncio
import compileall
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from stook.store.postgres.driver import PostgresStore
from stook_dev.postgres import NOT_DURABLE, share_server

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


@pytest.fixture
def fresh_postgres(postgres_dsn: str) -> Iterator[str]:
    """The DSN of a database that is empty, and gone after the test."""
    name = f"stook_test_{secrets.token_hex(8)}"
    asyncio.run(_execute(postgres_dsn, f"create database {name} template template0"))
    yield urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
    asyncio.run(_execute(postgres_dsn, f"drop database {name} with (force)"))


@pytest.fixture(scope="session")
def _installed(postgres_dsn: str) -> Iterator[str]:
    """The name of a database with our schema in it, to be copied: that takes less time than installing it again."""
    name = f"stook_installed_{secrets.token_hex(8)}"
    asyncio.run(_execute(postgres_dsn, f"create database {name} template template0"))

    async def install() -> None:
        store = await PostgresStore.open(urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl())
        await store.close()

    asyncio.run(install())
    yield name
    asyncio.run(_execute(postgres_dsn, f"drop database {name} with (force)"))


@pytest.fixture
def installed_postgres(postgres_dsn: str, _installed: str) -> Iterator[str]:
    """As `fresh_postgres`, with our schema in it."""
    name = f"stook_test_{secrets.token_hex(8)}"
    asyncio.run(_execute(postgres_dsn, f"create database {name} template {_installed}"))
    yield urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
    asyncio.run(_execute(postgres_dsn, f"drop database {name} with (force)"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
