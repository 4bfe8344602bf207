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
        self._closed = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection outside any transaction. An exception in the block rolls back what it began.
        `ConnectionAbortedError` once the pool is closed."""
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
                if self._closed:
                    connection.terminate()
                else:
                    self._idle.append(connection)
            self._free += 1
            self._next()

    async def close(self) -> None:
        """Lets nobody finish: whoever still runs a verb or waits for a connection gets an error."""
        self._closed = True
        idle, self._idle = self._idle, []
        await self._cancel()
        self.terminate()
        for connection in idle:
            try:
                await connection.close(timeout=_UNDO_SECONDS)
            except Exception:  # noqa: BLE001 - it may be dead already; gone is gone
                connection.terminate()

    async def _cancel(self) -> None:
        """What is under way at the server: a statement that is a transaction of its own would go on without us."""
        running = [connection.get_server_pid() for connection in self._busy if not connection.is_closed()]
        if not running:
            return
        with contextlib.suppress(Exception):  # a server that is away runs nothing for us
            async with asyncio.timeout(_UNDO_SECONDS):
                connection = await self._connect()
                try:
                    await connection.fetch("select pg_cancel_backend(pid) from unnest($1::integer[]) pid", running)
                finally:
                    connection.terminate()

    def terminate(self) -> None:
        """`close` without a word to the server, which may be done without waiting."""
        self._closed = True
        for connection in (*self._idle, *self._busy):
            connection.terminate()
        self._idle.clear()
        for turn in self._waiting:
            if not turn.done():
                turn.set_exception(ConnectionAbortedError("the pool is closed"))
        self._waiting.clear()

    async def _open(self) -> Any:
        if self._closed:
            raise ConnectionAbortedError("the pool is closed")
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
            if turn.done() and not turn.cancelled() and turn.exception() is None:
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
    back is cut off, which the server takes for the same. Whoever is cancelled meanwhile hears that, not the first
    error, which the caller might have gone on from."""
    if connection.is_closed():
        return
    try:
        async with asyncio.timeout(_UNDO_SECONDS):
            await connection.execute("rollback")
    except Exception:  # noqa: BLE001 - the first error is what the caller hears
        connection.terminate()
    except BaseException:
        connection.terminate()
        raise
