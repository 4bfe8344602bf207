"""Lets held endpoints go on when their time has come: trials of open breakers, pauses that receivers asked for."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreError
from stook.engine.listening import listening

if TYPE_CHECKING:
    from stook.engine.deliveries import Deliveries
    from stook.store.port import Store

__all__ = ["TOPIC", "Keeper"]

log = logging.getLogger("stook.webhooks")
TOPIC: Final = "webhooks"
"""Rings when an endpoint is held, or let go."""
LONGEST: Final = 5.0
"""Seconds between two looks at most: news from another process may be lost, clocks may differ."""
SHORTEST: Final = 0.1
"""Seconds between two looks at least, where nothing rings: a hold may end by this clock and not yet by the store's."""
PATIENCE: Final = 2.0
"""Seconds that a look under way may take to its end when the keeper is stopped."""


class Keeper:
    """Every server runs one; several at once do no harm."""

    def __init__(self, store: Store, deliveries: Deliveries) -> None:
        self._store = store
        self._deliveries = deliveries
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        self._stopping.clear()
        self._task = asyncio.create_task(self._run(), name="stook-webhook-keeper")

    async def stop(self) -> None:
        if self._task is not None:
            self._stopping.set()
            await asyncio.wait({self._task}, timeout=PATIENCE)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        stopping: asyncio.Future[bool] = asyncio.ensure_future(self._stopping.wait())
        try:
            while not stopping.done():
                async with listening(self._store, TOPIC, timeout=LONGEST) as heard:
                    pause = _pause(await self._release(), time.time_ns() // 1000)
                    await asyncio.wait({stopping, heard}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()

    async def _release(self) -> int | None:
        try:
            return await self._deliveries.release_due()
        except StoreError as error:
            log.warning("cannot look after held webhook endpoints, trying again: %s", error)
        except Exception:
            log.exception("cannot look after held webhook endpoints, trying again")
        return None


def _pause(due_at: int | None, now: int) -> float:
    return LONGEST if due_at is None else min(LONGEST, max(SHORTEST, (due_at - now) / 1_000_000))
