"""What has to happen by itself: due work, lapsed leases, deadlines, dead neighbours, deleted rows.

Every process that works runs one; two at once do no harm, each verb looks again under its locks.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreError
from stook.engine import process
from stook.store.script.delete import purge
from stook.store.script.sweep import end_overdue, expire_leases, expire_waiting, lose_workers, promote_due
from stook.store.script.upkeep import look_ahead
from stook.store.script.worker_row import list_workers

if TYPE_CHECKING:
    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["Maintenance", "sweep_once"]

LONGEST: Final = 1.0
"""Seconds between two looks at most: what another process schedules is at most so late."""
NEIGHBOURS: Final = 5.0
"""Seconds between two looks for dead processes of this machine."""

log = logging.getLogger("stook.engine")


async def sweep_once(store: Store) -> int:
    """Everything that is due now; returns how much that was."""
    done = 0
    for verb in (promote_due, expire_leases, expire_waiting, end_overdue):
        while changed := await store.write(verb):
            done += changed
    return done


class Maintenance:
    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """The first look has been taken when this returns: what a dead process of this machine held is free."""
        await self.bury_neighbours()
        self._task = asyncio.create_task(self._run(), name="stook-maintenance")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def bury_neighbours(self) -> int:
        """Takes back what workers hold whose process of this machine is gone; returns how many leases that were."""
        here = process.host()
        rows = await self._store.read(list_workers)
        dead = [row[0] for row in rows if row[1] == here and not process.is_alive(row[2])]
        return await self._store.write(lose_workers, dead) if dead else 0

    async def purge(self) -> None:
        """Removes what deleted batches left, a bite at a time."""
        while (batch_id := await self._store.write(purge)) is not None:
            await self._blobs.store.drop(batch_id)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            try:
                if loop.time() - looked > NEIGHBOURS:
                    looked = loop.time()
                    await self.bury_neighbours()
                due_in = await self._store.read(look_ahead)
                if due_in is not None and due_in <= 0:
                    await sweep_once(self._store)
                await self.purge()
            except StoreError as error:
                log.warning("maintenance failed, trying again: %s", error)
                await asyncio.sleep(LONGEST)
                continue
            pause = LONGEST if due_in is None else min(LONGEST, max(0.0, due_in / 1_000_000))
            await self._store.wait(("timer", "purge"), pause)
