"""What executions remember, on its way to the store: many executions' writes in one call, one call at a time.

remember ─┐
remember ─┼─▶ gathered while the call before is under way ──▶ Source.remember ──▶ durable: all of them go on
remember ─┘                                                          └─ a token that is not live: LeaseLost
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from stook.core.errors import LeaseLost, StoreError, StoreUnavailable
from stook.core.work import Remember
from stook.worker.backoff import pause_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.memo import Memo
    from stook.worker.held import Held
    from stook.worker.live import Live
    from stook.worker.meter import Meter
    from stook.worker.source import Source

__all__ = ["Rememberer", "lease_lost"]

logger = logging.getLogger("stook.worker")


class _Write(NamedTuple):
    held: Held
    remember: Remember
    done: asyncio.Future[None]


class Rememberer:
    """`lease` in seconds: what an extension extends to."""

    def __init__(self, source: Source, live: Live, *, lease: float, meter: Meter | None = None) -> None:
        self._source = source
        self._live = live
        self.lease = lease
        self._meter = meter
        self._gathered: list[_Write] = []
        self._task: asyncio.Task[None] | None = None

    async def remember(self, held: Held, offset: int, memos: Sequence[Memo], *, extend: bool = False) -> None:
        """Returns once durable; `extend` the lease with it. `LeaseLost` if it is not this worker's any more; waits
        while the store is away, as long as the lease is not known to be lost. Another error is about this write."""
        if held.lost:
            raise lease_lost(held, offset)
        piece = held.piece
        lease = self.lease if extend else None
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gathered.append(_Write(held, Remember(piece.token, piece.batch_id, offset, memos, lease), done))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="stook rememberer")
        await done

    async def close(self) -> None:
        """Nobody waits for what is still under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        writes: list[_Write] = []
        try:
            await asyncio.sleep(0)  # those that run in this turn of the loop join
            while self._gathered:
                writes, self._gathered = self._gathered, []
                await self._write(writes)
        finally:
            self._task = None
            for write in [*writes, *self._gathered]:
                write.done.cancel()
            self._gathered = []

    async def _write(self, writes: list[_Write]) -> None:
        failures = 0
        while True:
            writes = _still_held(writes)
            if not writes:
                return
            try:
                lost = frozenset(await self._source.remember([write.remember for write in writes]))
            except StoreUnavailable as error:
                failures += 1
                pause = pause_after(failures)
                logger.warning("%d executions wait to remember, next try in %.1f s: %s", len(writes), pause, error)
                await asyncio.sleep(pause)
            except StoreError as error:
                # Full, or read-only: not one write's fault.
                _fail(writes, error)
                return
            except Exception as error:  # noqa: BLE001 -- whatever the source makes of a memo it will not take
                if len(writes) == 1:
                    _fail(writes, error)
                    return
                middle = len(writes) // 2
                await self._write(writes[:middle])
                await self._write(writes[middle:])
                return
            else:
                self._told(writes, lost)
                return

    def _told(self, writes: list[_Write], lost: frozenset[int]) -> None:
        for held, remember, done in writes:
            if remember.token in lost:
                if self._meter is not None:
                    self._meter.fenced(held.piece)
                if not done.done():
                    done.set_exception(lease_lost(held, remember.offset))
            elif not done.done():
                done.set_result(None)
        gone = {held.piece.token: held for held, remember, _ in writes if remember.token in lost}
        if gone:
            # Behind those who were just told: they hear of it by the error, not by being cancelled.
            asyncio.get_running_loop().call_soon(self._lose, list(gone.values()))

    def _lose(self, helds: list[Held]) -> None:
        for held in helds:
            logger.warning("lost the lease of %d items of %s", held.unsettled, held.piece.task)
            self._live.lose(held)


def _still_held(writes: list[_Write]) -> list[_Write]:
    for write in writes:
        if write.held.lost:
            _fail([write], lease_lost(write.held, write.remember.offset))
    return [write for write in writes if not write.done.done()]


def _fail(writes: list[_Write], error: BaseException) -> None:
    for write in writes:
        if not write.done.done():
            write.done.set_exception(error)


def lease_lost(held: Held, offset: int) -> LeaseLost:
    return LeaseLost(
        f"execution {held.assignment.execution_id(offset)} is not this worker's any more",
        hint="it runs again elsewhere; stop, nothing this attempt does is stored",
    )
