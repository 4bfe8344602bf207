"""The schema: made by whoever comes first, never by two, and refused when it is from a newer program."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit

import asyncpg
import pytest

from stook.core.errors import ConfigError, SchemaTooNew
from stook.store.migrations import Migration, migrations
from stook.store.postgres import migrate as migrating
from stook.store.postgres.driver import PostgresStore

OPEN = """
import sys
from stook.store.postgres.driver import PostgresStore
sys.stdin.readline()
store = PostgresStore(sys.argv[1])
store.close_blocking()
"""


async def test_twenty_processes_start_at_once(fresh_postgres):
    started = [
        subprocess.Popen([sys.executable, "-c", OPEN, fresh_postgres], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(20)
    ]
    for one in started:
        one.stdin.write(b"\n")
        one.stdin.flush()
    assert [one.communicate()[1] for one in started] == [b""] * 20
    assert {one.returncode for one in started} == {0}
    raw = await asyncpg.connect(fresh_postgres)
    rows = await raw.fetch("select number, name from stook.migration order by number")
    assert [tuple(row) for row in rows] == [(one.number, one.name) for one in migrations("stook.store.postgres")]
    await raw.close()


async def test_a_newer_database_is_refused_with_both_numbers(fresh_postgres):
    PostgresStore(fresh_postgres).close_blocking()
    raw = await asyncpg.connect(fresh_postgres)
    await raw.execute("insert into stook.migration (number, name) values (99, 'later')")
    known = migrations("stook.store.postgres")[-1].number
    with pytest.raises(SchemaTooNew, match=rf"schema 99.*up to {known}.*upgrade stook"):
        PostgresStore(fresh_postgres)
    await raw.close()


async def test_only_what_is_missing_is_applied_and_a_step_that_fails_leaves_nothing(fresh_postgres, monkeypatch):
    PostgresStore(fresh_postgres).close_blocking()
    known = migrations("stook.store.postgres")
    last = known[-1].number
    steps = [
        *known,
        Migration(last + 1, "more", "create table more (a integer); insert into more values (1)"),
        Migration(last + 2, "wrong", "create table wrong (a integer); insert into wrong values ('x')"),
    ]
    monkeypatch.setattr(migrating, "migrations", lambda _: steps)
    with pytest.raises(Exception, match="invalid input syntax"):
        PostgresStore(fresh_postgres)
    raw = await asyncpg.connect(fresh_postgres)
    assert await raw.fetchval("select max(number) from stook.migration") == last + 1
    assert await raw.fetchval("select count(*) from stook.more") == 1
    assert await raw.fetchval("select to_regclass('stook.wrong')") is None
    await raw.close()


async def test_schemas_of_one_database_are_strangers(fresh_postgres):
    from stook.store.script.quota import set_weight
    from stook.store.statement import All

    def weights():
        return (yield All("weights"))

    one, other = PostgresStore(fresh_postgres, schema="one"), PostgresStore(fresh_postgres, schema="user")
    await one.write(set_weight, "p", 2.0)
    assert await one.read(weights) == [("p", 2.0)]
    assert await other.read(weights) == []
    await one.close()
    await other.close()


def test_a_server_too_old(fresh_postgres, monkeypatch):
    monkeypatch.setattr(migrating, "_OLDEST", 99)
    with pytest.raises(ConfigError, match=r"is version \d+ .*PostgreSQL 99 or newer"):
        PostgresStore(fresh_postgres)


async def test_a_database_that_cannot_hold_every_text(postgres_dsn):
    raw = await asyncpg.connect(postgres_dsn)
    await raw.execute("create database stook_latin template template0 encoding latin1 lc_collate 'C' lc_ctype 'C'")
    try:
        with pytest.raises(ConfigError, match="encoding LATIN1"):
            PostgresStore(urlsplit(postgres_dsn)._replace(path="/stook_latin").geturl())
    finally:
        await raw.execute("drop database stook_latin with (force)")
        await raw.close()


@pytest.mark.parametrize("name", ["", "Stook", 'a"; drop schema x', "1st", "s" * 51])
def test_a_schema_has_a_plain_name(name):
    with pytest.raises(ConfigError, match="no name for a schema"):
        PostgresStore("postgresql://nowhere/none", schema=name)
