"""Coroutines that never suspend, run where they are called: no event loop, no thread, any number of callers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator
    from typing import Any

__all__ = ["Stepping"]

T = TypeVar("T")


class Stepping:
    """Implements `stook.client.batch.Caller` over a transport that blocks. Works inside a running event loop too, as
    in a notebook: there it blocks like any other call."""

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            coroutine.send(None)
        except StopIteration as done:
            value: T = done.value
            return value
        coroutine.close()
        raise RuntimeError("a coroutine of the blocking client has suspended")

    def iterate(self, pages: AsyncIterator[list[T]]) -> Iterator[T]:
        try:
            while (page := self.call(_next(pages))) is not None:
                yield from page
        finally:
            self.call(_close(pages))


async def _next(pages: AsyncIterator[T]) -> T | None:
    return await anext(pages, None)


async def _close(pages: AsyncIterator[Any]) -> None:
    close = getattr(pages, "aclose", None)
    if close is not None:
        await close()
