"""A thread with an event loop, for those who have none: everything of one `App` runs there."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from stook.core.errors import ConfigError, StoreUnavailable
from stook.wiring.loop import new_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator

__all__ = ["Portal"]

T = TypeVar("T")

SIGNAL_CHECK = 0.25  # seconds


class Portal:
    """Whoever still waits for an answer when it closes gets `StoreUnavailable`."""

    def __init__(self) -> None:
        self._loop = new_loop()
        self._turn = threading.Lock()
        self._is_open = True
        self._calls: set[concurrent.futures.Future[Any]] = set()
        self._thread = threading.Thread(target=self._serve, name="stook", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs it on the portal's loop and blocks. Ctrl-C cancels it there."""
        if self.is_here():
            coroutine.close()
            raise ConfigError(
                "a blocking call on stook's own event loop would wait for itself",
                hint="use the async twin in coroutines, for example `await task.amap(...)`",
            )
        future = self._send(coroutine)
        try:
            return _awaited(future)
        except concurrent.futures.CancelledError:
            if self._is_open:
                raise
            raise _closed() from None
        except BaseException:
            future.cancel()
            raise

    async def await_(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs it on the portal's loop, awaited from any other."""
        future = self._send(coroutine)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if not self._is_open and (me is None or not me.cancelling()):
                raise _closed() from None
            raise

    def post(self, callback: Callable[..., object], *args: object) -> None:
        """Calls it on the portal's loop, soon, and does not wait. `StoreUnavailable` once it is closed."""
        with self._turn:
            if not self._is_open:
                raise _closed()
            self._loop.call_soon_threadsafe(callback, *args)

    def iterate(self, pages: AsyncIterator[list[T]]) -> Iterator[T]:
        """The items of the pages, a page fetched when it is wanted; an iteration given up early is closed."""
        turned = _Pages(pages)
        try:
            while (page := self.call(turned.next())) is not None:
                yield from page
        finally:
            with contextlib.suppress(StoreUnavailable):
                if self.is_here():  # the garbage collector may find it anywhere
                    self._loop.create_task(turned.close())
                else:
                    self.call(turned.close())

    async def aiterate(self, items: AsyncIterator[T]) -> AsyncIterator[T]:
        """`iterate`, from any other loop."""
        turned = _Pages(items)
        try:
            while (item := await self.await_(turned.next())) is not None:
                yield item
        finally:
            with contextlib.suppress(StoreUnavailable):
                await self.await_(turned.close())

    def is_here(self) -> bool:
        """Whether this is the portal's own thread."""
        return threading.current_thread() is self._thread

    def close(self, last: Callable[[], Coroutine[Any, Any, object]] | None = None) -> None:
        """Calls under way are cancelled, then `last` runs, and the thread ends. Twice is once."""
        with self._turn:
            if not self._is_open:
                return
            self._is_open = False
            left = list(self._calls)
        for future in left:
            future.cancel()
        try:
            if last is not None:
                _awaited(asyncio.run_coroutine_threadsafe(_after_others(last), self._loop))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _send(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        with self._turn:
            if self._is_open:
                future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
                self._calls.add(future)
                future.add_done_callback(self._calls.discard)
                return future
        coroutine.close()
        raise _closed()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(_all(left))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()


class _Pages(Generic[T]):
    """Whoever closes it waits until a `next` that was cancelled has let go of it."""

    def __init__(self, pages: AsyncIterator[T]) -> None:
        self._pages = pages
        self._turn = asyncio.Lock()

    async def next(self) -> T | None:
        async with self._turn:
            return await anext(self._pages, None)

    async def close(self) -> None:
        async with self._turn:
            if isinstance(self._pages, AsyncGenerator):
                await self._pages.aclose()


def _awaited(future: concurrent.futures.Future[T]) -> T:
    """A signal that comes after Python last looked for one and before it sleeps on a lock does not wake it: a Ctrl-C
    would be noticed when the answer comes. So it looks again now and then."""
    while not future.done():
        concurrent.futures.wait((future,), SIGNAL_CHECK)
    return future.result()


async def _after_others(last: Callable[[], Coroutine[Any, Any, object]]) -> None:
    await asyncio.sleep(0)  # whoever was cancelled lets go first
    await last()


async def _all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _closed() -> StoreUnavailable:
    return StoreUnavailable("the app was closed meanwhile", hint="its next use opens it again")
