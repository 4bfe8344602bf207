"""Looking into a database behind the store's back: rows of plain queries that both databases understand."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg

from stook.store.sqlite.driver import path_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

__all__ = ["Tables", "open_tables"]


class Tables(Protocol):
    async def fetch(self, query: str) -> list[Sequence[Any]]: ...


class _Sqlite:
    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    async def fetch(self, query: str) -> list[Sequence[Any]]:
        return self.connection.execute(query).fetchall()


class _Postgres:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def fetch(self, query: str) -> list[Sequence[Any]]:
        return [tuple(row) for row in await self.connection.fetch(query)]


@asynccontextmanager
async def open_tables(url: str) -> AsyncIterator[Tables]:
    if url.startswith("postgres"):
        connection = await asyncpg.connect(url, server_settings={"search_path": "stook"})
        try:
            yield _Postgres(connection)
        finally:
            await connection.close()
    else:
        tables = _Sqlite(path_of(url))
        try:
            yield tables
        finally:
            tables.connection.close()
