"""Following batches: one reader per batch and process, however many wait for its items."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from stook.core.errors import Conflict, StoreUnavailable
from stook.engine.listening import listening
from stook.store.script.read.follow import follow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from stook.store.port import Store
    from stook.store.script.read.follow import OutcomeBlock

__all__ = ["Feeds"]

PAGE: Final = 5000


class _Waiter(NamedTuple):
    after: int
    """Outcomes before this settle number are not meant."""
    future: asyncio.Future[OutcomeBlock]


class _Feed:
    """Who waits for which item of one batch, and how far its reader is."""

    def __init__(self) -> None:
        self.waiting: dict[int, list[_Waiter]] = {}
        self.after = 0
        self.reader: asyncio.Task[None] | None = None

    def hand_out(self, block: OutcomeBlock) -> None:
        for index in [index for index in self.waiting if index - block.first in block.offsets]:
            left = []
            for waiter in self.waiting[index]:
                if block.settle + len(block) <= waiter.after:
                    left.append(waiter)
                elif not waiter.future.done():
                    waiter.future.set_result(block)
            self._keep(index, left)

    def leave(self, index: int, waiter: _Waiter) -> None:
        self._keep(index, [one for one in self.waiting.get(index, ()) if one is not waiter])

    def _keep(self, index: int, waiters: list[_Waiter]) -> None:
        if waiters:
            self.waiting[index] = waiters
        else:
            self.waiting.pop(index, None)

    def fail(self, error: Exception) -> None:
        for waiters in self.waiting.values():
            for waiter in waiters:
                if not waiter.future.done():
                    waiter.future.set_exception(error)
        self.waiting.clear()


class Feeds:
    """`check` raises when nobody here would ever settle anything again."""

    def __init__(self, store: Store, check: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._check = check
        self._feeds: dict[bytes, _Feed] = {}

    async def blocks(self, batch_id: bytes, after: int = 0, limit: int = PAGE) -> AsyncGenerator[OutcomeBlock]:
        """Outcomes in settle order from cursor `after`, each once; ends when the batch has and all were given. The
        caller's pace is the pace: nothing is read ahead of it."""
        while True:
            async with listening(self._store, f"batch:{batch_id.hex()}") as heard:
                found = await self._store.read(follow, batch_id, after, limit)
                after = found.after
                for block in found.blocks:
                    yield block
                if found.done:
                    return
                if not found.blocks:
                    self._check()
                    await heard

    async def item(self, batch_id: bytes, index: int, after: int = 0, *, since: int | None = None) -> OutcomeBlock:
        """The block with the item's first outcome from settle number `after` on, as soon as there is one. `since` is a
        mark of the store from before the item was submitted: what has not rung since is not looked for."""
        feed = self._feeds.get(batch_id)
        if feed is None:
            feed = self._feeds[batch_id] = _Feed()
            feed.reader = asyncio.create_task(self._read(batch_id, feed, since), name="stook-feed")
        waiter = _Waiter(after, asyncio.get_running_loop().create_future())
        feed.waiting.setdefault(index, []).append(waiter)
        try:
            if feed.after > after:
                await self._catch_up(batch_id, feed, after)
            return await waiter.future
        finally:
            feed.leave(index, waiter)
            if not feed.waiting and feed.reader is not None:
                feed.reader.cancel()
                self._forget(batch_id, feed)

    async def _catch_up(self, batch_id: bytes, feed: _Feed, after: int) -> None:
        """For those who came late: what the reader has passed already."""
        end = feed.after
        while after < end and feed.waiting:
            found = await self._store.read(follow, batch_id, after, PAGE)
            for block in found.blocks:
                feed.hand_out(block)
            after = found.after

    async def _read(self, batch_id: bytes, feed: _Feed, since: int | None) -> None:
        """Hands out blocks until nobody waits any more."""
        blocks = self.blocks(batch_id)
        try:
            if since is not None:
                async with listening(self._store, f"batch:{batch_id.hex()}", since=since) as heard:
                    await heard
            async for block in blocks:
                feed.hand_out(block)
                feed.after = block.settle + len(block)
                if not feed.waiting:
                    return
            feed.fail(Conflict("the batch ended without this item"))
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            feed.fail(error)
        finally:
            self._forget(batch_id, feed)
            feed.fail(StoreUnavailable("the store was closed while this execution was waited for"))
            await blocks.aclose()

    def _forget(self, batch_id: bytes, feed: _Feed) -> None:
        if self._feeds.get(batch_id) is feed:
            del self._feeds[batch_id]

    async def close(self) -> None:
        readers = [feed.reader for feed in self._feeds.values() if feed.reader is not None]
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
