"""The store for many machines: PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from stook.core.errors import StoreUnavailable
from stook.store.postgres.connect import check_schema, connect, place_of
from stook.store.postgres.listen import Listener, heard_as
from stook.store.postgres.migrate import migrate
from stook.store.postgres.side import Side
from stook.store.postgres.verbs import Verbs
from stook.store.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from stook.store.statement import Script

__all__ = ["PostgresStore"]

P = ParamSpec("P")
T = TypeVar("T")
SCHEMA: Final = "stook"
POOL_SIZE: Final = 8
HUNG_SECONDS: Final = 60.0
"""A server that has not answered a statement for so long is taken for lost."""
_CLOSE_SECONDS: Final = 2.0


class PostgresStore:
    """Implements `stook.store.port.Store`.

    Making one installs or upgrades the schema, unless it is `installed` as far as the caller knows; that blocks, and
    raises what is wrong with URL, server, role or schema in one line. Usable from any number of event loops; each has
    up to `pool_size` connections for writing and half as many for reading. `write_blocking` and notifications live on
    a thread of their own. `clock` replaces the database's clock, in tests.

    While the server is away, verbs wait for it for 30 s, then raise `StoreUnavailable`: nothing of them has happened.
    So does opening, for `patience` seconds if it is given.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], int] | None = None,
        schema: str = SCHEMA,
        pool_size: int = POOL_SIZE,
        patience: float | None = None,
        installed: bool = False,
    ) -> None:
        check_schema(schema)
        self.url = url
        self.schema = schema
        self._clock = clock
        self._size = pool_size
        self._where = place_of(url)
        self._closed = False
        self._side = Side("stook-postgres")
        if not installed:
            try:
                self._side.wait_for(migrate(url, schema, patience=patience))
            except BaseException:
                self._side.stop()
                raise
        self._topics = Topics()
        self._listener = Listener(
            lambda: connect(url, schema, timeout=HUNG_SECONDS, warm=False, synchronous_commit="off"),
            f"stook_{schema}",
            self._topics,
            self._side.loop,
        )
        self._blocking = self._new_verbs(2)
        self._end = weakref.finalize(self, self._side.stop)
        self._verbs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Verbs] = weakref.WeakKeyDictionary()

    @classmethod
    async def open(
        cls, url: str, *, clock: Callable[[], int] | None = None, patience: float | None = None
    ) -> PostgresStore:
        """A new one without blocking the running loop. Cancelled, it waits for the server no longer."""
        await migrate(url, SCHEMA, patience=patience)
        return cls(url, clock=clock, installed=True)

    async def write(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        verbs = await self._here()
        answer, topics = await verbs.write(lambda: verb(*args, **kwargs))
        self._ring(topics)
        return answer

    async def read(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        verbs = await self._here()
        return await verbs.read(verb, lambda: verb(*args, **kwargs))

    def write_blocking(self, verb: Callable[P, Script[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        self._check_open()
        answer, topics = self._side.wait_for(self._blocking.write(lambda: verb(*args, **kwargs)))
        self._ring(topics)
        return answer

    def mark(self) -> int:
        return self._topics.mark()

    async def wait(self, topics: tuple[str, ...], timeout: float, since: int | None = None) -> bool:
        """Rings of this process come at once, those of others by NOTIFY."""
        self._check_open()
        self._listener.start()
        mark = self._topics.mark() if since is None else since
        return await self._topics.wait(map(heard_as, topics), timeout, mark)

    async def close(self) -> None:
        """Twice is once. Verbs still under way get an error, what they notified last is sent."""
        if self._closed:
            return
        self._closed = True
        mine = self._verbs.pop(asyncio.get_running_loop(), None)
        if mine is not None:
            await mine.close()
        await asyncio.to_thread(self._close_rest)

    def close_blocking(self) -> None:
        """`close` from a thread that runs no loop."""
        if not self._closed:
            self._closed = True
            self._close_rest()

    def _close_rest(self) -> None:
        for loop, verbs in list(self._verbs.items()):
            _close_elsewhere(loop, verbs)
        self._verbs.clear()
        self._side.wait_for(self._close_side())
        self._end()

    async def _close_side(self) -> None:
        await self._listener.close(_CLOSE_SECONDS)
        await self._blocking.close()

    async def _here(self) -> Verbs:
        """The verbs of the running loop."""
        self._check_open()
        loop = asyncio.get_running_loop()
        found = self._verbs.get(loop)
        if found is None:
            found = self._verbs[loop] = self._new_verbs(self._size)
            # A loop that ends closes its generators, and this one the loop's connections.
            found.at_end = _closing(found)
            await anext(found.at_end)
        return found

    def _new_verbs(self, size: int) -> Verbs:
        def opened() -> Any:
            return connect(self.url, self.schema, timeout=HUNG_SECONDS)

        return Verbs(opened, schema=self.schema, clock=self._clock, where=self._where, size=size)

    def _ring(self, topics: set[str]) -> None:
        if topics:
            names = [heard_as(topic) for topic in topics]
            self._topics.notify(names)
            self._listener.notify(names)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"the store is closed: {self._where}")


async def _closing(verbs: Verbs) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await verbs.close()


def _close_elsewhere(loop: asyncio.AbstractEventLoop, verbs: Verbs) -> None:
    with contextlib.suppress(RuntimeError):  # it ends at this moment
        if not loop.is_closed():
            loop.call_soon_threadsafe(verbs.terminate)
            return
    verbs.terminate()
