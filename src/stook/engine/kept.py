"""What was looked up in the store, kept for a moment: until its topic rings, or the moment is over.

get ──▶ kept? ──▶ it                    rings, or `seconds` are over
          └─ no ─▶ one look for all who ask meanwhile ──▶ kept ──▶ forgotten
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from stook.core.errors import StoreError
from stook.engine.listening import listening

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.store.port import Store

__all__ = ["Kept"]

K = TypeVar("K")
V = TypeVar("V")
MOST: Final = 10_000


class Kept(Generic[K, V]):
    """What is not there (None) is not kept. Use it on one loop, `close` it there."""

    def __init__(self, store: Store, topic: str, look: Callable[[K], Awaitable[V | None]], *, seconds: float) -> None:
        self._store = store
        self._topic = topic
        self._look = look
        self._seconds = seconds
        self._found: dict[K, V] = {}
        self._looking: dict[K, asyncio.Task[V | None]] = {}
        self._forgotten = 0
        self._listener: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        found = self._found.get(key)
        if found is not None:
            return found
        looking = self._looking.get(key)
        if looking is None:
            looking = self._looking[key] = asyncio.create_task(self._read(key, self._looking), name="stook-look")
            looking.add_done_callback(_heard)
        return await asyncio.shield(looking)

    def forget(self) -> None:
        """Whoever asks from here on hears of what is there now: looks under way are not for them."""
        self._forgotten += 1
        self._found.clear()
        self._looking = {}

    async def close(self) -> None:
        ending = [*self._looking.values(), *([] if self._listener is None else [self._listener])]
        for one in ending:
            one.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._listener = None
        self.forget()

    async def _read(self, key: K, looking: dict[K, asyncio.Task[V | None]]) -> V | None:
        """Listening begins before the look, so that nothing that changes meanwhile is kept."""
        try:
            if self._listener is None or self._listener.done():
                self._listener = asyncio.create_task(self._listen(), name="stook-kept")
                await asyncio.sleep(0)
            forgotten = self._forgotten
            found = await self._look(key)
        finally:
            del looking[key]
        if found is not None and forgotten == self._forgotten and len(self._found) < MOST:
            self._found[key] = found
        return found

    async def _listen(self) -> None:
        """What is found while this runs is kept until it ends."""
        try:
            async with listening(self._store, self._topic, timeout=self._seconds) as heard:
                await heard
        except StoreError:
            pass
        finally:
            self.forget()


def _heard(looking: asyncio.Task[V | None]) -> None:
    """Nobody may be left who asked."""
    if not looking.cancelled():
        looking.exception()
