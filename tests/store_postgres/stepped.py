"""A verb on a connection of its own that goes on only when it is told to, statement by statement."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from stook.store.postgres.connect import connect
from stook.store.postgres.run import Transaction
from stook.store.statement import LookAgain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from stook.store.statement import Script

__all__ = ["Stepped", "stepped"]


class _Gate:
    """The connection, with a stop before each statement."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.permits = asyncio.Semaphore(0)
        self.waiting = asyncio.Event()
        self.before = ""

    async def _pass(self, before: str) -> None:
        self.before = before
        self.waiting.set()
        await self.permits.acquire()
        self.waiting.clear()

    async def fetch(self, *args: Any) -> Any:
        await self._pass(args[0])
        return await self.connection.fetch(*args)

    async def execute(self, *args: Any) -> Any:
        await self._pass(args[0])
        return await self.connection.execute(*args)

    async def copy_records_to_table(self, *args: Any, **options: Any) -> Any:
        await self._pass("copy")
        return await self.connection.copy_records_to_table(*args, **options)


class Stepped:
    def __init__(self, connection: Any, watcher: Any, clock: Callable[[], int]) -> None:
        self._connection = connection
        self._watcher = watcher
        self._clock = clock
        self._gate = _Gate(connection)
        self._task: asyncio.Task[Any] | None = None

    def start(self, make: Callable[[], Script[Any]]) -> None:
        """A key that is taken makes it begin again, as the driver does; a deadlock is an error here."""
        self._gate = _Gate(self._connection)
        self._task = asyncio.create_task(self._run(make))

    async def _run(self, make: Callable[[], Script[Any]]) -> Any:
        while True:
            slot = self._connection.get_server_pid()  # of its own, as with the driver: receipts hold nobody up
            transaction: Transaction[Any] = Transaction(self._gate, schema="stook", clock=self._clock, slot=slot)
            try:
                await transaction.run(make())
            except (asyncpg.UniqueViolationError, LookAgain):
                await self._connection.execute("rollback")
            except Exception:
                await self._connection.execute("rollback")
                raise
            else:
                return transaction.answer

    async def step(self) -> bool:
        """One statement. False when it waits for a lock, or there is none left."""
        assert self._task is not None
        if not await self._settled():
            return False
        if self._task.done():
            return False
        self._gate.waiting.clear()
        self._gate.permits.release()
        return await self._settled()

    @property
    def before(self) -> str:
        """The statement that it stands before."""
        return self._gate.before

    async def up_to(self, words: str) -> None:
        """Until the next statement has these words in it."""
        while words not in self.before:
            assert await self.step(), f"there was no {words}"

    async def go_on(self) -> bool:
        """As far as it comes. False: it waits for a lock."""
        while await self.step():
            pass
        assert self._task is not None
        return self._task.done()

    async def answer(self) -> Any:
        """What the verb returned or raised, once nothing holds it up any more."""
        assert self._task is not None
        while not await self.go_on():
            pass
        return await self._task

    async def _settled(self) -> bool:
        """True when it stands before a statement or has ended; False when it waits for a lock."""
        assert self._task is not None
        while not (self._gate.waiting.is_set() or self._task.done()):
            waiting = asyncio.ensure_future(self._gate.waiting.wait())
            await asyncio.wait({waiting, self._task}, timeout=0.002, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if self._gate.waiting.is_set() or self._task.done():
                break
            if await self._watcher.fetchval(
                "select cardinality(pg_blocking_pids($1)) > 0", self._connection.get_server_pid()
            ):
                return False
        return True


@asynccontextmanager
async def stepped(url: str, clock: Callable[[], int]) -> AsyncIterator[tuple[Stepped, Stepped]]:
    """Two of them. The server looks for deadlocks after 10 ms instead of a second."""
    watchers = [await asyncpg.connect(url) for _ in range(2)]
    ours = [await connect(url, "stook", timeout=20, deadlock_timeout="10ms") for _ in range(2)]
    try:
        yield Stepped(ours[0], watchers[0], clock), Stepped(ours[1], watchers[1], clock)
    finally:
        for one in (*ours, *watchers):
            one.terminate()
