"""Who follows a batch shares one reader of its row: a thousand followers look at the store as often as one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from stook.core.errors import NotFound, StookError
from stook.engine.listening import listening
from stook.server.call import as_json
from stook.store.script.read.batch_view import show_batch
from stook.store.script.read.settled import settled_items
from stook.wire.following import ItemsSettled, SettledItem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.store.port import Store
    from stook.store.script.read.batch_view import BatchView

__all__ = ["PAGE", "Channel", "Channels"]

PAGE: Final = 2000
"""Outcomes a follower is given at once."""
_PAGES: Final = 4
"""Pages kept for those who come to them at about the same time."""
log = logging.getLogger("stook.server")


class Channel:
    """One batch. `view` is its row as of look number `looks`."""

    def __init__(self, store: Store, batch_id: bytes, pause: float) -> None:
        self._store = store
        self._batch_id = batch_id
        self._pause = pause
        self._turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pages: dict[int, asyncio.Task[tuple[bytes, int]]] = {}
        self._task: asyncio.Task[None] | None = None
        self.view: BatchView | None = None
        self.error: StookError | None = None
        self.looks = 0
        self.followers = 0

    def begin(self) -> None:
        """Once the loop has had a turn it listens: what changes from then on is seen by a look after the first."""
        self._task = asyncio.create_task(self._run(), name="stook-channel")

    async def end(self) -> None:
        self.wake()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self, seen: int, timeout: float) -> BatchView | None:
        """The row as of a look after number `seen`; None after `timeout` seconds. The error of a look that failed for
        good is raised."""
        if self.looks <= seen:
            await asyncio.wait({self._turn}, timeout=timeout)
        if self.error is not None:
            raise self.error
        return self.view if self.looks > seen else None

    async def settled(self, after: int) -> tuple[bytes, int]:
        """Outcomes behind `after` as an `ItemsSettled`, and the next cursor: all that `view` counts, or a page.
        Followers at the same place read it once."""
        reading = self._pages.get(after)
        if reading is None:
            reading = asyncio.create_task(self._page(after))
            self._pages[after] = reading
            while len(self._pages) > _PAGES:
                del self._pages[next(iter(self._pages))]
        try:
            return await asyncio.shield(reading)
        except StookError:
            self._pages.pop(after, None)
            raise

    async def _page(self, after: int) -> tuple[bytes, int]:
        page = await self._store.read(settled_items, self._batch_id, after, PAGE)
        items = [SettledItem(one.index, one.key, one.state.name, one.settle) for one in page.items]
        return as_json(ItemsSettled(from_=after, to=page.after, items=items)), page.after

    async def _run(self) -> None:
        """News after a pause is looked at once; what comes within the next pause, at its end."""
        loop, end = asyncio.get_running_loop(), f"end:{self._batch_id.hex()}"
        free = loop.time()
        while True:
            since = self._store.mark()
            async with listening(self._store, f"batch:{self._batch_id.hex()}", end) as heard:
                try:
                    view = await self._store.read(show_batch, self._batch_id)
                except NotFound as error:
                    self.error = error
                    self.wake()
                    return
                except StookError as error:
                    log.warning("a batch that is followed cannot be read, trying again: %s", error)
                else:
                    if self.view is None or view != self.view:
                        self._pages.clear()  # they end where the row did
                    self.view = view
                    self.looks += 1
                    self.wake()
                rang = await heard
            left = free - loop.time()
            if left > 0:
                await self._store.wait((end,), left, since)  # the end is told at once
            if rang:
                free = loop.time() + self._pause

    def wake(self) -> None:
        turn, self._turn = self._turn, asyncio.get_running_loop().create_future()
        turn.set_result(None)


class Channels:
    def __init__(self, store: Store, pause: float) -> None:
        self._store = store
        self._pause = pause
        self._open: dict[bytes, Channel] = {}
        self.stopping = asyncio.Event()

    @contextlib.asynccontextmanager
    async def of(self, batch_id: bytes) -> AsyncIterator[Channel]:
        channel = self._open.get(batch_id)
        if channel is None:
            channel = self._open[batch_id] = Channel(self._store, batch_id, self._pause)
            channel.begin()
        channel.followers += 1
        try:
            yield channel
        finally:
            channel.followers -= 1
            if not channel.followers:
                if self._open.get(batch_id) is channel:
                    del self._open[batch_id]
                await channel.end()

    def stop(self) -> None:
        """Every follower is told to come back later."""
        self.stopping.set()
        for channel in self._open.values():
            channel.wake()
