"""Waiting for news without missing any: listening begins before the look."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.store.port import Store

__all__ = ["LOOK", "listening"]

LOOK: Final = 0.5
"""Seconds between looks when no notification comes."""


@contextlib.asynccontextmanager
async def listening(
    store: Store, *topics: str, timeout: float = LOOK, since: int | None = None
) -> AsyncIterator[asyncio.Future[bool]]:
    """The future is done as soon as one of `topics` has rung since the beginning of the context, or since the mark
    `since`; or after `timeout` seconds."""
    heard = asyncio.ensure_future(store.wait(topics, timeout, store.mark() if since is None else since))
    try:
        yield heard
    finally:
        heard.cancel()
        await asyncio.gather(heard, return_exceptions=True)
