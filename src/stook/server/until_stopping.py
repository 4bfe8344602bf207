"""What comes, until the server stops: nobody who waits for more holds it up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

__all__ = ["until_stopping"]

T = TypeVar("T")


async def until_stopping(news: AsyncIterator[T], stopping: asyncio.Event) -> AsyncGenerator[T]:
    """Closes `news` behind itself."""
    halt = asyncio.ensure_future(stopping.wait())
    coming: asyncio.Future[T] | None = None
    try:
        while True:
            coming = asyncio.ensure_future(anext(news))
            await asyncio.wait({coming, halt}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                return
            try:
                one = coming.result()
            except StopAsyncIteration:
                return
            yield one
    finally:
        for waiting in (halt, coming):
            if waiting is not None and not waiting.done():
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        close = getattr(news, "aclose", None)
        if close is not None:
            await close()
