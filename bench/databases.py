"""A PostgreSQL for the run, and in it a fresh database for every probe."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from stook_dev.postgres import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["fresh_database", "postgres", "version"]

# What an administrator sets on the first day; all else, fsync included, is as PostgreSQL comes.
SETTINGS = {"shared_buffers": "1GB"}


@contextmanager
def postgres(given: str | None) -> Iterator[str]:
    """The DSN of the server given, or of one started for this run and gone afterwards."""
    if given is not None:
        yield given
        return
    server = start_server(SETTINGS)
    try:
        yield server.dsn
    finally:
        server.stop()


@contextmanager
def fresh_database(dsn: str, name: str) -> Iterator[str]:
    """The DSN of a new, empty database, dropped afterwards. Nobody pays for what the one before left unwritten."""
    asyncio.run(_execute(dsn, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"'))
    try:
        with suppress(asyncpg.InsufficientPrivilegeError):
            asyncio.run(_execute(dsn, "CHECKPOINT"))
        yield urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
    finally:
        asyncio.run(_execute(dsn, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def version(dsn: str) -> str:
    async def ask() -> str:
        connection = await asyncpg.connect(dsn)
        try:
            return str(await connection.fetchval("SHOW server_version"))
        finally:
            await connection.close()

    return asyncio.run(ask())


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
