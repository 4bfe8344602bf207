"""`App(pool=…)`: the app works on the database that the pool leads to, and leaves the pool alone."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from stook import App
from stook.core.errors import ConfigError
from stook.wiring.pool_url import _url, pool_url


async def works(pool):
    with App("test", pool=pool) as app:
        execution = await app.task("t")(lambda item: item).asubmit(3)
        assert await app.orchestrator().drain()
        return await execution.result()


@pytest.mark.parametrize("how", ["dsn", "words"])
def test_an_asyncpg_pool_shows_where_and_stays_open(installed_postgres, how):
    parts = urlsplit(installed_postgres)
    words = {"host": parts.hostname, "port": parts.port, "user": parts.username, "password": parts.password}
    words = {name: value for name, value in words.items() if value is not None} | {"database": parts.path[1:]}
    if parts.query:
        how = "dsn"

    async def main():
        made = asyncpg.create_pool(installed_postgres) if how == "dsn" else asyncpg.create_pool(**words)
        async with made as pool:
            assert await works(pool) == 3
            assert await pool.fetchval("select count(*) from stook.batch") == 1

    asyncio.run(main())


def test_an_engine_of_sqlalchemy_shows_where(tmp_path):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    file = tmp_path / "app.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    assert asyncio.run(works(engine)) == 3
    assert file.exists()
    with pytest.raises(ConfigError, match="in memory"):
        App("test", pool=sqlalchemy.create_engine("sqlite://"))


def test_parts_that_need_it_are_quoted_and_sockets_are_folders():
    assert _url({"host": "h", "port": 5433, "user": "a b", "password": "p@:/", "dbname": "d/x"}) == (
        "postgresql://a%20b:p%40%3A%2F@h:5433/d%2Fx"
    )
    assert _url({"host": "/run/pg", "port": "5433", "dbname": "d"}) == "postgresql:///d?host=%2Frun%2Fpg&port=5433"


class Pool:
    """As psycopg's, as far as it is looked at."""

    def __init__(self, conninfo, kwargs=None):
        self.conninfo, self.kwargs = conninfo, kwargs


Pool.__module__ = "psycopg_pool.pool_async"


def test_what_a_pool_of_psycopgs_was_told_is_read_in_both_forms():
    assert pool_url(Pool("postgresql://a@b/c")) == "postgresql://a@b/c"
    assert pool_url(Pool(r"host=h port = 5 user='a b' password='it\'s'", {"dbname": "d"})) == (
        "postgresql://a%20b:it%27s@h:5/d"
    )


@pytest.mark.parametrize("pool", [object(), "postgresql://", 3])
def test_anything_else_is_refused(pool):
    with pytest.raises(ConfigError, match="no pool that stook knows"):
        pool_url(pool)


def test_a_pool_and_a_store_are_two(tmp_path):
    with pytest.raises(ConfigError, match="two stores"):
        App("test", store=f"sqlite:///{tmp_path / 'a.db'}", pool=object())
