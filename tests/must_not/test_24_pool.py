"""The test clock needs a one-connection pool."""

from __future__ import annotations

import asyncio

import pytest

from stook import App
from stook.store.postgres.driver import PostgresStore
from stook.store.statement import Now
from stook.testing import TestApp

READERS = 40


def what_time_it_is():
    return (yield Now())


@pytest.mark.parametrize("size", [1, 2, 8])
def test_all_connections_of_a_pool_see_the_clock_that_is_moved(installed_postgres, monkeypatch, size):
    defaults = PostgresStore.__init__.__kwdefaults__
    assert "pool_size" in defaults
    monkeypatch.setitem(defaults, "pool_size", size)
    app, ran = App("pool"), []
    with TestApp(app, store=installed_postgres) as t:

        @app.task("t")
        async def task(item):
            ran.append((item, t.clock()))

        start = t.clock()
        for seconds in range(1, 21):
            task.submit(seconds, delay=seconds)
        t.drain("fixpoint", concurrency=20)
        assert ran == [(seconds, start + seconds * 1_000_000) for seconds in range(1, 21)]
        session, portal = t.opened()
        t.clock.advance(1000)

        async def look():
            reads = [session.store.read(what_time_it_is) for _ in range(READERS)]
            writes = [session.store.write(what_time_it_is) for _ in range(READERS)]
            return await asyncio.gather(*reads, *writes)

        assert set(portal.call(look())) == {start + 1020 * 1_000_000}
