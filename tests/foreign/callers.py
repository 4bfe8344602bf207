"""Callers with connections of their own, of every kind, all used in the same few words."""

from __future__ import annotations

import contextlib
import inspect
import sqlite3
from typing import TYPE_CHECKING, Any

import aiosqlite
import asyncpg
import psycopg
from psycopg.rows import dict_row
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from stook.store.foreign.run import Foreign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["CALLERS", "POSTGRES", "SQLITE", "Caller", "opened"]

POSTGRES = (
    "psycopg",
    "psycopg_async",
    "asyncpg",
    "asyncpg_pool",
    "alchemy_psycopg",
    "alchemy_psycopg_session",
    "alchemy_psycopg_async",
    "alchemy_asyncpg",
    "alchemy_asyncpg_session",
)
SQLITE = ("sqlite3", "aiosqlite", "alchemy_sqlite", "alchemy_sqlite_session", "alchemy_aiosqlite")
CALLERS = [*POSTGRES, *SQLITE]


class Caller:
    """`given` is what is passed as `connection=`."""

    def __init__(self, given: Any, *, blocking: bool, clock: Callable[[], int] | None = None) -> None:
        self.given = given
        self.blocking = blocking
        self.clock = clock

    async def write(self, verb: Callable[..., Any], *args: Any, **options: Any) -> Any:
        foreign = Foreign(self.given, clock=self.clock)
        if self.blocking:
            return foreign.write_blocking(verb, *args, **options)
        return await foreign.write(verb, *args, **options)

    async def execute(self, sql: str) -> Any:
        """One value of the first row, if there is one."""
        is_alchemy = type(self.given).__module__.startswith("sqlalchemy")
        if isinstance(self.given, (asyncpg.Connection, asyncpg.pool.PoolConnectionProxy)):
            rows = await self.given.fetch(sql)
            return rows[0][0] if rows else None
        result = await _awaited(self.given.execute(text(sql) if is_alchemy else sql))
        if is_alchemy:
            return result.first()[0] if result.returns_rows else None
        if result.description is None:
            return None
        row = await _awaited(result.fetchone())
        return next(iter(row.values())) if isinstance(row, dict) else row[0]

    async def begin(self) -> None:
        """Where the library leaves that to its user."""
        if isinstance(self.given, (asyncpg.Connection, asyncpg.pool.PoolConnectionProxy)):
            await self.given.execute("begin")

    async def commit(self) -> None:
        await self._end("commit")

    async def rollback(self) -> None:
        await self._end("rollback")

    async def _end(self, word: str) -> None:
        if isinstance(self.given, (asyncpg.Connection, asyncpg.pool.PoolConnectionProxy)):
            await self.given.execute(word)
        else:
            await _awaited(getattr(self.given, word)())


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


@contextlib.asynccontextmanager
async def opened(
    kind: str, place: str, *, autocommit: bool = False, clock: Callable[[], int] | None = None
) -> AsyncIterator[Caller]:
    """`place` is a PostgreSQL DSN or the path of an SQLite file. Rows are made to look unlike plain tuples."""
    async with contextlib.AsyncExitStack() as stack:
        given = await _given(kind, place, stack, autocommit=autocommit)
        blocking = kind in ("psycopg", "sqlite3") or (kind.startswith("alchemy") and not _is_awaited(kind))
        yield Caller(given, blocking=blocking, clock=clock)


def _is_awaited(kind: str) -> bool:
    return "async" in kind or "aiosqlite" in kind


async def _given(kind: str, place: str, stack: contextlib.AsyncExitStack, *, autocommit: bool) -> Any:
    match kind:
        case "psycopg":
            found = psycopg.connect(place, autocommit=autocommit, row_factory=dict_row)
            stack.callback(found.close)
        case "psycopg_async":
            found = await psycopg.AsyncConnection.connect(place, autocommit=autocommit, row_factory=dict_row)
            stack.push_async_callback(found.close)
        case "asyncpg":
            found = await asyncpg.connect(place)
            stack.push_async_callback(found.close)
        case "asyncpg_pool":
            pool = await stack.enter_async_context(asyncpg.create_pool(place, min_size=1, max_size=1))
            found = await stack.enter_async_context(pool.acquire())
        case "sqlite3":
            found = sqlite3.connect(place, isolation_level=None if autocommit else "")
            stack.callback(found.close)
            found.row_factory, found.text_factory = sqlite3.Row, bytes
        case "aiosqlite":
            found = await stack.enter_async_context(
                aiosqlite.connect(place, isolation_level=None if autocommit else "")
            )
            found.row_factory = aiosqlite.Row
        case _:
            found = await _alchemy(kind, place, stack, autocommit=autocommit)
    return found


async def _alchemy(kind: str, place: str, stack: contextlib.AsyncExitStack, *, autocommit: bool) -> Any:
    driver = {"psycopg": "psycopg", "asyncpg": "asyncpg", "sqlite": "pysqlite", "aiosqlite": "aiosqlite"}[
        kind.split("_")[1]
    ]
    url = f"sqlite+{driver}:///{place}" if "sqlite" in kind else place.replace("postgresql:", f"postgresql+{driver}:")
    options = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    if not _is_awaited(kind):
        engine = create_engine(url, **options)
        stack.callback(engine.dispose)
        return stack.enter_context(Session(engine) if kind.endswith("session") else engine.connect())
    awaited = create_async_engine(url, **options)
    stack.push_async_callback(awaited.dispose)
    return await stack.enter_async_context(AsyncSession(awaited) if kind.endswith("session") else awaited.connect())
