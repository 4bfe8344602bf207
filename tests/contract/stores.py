"""Opening a store for tests, of either kind, by its URL."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from stook.store.sqlite.driver import SqliteStore
from tests.contract.checked_store import CheckedStore
from tests.contract.moving_clock import START, MovingClock
from tests.contract.raw_tables import PostgresTables, SqliteTables

__all__ = ["KINDS", "open_store", "renewed"]

_THERE = find_spec("stook.store.postgres.driver") is not None
_POSTGRES = [pytest.mark.postgres, pytest.mark.skipif(not _THERE, reason="the PostgreSQL driver is not there")]
KINDS = ["sqlite", pytest.param("postgres", marks=_POSTGRES)]


async def open_store(url: str, clock: MovingClock | None = None) -> CheckedStore:
    """Without fsync: no test here cuts the power."""
    clock = clock or MovingClock()
    if url.startswith("sqlite:"):
        sqlite = SqliteStore(url, clock=clock, synchronous="off")
        return CheckedStore(sqlite, SqliteTables(sqlite.path), clock, "sqlite")
    from stook.store.postgres.driver import PostgresStore

    return CheckedStore(PostgresStore(url, clock=clock), await PostgresTables.open(url), clock, "postgres")


def renewed(store: CheckedStore) -> CheckedStore:
    """The same database behind it, which is empty; all else as if it had just been opened."""
    store.clock.now = START
    return CheckedStore(store.store, store.tables, store.clock, store.kind)
