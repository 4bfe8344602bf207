"""Bringing a database's schema up to date."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from stook.core.errors import ConfigError, NotInstalled
from stook.store.migrations import check_version, migrations
from stook.store.postgres.connect import connect, place_of
from stook.store.postgres.guards import key_of
from stook.store.postgres.library import asyncpg

if TYPE_CHECKING:
    from stook.store.migrations import Migration

__all__ = ["migrate"]

_OLDEST = 14
# Not to_regclass: that may answer from a cache older than the lock just taken.
_THERE = "select exists (select from pg_tables where schemaname = $1 and tablename = 'migration')"
_OLD_RECEIPTS = "delete from receipt where at < now() - interval '1 day'"
_VERSION = "select number from migration order by number desc limit 1"
_MIGRATION = """
create table if not exists migration (
    number integer primary key, name text not null, applied_at timestamptz not null default now()
)"""


async def migrate(url: str, schema: str) -> None:
    """Applies what is missing, one transaction each; makes the schema if there is none. Any number of processes may
    do this at once: each waits for the one before and then finds nothing left. `SchemaTooNew` for a database that a
    newer program has changed. Raises what the network or asyncpg raised for the rest."""
    steps = migrations("stook.store.postgres")
    connection = await connect(url, schema, timeout=None, warm=False, idle_in_transaction_session_timeout="0")
    try:
        _check_server(connection, place_of(url))
        there = await _version(connection, schema)
        check_version(there, steps[-1].number, place_of(url))
        for step in steps:
            if step.number > there:
                await _apply(connection, schema, step)
        with contextlib.suppress(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute(_OLD_RECEIPTS)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError) as error:
        raise NotInstalled(
            f"{place_of(url)}: this role may not install or use the schema {schema}: {error}",
            hint="let an administrator open the store once and grant this role the schema, or 'create' on the database",
        ) from None
    finally:
        await connection.close()


def _check_server(connection: Any, where: str) -> None:
    major = connection.get_server_version().major
    if major < _OLDEST:
        raise ConfigError(f"{where} is version {major}", hint=f"stook needs PostgreSQL {_OLDEST} or newer")
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        raise ConfigError(f"{where} has the encoding {encoding}", hint="create a database with encoding UTF8")


async def _version(connection: Any, schema: str) -> int:
    if not await connection.fetchval(_THERE, schema):
        return 0
    number: int | None = await connection.fetchval(_VERSION)
    return number or 0


async def _apply(connection: Any, schema: str, step: Migration) -> None:
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", key_of(schema, "migrate"))
        if await _version(connection, schema) >= step.number:
            return
        if not await connection.fetchval("select exists (select from pg_namespace where nspname = $1)", schema):
            await connection.execute(f'create schema "{schema}"')
        await connection.execute(_MIGRATION)
        await connection.execute(step.sql)
        await connection.execute("insert into migration (number, name) values ($1, $2)", step.number, step.name)
