"""Connections of one event loop, taken and given back."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ["Pool"]

_UNDO_SECONDS: Final = 5.0


class Pool:
    """At most `size` connections, made when they are first needed. The one used last is used next: its statements
    are prepared and its caches warm. asyncpg's own pool costs a task per release and resets what we never change."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], size: int) -> None:
        self._connect = connect
        self._free = size
        self._idle: list[Any] = []
        self._busy: set[Any] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection outside any transaction. An exception in the block rolls back what it began."""
        await self._turn()
        connection = None
        try:
            connection = await self._open()
            self._busy.add(connection)
            try:
                yield connection
            except BaseException:
                await _undo(connection)
                raise
        finally:
            self._busy.discard(connection)
            if connection is not None and not connection.is_closed():
                self._idle.append(connection)
            self._free += 1
            self._next()

    async def close(self) -> None:
        """Lets nobody finish: whoever still runs a verb gets a connection error."""
        idle, self._idle = self._idle, []
        for connection in self._busy:
            connection.terminate()
        for connection in idle:
            try:
                await connection.close(timeout=_UNDO_SECONDS)
            except Exception:  # noqa: BLE001 - it may be dead already; gone is gone
                connection.terminate()

    def terminate(self) -> None:
        """`close` for a loop that does not run any more."""
        for connection in (*self._idle, *self._busy):
            connection.terminate()
        self._idle.clear()

    async def _open(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

    async def _turn(self) -> None:
        if self._free and not self._waiting:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._free += 1
            elif turn in self._waiting:
                self._waiting.remove(turn)
            self._next()
            raise

    def _next(self) -> None:
        while self._free and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._free -= 1
                turn.set_result(None)


async def _undo(connection: Any) -> None:
    """Rolls back, whether or not anything had begun: after a cancelled statement nobody knows. What cannot be rolled
    back is cut off, which the server takes for the same."""
    if connection.is_closed():
        return
    try:
        async with asyncio.timeout(_UNDO_SECONDS):
            await connection.execute("rollback")
    except BaseException:  # noqa: BLE001 - the first error is what the caller hears
        connection.terminate()
