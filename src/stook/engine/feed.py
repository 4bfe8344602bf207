"""Following batches: one reader per batch and process, however many wait for its items."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from stook.core.errors import Conflict, StookError
from stook.store.script.read.follow import follow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.store.port import Store
    from stook.store.script.read.follow import OutcomeBlock

__all__ = ["Feeds"]

PAGE: Final = 5000
LOOK: Final = 0.5
"""Seconds between looks when no notification comes."""


class _Feed:
    """Who waits for which item of one batch, and how far its reader is."""

    def __init__(self) -> None:
        self.waiting: dict[int, list[asyncio.Future[OutcomeBlock]]] = {}
        self.after = 0
        self.reader: asyncio.Task[None] | None = None

    def hand_out(self, block: OutcomeBlock) -> None:
        hit = [index for index in self.waiting if index - block.first in block.offsets]
        for index in hit:
            for future in self.waiting.pop(index):
                if not future.done():
                    future.set_result(block)

    def fail(self, error: StookError) -> None:
        for futures in self.waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(error)
        self.waiting.clear()


class Feeds:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._feeds: dict[bytes, _Feed] = {}

    async def blocks(self, batch_id: bytes, after: int = 0, limit: int = PAGE) -> AsyncIterator[OutcomeBlock]:
        """Outcomes in settle order from cursor `after`, each once; ends when the batch has and all were given. The
        caller's pace is the pace: nothing is read ahead of it."""
        topic = (f"batch:{batch_id.hex()}",)
        while True:
            # Listening begins before the look: what settles right after it has rung for somebody.
            heard = asyncio.ensure_future(self._store.wait(topic, LOOK))
            try:
                await asyncio.sleep(0)
                found = await self._store.read(follow, batch_id, after, limit)
                after = found.after
                for block in found.blocks:
                    yield block
                if found.done:
                    return
                if not found.blocks:
                    await heard
            finally:
                heard.cancel()
                await asyncio.gather(heard, return_exceptions=True)

    async def item(self, batch_id: bytes, index: int) -> OutcomeBlock:
        """The block with the item's outcome, as soon as there is one."""
        feed = self._feeds.get(batch_id)
        if feed is None:
            feed = self._feeds[batch_id] = _Feed()
            feed.reader = asyncio.create_task(self._read(batch_id, feed))
        future: asyncio.Future[OutcomeBlock] = asyncio.get_running_loop().create_future()
        feed.waiting.setdefault(index, []).append(future)
        if feed.after:
            await self._catch_up(batch_id, feed)
        return await future

    async def _catch_up(self, batch_id: bytes, feed: _Feed) -> None:
        """For those who came late: what the reader has passed already."""
        after, end = 0, feed.after
        while after < end:
            found = await self._store.read(follow, batch_id, after, PAGE)
            for block in found.blocks:
                feed.hand_out(block)
            after = found.after

    async def _read(self, batch_id: bytes, feed: _Feed) -> None:
        """Hands out blocks until nobody waits any more."""
        try:
            async for block in self.blocks(batch_id):
                feed.hand_out(block)
                feed.after = block.settle + len(block)
                if not feed.waiting:
                    return
            feed.fail(Conflict("the batch ended without this item"))
        except StookError as error:
            feed.fail(error)
        finally:
            self._feeds.pop(batch_id, None)

    async def close(self) -> None:
        readers = [feed.reader for feed in self._feeds.values() if feed.reader is not None]
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
