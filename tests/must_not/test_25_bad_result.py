"""One bad result blocks a flush or is retried for ever."""

from __future__ import annotations

import asyncio
import sqlite3

import asyncpg
import pytest

from stook import App

# The database itself takes no result that holds this word.
BAD = "cursed"
SQLITE = (
    f"create trigger no_{BAD} before insert on outcome when instr(new.results, '{BAD}') > 0 "
    f"begin select raise(abort, 'it is {BAD}'); end"
)
POSTGRES = f"alter table stook.outcome add constraint no_{BAD} check (position('{BAD}'::bytea in results) = 0)"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request, tmp_path):
    """The URL of a store that is installed and takes no result with the word."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'stook.db'}"
        with App("install", store=url) as app:
            app.opened()
        connection = sqlite3.connect(tmp_path / "stook.db")
        connection.execute(SQLITE)
        connection.close()
        return url
    url = request.getfixturevalue("installed_postgres")
    with App("install", store=url) as app:
        app.opened()
    asyncio.run(_execute(url, POSTGRES))
    return url


async def _execute(url, statement):
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


def test_a_bad_result_fails_alone_and_once(store):
    app = App("spells", store=store)
    calls = []

    @app.task(max_attempts=5)
    async def cast(n: int) -> str:
        calls.append(n)
        return BAD if n == 37 else "fine"

    with app, app.working():
        batch = cast.map(range(100))
        batch.wait(timeout=60)
        assert [one.value for one in batch.results() if one.ok] == ["fine"] * 99
        (failed,) = batch.failed_results()
        assert failed.index == 37
        (group,) = batch.failures
        assert group.type.rpartition(".")[2] == "ResultNotSerializable"
        assert BAD in group.message
        other = cast.map([1, 2, 3])
        assert other.wait(timeout=60)
        assert sorted(calls) == sorted([*range(100), 1, 2, 3])
