"""Waiting for an end: by bells of a store in this process, or on a stream of a server."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from stook.core.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.execution_view import ExecutionView
    from stook.store.script.read.item_row import ItemRow

__all__ = ["Bells", "BellsOfItems", "ItemBells", "Waits", "WaitsForItem", "looks"]

LOOK = 0.5


class Waits(Protocol):
    def looks(self, batch_id: bytes, timeout: float | None) -> AsyncGenerator[BatchView]:
        """The batch as it changes, up to its end or for `timeout` seconds; at least once."""
        ...


class WaitsForItem(Protocol):
    async def end_of_item(self, batch_id: bytes, index: int, timeout: float | None) -> ItemRow | bytes | None:
        """The execution once it has ended, or just its result where that is at hand; None after `timeout` seconds."""
        ...


class Bells(Protocol):
    """As `stook.engine.service.Engine` documents each."""

    async def show(self, batch_id: bytes) -> BatchView: ...

    async def wait_for_change(self, batch_id: bytes, timeout: float) -> bool: ...


class BellsOfItems(Protocol):
    async def item(
        self, batch_id: bytes, *, index: int | None = None, key: str | None = None, waited: bool = False
    ) -> ExecutionView: ...

    async def wait_for_item(self, batch_id: bytes, index: int, after: int = 0) -> bytes | None: ...


async def looks(bells: Bells, batch_id: bytes, timeout: float | None) -> AsyncGenerator[BatchView]:
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        left = LOOK if until is None else min(LOOK, until - time.monotonic())
        # Listening begins before the look: what happens right after it has rung for somebody.
        heard = asyncio.ensure_future(bells.wait_for_change(batch_id, max(left, 0.0)))
        try:
            await asyncio.sleep(0)
            view = await bells.show(batch_id)
            yield view
            if view.state.terminal or left <= 0:
                return
            await heard
        finally:
            heard.cancel()
            await asyncio.gather(heard, return_exceptions=True)


class ItemBells:
    """Implements `WaitsForItem` by the bells of a store in this process. `prunes`: what has ended may be kept no
    longer, which is `ResultPruned` for who begins to wait then."""

    def __init__(self, bells: BellsOfItems, *, prunes: bool = False) -> None:
        self._bells = bells
        self._prunes = prunes

    async def end_of_item(self, batch_id: bytes, index: int, timeout: float | None) -> ItemRow | bytes | None:
        try:
            return await asyncio.wait_for(self._ended(batch_id, index), timeout)
        except TimeoutError:
            # A last look: of no time at all, it is the only one.
            found = (await self._bells.item(batch_id, index=index, waited=True)).item
            return found if found.state in TERMINAL else None

    async def _ended(self, batch_id: bytes, index: int) -> ItemRow | bytes:
        after = 0
        if self._prunes:
            await self._bells.item(batch_id, index=index)
        while True:
            returned = await self._bells.wait_for_item(batch_id, index, after)
            if returned is not None:
                return returned
            view = await self._bells.item(batch_id, index=index, waited=True)
            if view.item.state in TERMINAL:
                return view.item
            after = view.batch.settled  # it was taken up again since
