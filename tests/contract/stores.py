"""Opening a store for tests, of either kind, by its URL."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from stook.store.sqlite.driver import SqliteStore
from tests.contract.checked_store import CheckedStore
from tests.contract.moving_clock import MovingClock
from tests.contract.raw_tables import PostgresTables, SqliteTables

__all__ = ["KINDS", "open_store"]

_THERE = find_spec("stook.store.postgres.driver") is not None
_POSTGRES = [pytest.mark.postgres, pytest.mark.skipif(not _THERE, reason="the PostgreSQL driver is not there")]
KINDS = ["sqlite", pytest.param("postgres", marks=_POSTGRES)]


async def open_store(url: str, clock: MovingClock | None = None, *, emptied: bool = False) -> CheckedStore:
    """Without fsync: no test here cuts the power. `emptied`: a PostgreSQL database may hold another test's rows."""
    clock = clock or MovingClock()
    if url.startswith("sqlite:"):
        sqlite = SqliteStore(url, clock=clock, synchronous="off")
        return CheckedStore(sqlite, SqliteTables(sqlite.path), clock, "sqlite")
    from stook.store.postgres.driver import PostgresStore

    postgres, tables = PostgresStore(url, clock=clock), await PostgresTables.open(url)
    if emptied:
        await tables.empty()
    return CheckedStore(postgres, tables, clock, "postgres")
