"""Where the stores of these tests lie: a new SQLite file, or a PostgreSQL database that was emptied."""

from __future__ import annotations

import pytest

from stook import App
from stook.testing import Harness
from tests.databases import installed_sqlite

__all__ = [
    "app",
    "app_on_either",
    "either",
    "harness",
    "harness_on_either",
    "no_fsync",
    "where",
]


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch):
    """No test here cuts the power."""
    monkeypatch.setenv("STOOK_SYNCHRONOUS", "off")


@pytest.fixture
def where(tmp_path):
    """The URL of an empty store."""
    return installed_sqlite(tmp_path / "stook.db")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def either(request):
    """`where`, on both databases: for what a database could do differently."""
    if request.param == "sqlite":
        return request.getfixturevalue("where")
    return request.getfixturevalue("emptied_postgres")


@pytest.fixture
def app(where):
    with App("test", store=where) as opened:
        yield opened


@pytest.fixture
def app_on_either(either):
    with App("test", store=either) as opened:
        yield opened


@pytest.fixture
def harness(where):
    """With an app, on a store of its own and a clock that stands still."""
    with Harness(App("test"), store=where) as opened:
        yield opened


@pytest.fixture
def harness_on_either(either):
    with Harness(App("test"), store=either) as opened:
        yield opened
