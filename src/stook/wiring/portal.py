"""A thread with an event loop, for those who have none: everything of one `App` runs there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, TypeVar

from stook.core.errors import ConfigError
from stook.wiring.loop import new_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

__all__ = ["Portal"]

T = TypeVar("T")


class Portal:
    def __init__(self) -> None:
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._serve, name="stook", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs it on the portal's loop and blocks. Ctrl-C cancels it there."""
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise ConfigError(
                "a blocking call on stook's own event loop would wait for itself",
                hint="use the async twin in coroutines, for example `await task.amap(...)`",
            )
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def await_(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs it on the portal's loop, awaited from any other."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def iterate(self, pages: AsyncIterator[list[T]]) -> Iterator[T]:
        """The items of the pages, a page fetched when it is wanted; an iteration given up early is closed."""
        try:
            while (page := self.call(_next(pages))) is not None:
                yield from page
        finally:
            self.call(_close(pages))

    async def aiterate(self, items: AsyncIterator[T]) -> AsyncIterator[T]:
        """`iterate`, from any other loop."""
        try:
            while (item := await self.await_(_next(items))) is not None:
                yield item
        finally:
            await self.await_(_close(items))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()


async def _next(items: AsyncIterator[T]) -> T | None:
    return await anext(items, None)


async def _close(items: AsyncIterator[T]) -> None:
    if isinstance(items, AsyncGenerator):
        await items.aclose()
