"""Looking into a database behind the store's back: one consistent view of whole tables, or a plan."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PostgresTables", "RawTables", "SqliteTables"]


_SMALL = 64 * 1024
"""Bytes of a table that it takes less time to delete from."""


class RawTables(Protocol):
    async def fetch(self, *queries: str) -> list[list[Sequence[Any]]]:
        """The rows of each query, all from one snapshot of what is committed."""
        ...

    async def close(self) -> None: ...


class SqliteTables:
    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    async def fetch(self, *queries: str) -> list[list[Sequence[Any]]]:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("begin")
            try:
                return [cursor.execute(query).fetchall() for query in queries]
            finally:
                cursor.execute("rollback")

    async def close(self) -> None:
        self._connection.close()


class PostgresTables:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, dsn: str) -> PostgresTables:
        return cls(await asyncpg.connect(dsn, server_settings={"search_path": "stook"}))

    async def empty(self, *kept: str) -> None:
        """As after the store was first opened, but for the tables `kept`. Of many tables few have rows, of these few
        have many: a new file for each of them, which truncating makes, would take longer than most tests."""
        tables = await self.connection.fetch(
            "select tablename, quote_ident(tablename) from pg_tables where schemaname = 'stook' order by tablename"
        )
        looks = (
            f"select '{quoted}', pg_relation_size('{quoted}') > {_SMALL} where exists (select from {quoted})"
            for name, quoted in tables
            if name not in {"migration", *kept}
        )
        filled = await self.connection.fetch(" union all ".join(looks) or "select 1 where false")
        large = [name for name, is_large in filled if is_large]
        if large:
            await self.connection.execute(f"truncate {', '.join(large)} restart identity")
        await self.connection.execute(
            "".join(f"delete from {name};" for name, is_large in filled if not is_large)
            + "select setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)"
            " from pg_sequences where schemaname = 'stook' and last_value is not null"
        )

    async def fetch(self, *queries: str) -> list[list[Sequence[Any]]]:
        async with self._turn, self.connection.transaction(isolation="repeatable_read", readonly=True):
            return [[tuple(row) for row in await self.connection.fetch(query)] for query in queries]

    async def close(self) -> None:
        await self.connection.close()
