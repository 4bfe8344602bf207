"""`OnRow` from the definition of a task to its run."""

from __future__ import annotations

import asyncio
import queue

import asyncpg
import pytest

from stook import App
from stook.core.errors import ConfigError, UnsupportedByBackend
from stook.core.triggers import OnRow
from stook.worker.event import Event


async def _execute(url, *statements):
    connection = await asyncpg.connect(url, server_settings={"search_path": "public"})
    for one in statements:
        await connection.execute(one)
    await connection.close()


def _app(url, trigger):
    app, seen = App("shop", store=url), queue.SimpleQueue()

    @app.task("follow", triggers=trigger)
    async def follow(event: Event[dict]) -> None:
        seen.put((event.kind, event.name, event.payload))

    return app, seen


@pytest.mark.postgres
def test_a_row_that_changes_runs_a_task_until_triggers_are_removed(installed_postgres):
    asyncio.run(_execute(installed_postgres, "create table orders (id integer, status text)"))
    app, seen = _app(installed_postgres, OnRow("public.orders", "update", columns="id", when="NEW.status = 'paid'"))
    with app, app.working():
        asyncio.run(
            _execute(
                installed_postgres,
                "insert into orders values (7, 'new'), (8, 'new')",
                "update orders set status = 'paid' where id = 7",
            )
        )
        change = {"old": {"id": 7}, "new": {"id": 7}, "tg_table": "orders", "tg_op": "UPDATE"}
        assert seen.get(timeout=30) == ("row", "public.orders.update", change)
        assert app.sync.remove_triggers() == ["public.orders"]
        assert app.sync.remove_triggers() == []
    assert seen.empty()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (OnRow("public.nothing", "insert", columns="id"), "no table public.nothing"),
        (OnRow("public.orders", "insert", columns="id, statu"), "no column 'statu'"),
        (OnRow("public.orders", "insert", columns="id", when="statsu = 'x'"), "no column 'statsu'"),
    ],
    ids=["table", "column", "condition"],
)
def test_what_is_not_there_is_told_when_the_worker_starts(installed_postgres, trigger, words):
    asyncio.run(_execute(installed_postgres, "create table orders (id integer, status text)"))
    app, _ = _app(installed_postgres, trigger)
    with app, pytest.raises(ConfigError, match=words), app.working():
        pass


def test_sqlite_tells_of_no_rows(tmp_path):
    app, _ = _app(f"sqlite:///{tmp_path / 'stook.db'}", OnRow("main.orders", "insert", columns="id"))
    with app, pytest.raises(UnsupportedByBackend, match="use a PostgreSQL store"), app.working():
        pass
