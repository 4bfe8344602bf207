"""Subscription changes lock user tables; user text runs as SQL with elevated rights."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
import pytest

from stook import App
from stook.core.errors import ConfigError
from stook.core.triggers import OnRow

pytestmark = pytest.mark.postgres


@contextlib.asynccontextmanager
async def user(url):
    connection = await asyncpg.connect(url, server_settings={"search_path": "public"})
    try:
        yield connection
    finally:
        await connection.close()


async def _run(url, *statements):
    async with user(url) as connection:
        return [await connection.fetch(one) for one in statements]


def _app(url, *triggers):
    app = App("shop", store=url)

    @app.task("follow", triggers=triggers or None)
    async def follow(change: dict) -> None: ...

    return app


def test_changing_a_subscription_locks_no_table_of_the_user(installed_postgres):
    asyncio.run(_run(installed_postgres, "create table orders (id integer, status text)"))
    first = _app(installed_postgres, OnRow("public.orders", "insert", columns="id"))
    with first, first.working():
        pass

    async def main():
        async with user(installed_postgres) as holder, holder.transaction():
            await holder.execute("lock table orders in access exclusive mode")  # nobody else may even read it
            second = _app(
                installed_postgres, OnRow("public.orders", "update,delete", columns="id,status", when="id > 1")
            )
            third = _app(installed_postgres)
            for app in (second, third):
                async with asyncio.timeout(10):
                    await asyncio.to_thread(_work_a_moment, app)
                seen.append(await _subscribed(installed_postgres))

    seen = []
    asyncio.run(main())
    assert seen == [[("update,delete", '["id","status"]')], []]


def _work_a_moment(app):
    with app, app.working():
        pass


async def _subscribed(url):
    (rows,) = await _run(url, "select ops, fields from stook.subscription where kind = 'row'")
    return [tuple(row) for row in rows]


HOSTILE = "x\"; drop table orders; select '"


def test_names_and_conditions_are_never_run_as_sql(installed_postgres):
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    asyncio.run(
        _run(
            installed_postgres,
            f"create table orders (id integer, note text, {quoted} integer)",
            f"create table {quoted} (id integer)",
        )
    )
    condition = "note = '''; drop table public.orders; --'"
    app = _app(
        installed_postgres,
        OnRow("public.orders", "insert", columns=["id", HOSTILE], when=condition),
        OnRow(f"public.{HOSTILE}", "insert", columns=["id"]),
    )
    with app, app.working():
        pass
    rows = asyncio.run(
        _run(
            installed_postgres,
            """insert into orders values (1, '''; drop table public.orders; --', 7)""",
            f"insert into {quoted} values (2)",
            "select count(*) from orders",
            "select source, new::json ->> 'id' from stook.row_change order by id",
        )
    )
    assert rows[2][0][0] == 1
    assert [tuple(row) for row in rows[3]] == [("public.orders", "1"), (f"public.{HOSTILE}", "2")]


@pytest.mark.parametrize(
    "text", ["1=1); drop table orders", "id in (select 1)", "pg_sleep(1) is null", "id = 1 -- x", "id::text = '1'"]
)
def test_a_condition_is_of_the_grammar_or_refused(text):
    with pytest.raises(ConfigError):
        OnRow("public.orders", "insert", columns=["id"], when=text)


def test_nothing_of_stook_runs_with_other_rights_than_its_callers(installed_postgres):
    app = _app(installed_postgres)
    with app:
        app.opened()
    everything, elevated = asyncio.run(
        _run(
            installed_postgres,
            "select proname from pg_proc where pronamespace = 'stook'::regnamespace",
            "select proname from pg_proc where pronamespace = 'stook'::regnamespace and prosecdef",
        )
    )
    assert {"invoke", "row_changed", "watch_rows"} <= {row[0] for row in everything}
    assert elevated == []
