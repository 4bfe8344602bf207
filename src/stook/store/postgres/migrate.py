"""Bringing a database's schema up to date, once its server answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

from stook.core.errors import ConfigError, NotInstalled, StookError, StoreUnavailable
from stook.store.giving_way import LOOK, SILENT, Wait, is_breaking
from stook.store.migrations import check_version, migrations
from stook.store.postgres.connect import connect, place_of
from stook.store.postgres.errors import Cause, cause_of, translate
from stook.store.postgres.guards import key_of
from stook.store.postgres.library import asyncpg
from stook.store.postgres.rerun import OUTAGE_SECONDS, Patience

if TYPE_CHECKING:
    from stook.store.migrations import Migration

__all__ = ["migrate"]

log = logging.getLogger("stook.store")

_OLDEST = 14
# Not to_regclass: that may answer from a cache older than the lock just taken.
_THERE = "select exists (select from pg_tables where schemaname = $1 and tablename = 'migration')"
_OLD_RECEIPTS = "delete from receipt where at < now() - interval '1 day'"
_VERSION = "select number from migration order by number desc limit 1"
_ASK = """
update orchestrator set stop_asked_at = (extract(epoch from clock_timestamp()) * 1000000)::bigint
where schema < $1 and stop_asked_at is null"""
_OLDER = """
select id from orchestrator
where schema < $1 and seen_at > (extract(epoch from clock_timestamp()) * 1000000)::bigint - $2 order by id"""
_BREAKING = "insert into breaking values ($1, (extract(epoch from clock_timestamp()) * 1000000)::bigint)"
_MIGRATION = """
create table if not exists migration (
    number integer primary key, name text not null, applied_at timestamptz not null default now()
)"""


async def migrate(url: str, schema: str, *, patience: float | None = None) -> None:
    """Applies what is missing, one transaction each; makes the schema if there is none. Any number of processes may
    do this at once: each waits for the one before and then finds nothing left. A step that breaks older programs asks
    them to stop and waits until they have, up to four hours.

    A server that is away is waited for, which is logged, up to `patience` seconds (30, as verbs do), then it is
    `StoreUnavailable`. What waiting cannot mend is raised at once: a wrong URL, password, database or role, a server
    too old, `SchemaTooNew` for a database that a newer program has changed.
    """
    longest = OUTAGE_SECONDS if patience is None else patience
    left, begun, waits = Patience(longest), time.monotonic(), False
    older = Wait(place_of(url))
    while True:
        tried = time.monotonic()
        try:
            while not await _migrate(url, schema, older):
                await asyncio.sleep(LOOK)
                left, tried = Patience(longest), time.monotonic()
        except StookError:
            raise
        except Exception as error:
            known = translate(error, place_of(url))
            if known is None:
                raise
            if not longest or not _may_pass(error):
                raise known from None
            left.spend(time.monotonic() - tried)
            delay = left.delay(Cause.lost, random.random())  # noqa: S311 - spreads callers
            if delay is None:
                took = time.monotonic() - begun
                raise StoreUnavailable(f"{known.message}; tried for {took:.2g} s", hint=known.hint) from None
            if not waits:
                log.warning("%s; waiting for it, up to %g s", known.message, longest)
                waits = True
            await asyncio.sleep(delay)
        else:
            return


def _may_pass(error: Exception) -> bool:
    """Whether the server may be there in a moment. Some errors of the network are mistakes of the URL's instead."""
    if isinstance(error, (socket.gaierror, ssl.SSLError, PermissionError)) or "rejected SSL" in str(error):
        return False
    return cause_of(error) is Cause.lost


async def _migrate(url: str, schema: str, older: Wait) -> bool:
    """False: the next step breaks programs that still work here."""
    steps = migrations("stook.store.postgres")
    connection = await connect(url, schema, timeout=None, warm=False, idle_in_transaction_session_timeout="0")
    try:
        _check_server(connection, place_of(url))
        there = await _version(connection, schema)
        check_version(there, steps[-1].number, place_of(url))
        for step in steps:
            if step.number > there:
                if there and is_breaking(step) and older.look(step, await _older(connection, step.number)):
                    return False
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
    return True


async def _older(connection: Any, number: int) -> list[str]:
    """Programs at work that do not know the migration; they are asked to stop."""
    await connection.execute(_ASK, number)
    return [row[0] for row in await connection.fetch(_OLDER, number, SILENT)]


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
        if is_breaking(step):
            await connection.execute(_BREAKING, step.number)
        await connection.execute("insert into migration (number, name) values ($1, $2)", step.number, step.name)
