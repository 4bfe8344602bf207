"""A PostgreSQL for the run, and in it a fresh database for every probe."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from stook_dev.postgres import start_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

__all__ = ["DatabaseError", "fresh_database", "postgres", "version"]

# What an administrator sets on the first day; all else, fsync included, is as PostgreSQL comes.
SETTINGS = {"shared_buffers": "1GB"}


class DatabaseError(Exception):
    """There is no PostgreSQL to measure on, or not for us; the message says why and what to give instead."""


@contextmanager
def postgres(given: str | None) -> Iterator[str]:
    """The DSN of the server given, or of one started for this run and gone afterwards."""
    if given is not None:
        yield given
        return
    try:
        server = start_server(SETTINGS)
    except (LookupError, RuntimeError) as error:
        raise DatabaseError(f"{error}; or name a running server with --postgres") from error
    try:
        yield server.dsn
    finally:
        server.stop()


@contextmanager
def fresh_database(dsn: str, name: str) -> Iterator[str]:
    """The DSN of a new, empty database, dropped afterwards. Nobody pays for what the one before left unwritten."""
    try:
        asyncio.run(_execute(dsn, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"'))
    except asyncpg.PostgresError as error:
        raise DatabaseError(f"cannot make a database: {error}; give a superuser's DSN with --postgres") from error
    try:
        with suppress(asyncpg.InsufficientPrivilegeError):
            asyncio.run(_execute(dsn, "CHECKPOINT"))
        yield urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
    finally:
        asyncio.run(_execute(dsn, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def version(dsn: str) -> str:
    return str(asyncio.run(_fetch(dsn, "SHOW server_version")))


async def _fetch(dsn: str, query: str) -> object:
    async with _connected(dsn) as connection:
        return await connection.fetchval(query)


async def _execute(dsn: str, *statements: str) -> None:
    async with _connected(dsn) as connection:
        for statement in statements:
            await connection.execute(statement)


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(dsn)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseError(f"cannot connect to PostgreSQL: {error}; give a superuser's DSN with --postgres") from error
    try:
        yield connection
    finally:
        await connection.close()
