"""Settling touches other queues' partitions; claim errors vanish silently."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

import asyncpg
import pytest

from stook import App, NonRetryable
from stook.core.errors import StoreUnavailable
from stook.engine.source import LocalSource

TABLES = ("batch", "segment", "lease")
REFUSE = """
create function stook.refuse() returns trigger language plpgsql as
$$ begin raise exception 'touched %', tg_table_name; end $$;
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def app(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'stook.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("installed_postgres")
    with App("apart", store=url) as opened:
        yield opened


def test_ends_of_one_queue_write_no_row_of_another(app):
    """Neither by workers of that queue, nor when they come in one flush with others."""
    ran = []

    @app.task("here", queue="here", max_attempts=1)
    async def here(item):
        ran.append(item)
        if item % 3 == 0:
            raise NonRetryable("so it is")

    other = app.task("there", queue="there")(lambda item: item).map(range(5))
    guard(app.store)
    with pytest.raises(Exception, match="touched"):
        other.cancel()  # the guard works
    batch = here.map(range(20))
    assert app.orchestrator(workers=[app.worker("here")]).sync.drain()
    assert len(ran) == 20
    assert batch.show().state.value == "partially_failed"


def guard(url):
    """From now on the database refuses changes of what lies in the queue `there`."""
    if url.startswith("sqlite:"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        for table in TABLES:
            for what in ("update", "delete"):
                connection.execute(
                    f"create trigger guard_{table}_{what} before {what} on {table} when old.queue = 'there' "
                    f"begin select raise(abort, 'touched {table}'); end"
                )
        connection.commit()
        connection.close()
        return
    asyncio.run(_guard_postgres(url))


async def _guard_postgres(url):
    raw = await asyncpg.connect(url, server_settings={"search_path": "stook"})
    try:
        await raw.execute(REFUSE)
        for table in TABLES:
            await raw.execute(
                f"create trigger guard before update or delete on {table} "
                f"for each row when (old.queue = 'there') execute function stook.refuse()"
            )
    finally:
        await raw.close()


def test_a_claim_that_fails_is_said_and_tried_again(app, monkeypatch, caplog):
    ran, failures = [], iter([StoreUnavailable("the line is cut"), StoreUnavailable("still cut")])
    real = LocalSource.claim

    async def claim(self, one):
        for error in failures:
            raise error
        return await real(self, one)

    monkeypatch.setattr(LocalSource, "claim", claim)
    app.task("t")(ran.append).submit(1)
    with caplog.at_level(logging.WARNING, "stook"):
        assert app.orchestrator().sync.drain()
    assert ran == [1]
    assert [one.getMessage() for one in caplog.records if "cannot claim" in one.getMessage()] == [
        "cannot claim work, trying on: the line is cut",
        "cannot claim work, trying on: still cut",
    ]


def test_a_claim_that_can_never_work_stops_the_worker_and_is_raised(app, monkeypatch, caplog):
    async def claim(self, one):
        raise ValueError("a mistake")

    monkeypatch.setattr(LocalSource, "claim", claim)
    app.task("t")(lambda: None).submit()
    made = app.orchestrator()
    with pytest.raises(ValueError, match="a mistake"):
        asyncio.run(asyncio.wait_for(made.run(), 30))
    assert made.info.is_stopped
    assert any("cannot go on: a mistake" in one.getMessage() for one in caplog.records)
