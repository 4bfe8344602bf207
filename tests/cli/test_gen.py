"""`stook gen types`."""

from __future__ import annotations

import asyncio
import typing

import asyncpg
import pytest

pytestmark = pytest.mark.postgres

TABLES = """
create schema shop;
create type shop.mood as enum ('fine', 'poor');
create domain shop.email as text not null;
create table shop.orders (
    id bigint primary key, total numeric not null, placed timestamptz, mood shop.mood not null, lines jsonb not null,
    labels text[] not null, mail shop.email, "of" boolean
);
alter table shop.orders drop column placed;
create view shop.seen as select * from shop.orders;
create table shop.nothing ();
create table public.plain (n integer)
"""


@pytest.fixture
def database(fresh_postgres):
    asyncio.run(_execute(fresh_postgres, TABLES))
    return fresh_postgres


async def _execute(url, statement):
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


def _made(source):
    found = {}
    exec(compile(source, "types.py", "exec", dont_inherit=True), found)
    return found


def test_rows_of_all_tables_are_python(cli, database):
    found = _made(cli("gen", "types", "--dsn", database, "--schemas", "shop,public").stdout)
    assert found["__all__"] == ["PublicPlainRow", "ShopOrdersRow"]
    any_ = typing.Any
    assert typing.get_type_hints(found["ShopOrdersRow"]) == {
        "id": int,
        "total": float,
        "mood": typing.Literal["fine", "poor"],
        "lines": any_,
        "labels": list[str | None],
        "mail": str,
        "of": bool | None,
    }
    found = _made(cli("gen", "types", STOOK_URL=database).stdout)
    assert found["__all__"] == ["PlainRow"]


def test_what_is_not_there_is_said_in_a_line(cli, database):
    assert "there is no schema 'shopp'" in cli.fails(2, "gen", "types", "--dsn", database, "--schemas", "shopp")
    assert "no database is named" in cli.fails(2, "gen", "types")
    assert "--dsn postgresql" in cli.fails(2, "gen", "types", "--dsn", "sqlite:///x.db")
    asyncio.run(_execute(database, "drop table public.plain"))
    assert "no tables in public" in cli.fails(2, "gen", "types", "--dsn", database)
    assert "no server answers" in cli.fails(4, "gen", "types", "--dsn", "postgresql://nobody@127.0.0.1:1/x")
