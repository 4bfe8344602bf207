"""A store that an earlier program made is brought up to date with what is in it."""

from __future__ import annotations

import sqlite3

import asyncpg
import pytest

from stook.core.errors import QuotaExceeded
from stook.engine.keys import Keys
from stook.engine.projects import Projects
from stook.store.migrations import migrations
from stook.store.postgres import migrate as of_postgres
from stook.store.sqlite import connect as of_sqlite
from tests.contract.batches import submit_items
from tests.contract.stores import open_store

BEFORE = "insert into project (name, weight) values ('team', 3)"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stook.db'}"
    return request.getfixturevalue("fresh_postgres")


async def test_projects_keep_what_they_have(url, runner, monkeypatch):
    with monkeypatch.context() as earlier:
        for module in (of_sqlite, of_postgres):
            earlier.setattr(module, "migrations", lambda package: migrations(package)[:1])
        await (await open_store(url)).close()
    if url.startswith("sqlite:"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.execute(BEFORE)
        connection.commit()
        connection.close()
    else:
        raw = await asyncpg.connect(url, server_settings={"search_path": "stook"})
        await raw.execute(BEFORE)
        await raw.close()
    store = await open_store(url)
    try:
        shown = await Projects(store).show("team")
        assert (shown.weight, shown.max_rate, shown.queued_items) == (3.0, None, None)
        await submit_items(store, 5, project="team")
        await Projects(store).change("team", max_queued_items=6)
        with pytest.raises(QuotaExceeded, match="has 5 items"):
            await submit_items(store, 2, project="team")
        keys = Keys(store)
        assert await keys.ensure_first(None) is not None
    finally:
        await store.close()
