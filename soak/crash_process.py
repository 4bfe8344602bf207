"""What the doomed process does."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

from soak.crash_place import Place
from soak.crash_points import CRASH_POINTS
from stook.config.settings import read_settings
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from stook.store.port import Store
    from stook.store.statement import Script

__all__ = ["die_at"]

LIVED = 3


class Doomed:
    """A store whose first `verb` is the last thing its process does."""

    def __init__(self, store: Store, verb: Callable[..., Script[Any]], *, before: bool) -> None:
        self._store = store
        self._verb = verb
        self._before = before
        self.url = store.url

    async def write(self, verb: Callable[..., Script[Any]], *args: Any, **options: Any) -> Any:
        if verb is not self._verb:
            return await self._store.write(verb, *args, **options)
        if not self._before:
            await self._store.write(verb, *args, **options)
            _die()
        if self.url.startswith("postgres"):
            _die_at_commit()
            return await self._store.write(verb, *args, **options)
        return await self._store.write(_to_its_end, verb, args, options)


def _to_its_end(verb: Callable[..., Script[Any]], args: tuple[Any, ...], options: dict[str, Any]) -> Script[Any]:
    """All of the verb's statements have been made: what would follow is the commit."""
    answer = yield from verb(*args, **options)
    _die()
    return answer


def _die_at_commit() -> None:
    """PostgreSQL's driver holds writes back until a verb has ended: the commit itself is the moment, and of a single
    statement that is a transaction of its own, the statement."""
    import asyncpg  # noqa: PLC0415 - only where it is used

    execute, fetch = asyncpg.Connection.execute, asyncpg.Connection.fetch

    async def until_commit(connection: Any, query: str, *args: Any, **options: Any) -> Any:
        if query == "commit":
            _die()
        return await execute(connection, query, *args, **options)

    async def until_written(connection: Any, query: str, *args: Any, **options: Any) -> Any:
        if "insert into receipt" in query and not connection.is_in_transaction():
            _die()
        return await fetch(connection, query, *args, **options)

    asyncpg.Connection.execute = until_commit
    asyncpg.Connection.fetch = until_written


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(url: str, name: str, when: str, speak: Connection) -> None:
    """Does what the point says and dies by its own hand at its verb: right before its commit, or right after. Exits
    with 3 if it lived, having said why."""
    try:
        asyncio.run(_act(url, name, before=when == "before"))
    except Exception:  # noqa: BLE001 - whatever it is, the parent wants to know
        speak.send(traceback.format_exc())
    else:
        speak.send("it did all it had to do, and lived")
    sys.exit(LIVED)


async def _act(url: str, name: str, *, before: bool) -> None:
    point = CRASH_POINTS[name]
    async with open_session(read_settings(url=url)) as session:
        doomed: Any = Doomed(session.store, point.verb, before=before)
        await point.act(Place(session, doomed))
