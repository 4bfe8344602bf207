"""Stores that tests find installed, since to install one takes longer than most tests.

On SQLite each is a copy of one file. On the run's PostgreSQL server it is a database, of one test at a time; to drop
one has the server write all of its memory out, so what is as it was is emptied and used again.

new ──▶ used by a test ──▶ given back ──▶ emptied ──▶ used by the next one
                                └─ its schema is another ─▶ dropped
"""

from __future__ import annotations

import asyncio
import functools
import secrets
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from stook.store.postgres.driver import PostgresStore
from stook.store.sqlite.driver import SqliteStore
from tests.contract.raw_tables import PostgresTables

__all__ = ["Databases", "Emptying", "installed_sqlite"]

_LOOKS = 200
_OTHERS = """
select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> $1
"""
_SCHEMA = """
select (
    select array_agg((oid, relname, relnatts, reloptions)::text order by oid) from pg_class
    where oid >= 16384 and relkind <> 't'
), (
    select array_agg((oid, proname, prosrc)::text order by oid) from pg_proc where oid >= 16384
), (
    select array_agg(nspname::text order by oid) from pg_namespace where nspname !~ '^pg_(toast_)?temp_'
), (
    select array_agg((oid, tgenabled)::text order by oid) from pg_trigger
), (
    select array_agg(oid order by oid) from pg_constraint where oid >= 16384
), (
    select array_agg((setrole, setconfig)::text order by setrole) from pg_db_role_setting
    where setdatabase in (0, (select oid from pg_database where datname = current_database()))
)
"""


@functools.cache
def _file():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stook.db"
        SqliteStore(f"sqlite:///{path}", synchronous="off").close_blocking()
        return path.read_bytes()


def installed_sqlite(path):
    """The URL of a store with nothing in it."""
    Path(path).write_bytes(_file())
    return f"sqlite:///{path}"


class Databases:
    """Of this process."""

    def __init__(self, dsn):
        self._dsn = dsn
        self._template = None
        self._schemas = {}  # url: what it was like when it was new
        self._free = []
        self._made = []

    def empty(self):
        """The DSN of one without any table."""
        return self._create("template0")

    def installed(self):
        """The DSN of one with our schema, and nothing in it."""
        if self._free:
            return self._free.pop()
        if self._template is None:
            made = self.empty()
            PostgresStore(made).close_blocking()
            self._template = urlsplit(made).path[1:]
        url = self._create(self._template)
        self._schemas[url] = asyncio.run(_schema(url))
        return url

    def give_back(self, url):
        if asyncio.run(_as_new(url, self._schemas.get(url))):
            self._free.append(url)
        else:
            self._drop(url)

    def close(self):
        for url in self._made[:]:
            self._drop(url)

    def _create(self, template):
        name = f"stook_test_{secrets.token_hex(8)}"
        asyncio.run(_execute(self._dsn, f"create database {name} template {template}"))
        url = urlsplit(self._dsn)._replace(path=f"/{name}").geturl()
        self._made.append(url)
        return url

    def _drop(self, url):
        asyncio.run(_execute(self._dsn, f"drop database {urlsplit(url).path[1:]} with (force)"))
        self._made.remove(url)


class Emptying:
    """Of one database, again and again: a new session would look all tables up anew, which takes most of the time."""

    def __init__(self, url):
        self._url = url
        self._runner = asyncio.Runner()
        self._tables = None

    def __call__(self):
        if self._tables is None or self._tables.connection.is_closed():
            self._tables = self._runner.run(PostgresTables.open(self._url))
        self._runner.run(self._tables.empty())

    def close(self):
        with self._runner:
            if self._tables is not None:
                self._runner.run(self._tables.close())


async def _as_new(url, schema):
    """Whether it is; what was in the tables is gone."""
    if schema is None:
        return False
    tables = await PostgresTables.open(url)
    try:
        me = tables.connection.get_server_pid()
        for _ in range(_LOOKS):
            if not await tables.connection.fetchval(_OTHERS, me):
                break
            await asyncio.sleep(0.01)
        else:  # a program still runs, and comes back
            return False
        if await _look(tables.connection) != schema:
            return False
        await tables.empty()
    finally:
        await tables.close()
    return True


async def _schema(url):
    connection = await asyncpg.connect(url)
    try:
        return await _look(connection)
    finally:
        await connection.close()


async def _look(connection):
    return [*map(tuple, await connection.fetch(_SCHEMA))]


async def _execute(dsn, statement):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
