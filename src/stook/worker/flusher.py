"""Outcomes on their way back: gathered, settled many slices at a time, one flush in flight while the next gathers.

A flush begins with 2,048 finished items, 5 ms after the first outcome, or at once when nothing is left to run.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import StoreError, StoreFull, StoreReadOnly, StoreUnavailable
from stook.worker.backoff import pause_after
from stook.worker.source import Settlement
from stook.worker.trouble import rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.worker.held import Held
    from stook.worker.live import Live
    from stook.worker.meter import Meter
    from stook.worker.source import Source

__all__ = ["ENOUGH", "SOON", "Flusher"]

logger = logging.getLogger("stook.worker")

ENOUGH: Final = 2048
"""Finished items that are not kept waiting for others."""
SOON: Final = 0.005
"""Seconds that an outcome waits for others."""

_Part = tuple["Held", Settlement, int]


class Flusher:
    """`failed` is called with an error that no retry can help: the store is full, or may not be written. A
    flush begins `interval` seconds after the first outcome, or with `most` finished items."""

    def __init__(
        self,
        source: Source,
        live: Live,
        *,
        failed: Callable[[BaseException], None],
        interval: float = SOON,
        most: int = ENOUGH,
        meter: Meter | None = None,
    ) -> None:
        self._source = source
        self._meter = meter
        self._live = live
        self._interval = interval
        self._most = most
        self._failed = failed
        self._hopeless = False
        self._noted: list[Held] = []
        self._finished = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="stook flusher")
        return self._task

    def note(self, held: Held) -> None:
        """The slice has its first outcome since it was last taken, or its last one."""
        if not held.noted:
            held.noted = True
            self._noted.append(held)
            self._empty.clear()
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(self._interval, self.hurry)
        if not held.left:
            self._finished += len(held.piece.offsets)
        if max(self._finished, len(self._noted)) >= self._most:  # each slice that is noted has one outcome at least
            self.hurry()

    def hurry(self) -> None:
        """Nothing is gained by waiting for more outcomes."""
        if self._noted:
            self._due.set()

    async def emptied(self) -> None:
        """Returns when everything noted so far is settled, or lost; at once if nothing is settled any more."""
        self.hurry()
        if self._task is not None and not self._task.done():
            await self._empty.wait()

    async def _run(self) -> None:
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
                noted, self._noted, self._finished = self._noted, [], 0
                await self._settle([self._take(held) for held in noted if not held.lost])
                if not self._noted:
                    self._empty.set()
        finally:
            self._empty.set()  # whatever ended it, nobody waits for more

    def _take(self, held: Held) -> _Part:
        settlement, count = held.take()
        if held.pace is not None:
            failed = [trouble.duration for trouble in settlement.troubles if trouble.kind == "failed"]
            items = len(settlement.durations) + len(failed)
            total = (sum(settlement.durations) + sum(failed)) * 1000
            held.pace.ran(items=items, calls=items, total=total, now=perf_counter_ns())
        return held, settlement, count

    async def _settle(self, parts: list[_Part]) -> None:
        failures = 0
        while parts:
            began = perf_counter_ns()
            try:
                settled = await self._source.settle([settlement for _, settlement, _ in parts])
            except StoreUnavailable as error:
                failures += 1
                pause = pause_after(failures)
                logger.warning("%d outcomes wait to be stored, next try in %.1f s: %s", _items(parts), pause, error)
                await asyncio.sleep(pause)
                parts = [part for part in parts if not part[0].lost]
            except (StoreFull, StoreReadOnly) as error:
                # Not the outcomes' fault, and nothing that waiting mends. Leases bring them back.
                self._failed(error)
                return
            except Exception as error:  # noqa: BLE001 -- whatever the source makes of an outcome it will not take
                await self._divide(parts, error)
                return
            else:
                if self._meter is not None:
                    _count(self._meter, parts, settled.lost, perf_counter_ns() - began)
                for token in settled.lost:
                    lost = self._live.get(token)
                    if lost is not None:
                        logger.warning("lost the lease of %d items of %s", lost.unsettled, lost.piece.task)
                        self._live.lose(lost)
                for held, _, count in parts:
                    self._live.settled(held, count)
                return

    async def _divide(self, parts: list[_Part], error: Exception) -> None:
        """Finds the outcome that is refused; all others are settled. A store that takes not even the word that it was
        refused takes nothing: that is no fault of the outcomes."""
        if self._hopeless:
            return
        if len(parts) > 1:
            middle = len(parts) // 2
            await self._settle(parts[:middle])
            await self._settle(parts[middle:])
            return
        held, settlement, count = parts[0]
        if settlement.logs:
            logger.warning("outcomes of %s are stored without what was logged: %s", held.piece.task, error)
            bare = msgspec.structs.replace(settlement, logs=())
            await self._settle([(held, bare, count)])
            return
        if count > 1:
            for half in _halves(settlement):
                await self._settle([(held, half, len(half.offsets) + len(half.troubles))])
            return
        if settlement.troubles and settlement.troubles[0].code == "result_rejected":
            if isinstance(error, StoreError):
                self._hopeless = True
                self._failed(error)
                return
            logger.error("an outcome of %s cannot be stored at all: %s", held.piece.task, error)
            self._live.lose(held)  # its lease runs out; then it counts as lost, again and again until quarantined
            return
        offset, took = _only(settlement)
        logger.error("the outcome of item %d of %s was refused: %s", held.piece.first + offset, held.piece.task, error)
        refusal = Settlement(settlement.token, settlement.batch_id, (), [], (), [rejected(offset, error, took)])
        await self._settle([(held, refusal, 1)])


def _count(meter: Meter, parts: list[_Part], lost: Sequence[int], took: int) -> None:
    kept = [part for part in parts if part[1].token not in lost] if lost else parts
    meter.settled([(held.piece, one) for held, one, _ in kept], took)
    if lost:
        for held, one, _ in parts:
            if one.token in lost:
                meter.fenced(held.piece)


def _items(parts: list[_Part]) -> int:
    return sum(count for _, _, count in parts)


def _only(settlement: Settlement) -> tuple[int, int]:
    if settlement.troubles:
        return settlement.troubles[0].offset, settlement.troubles[0].duration
    return settlement.offsets[0], settlement.durations[0]


def _halves(whole: Settlement) -> list[Settlement]:
    """Good and bad apart first, then each in halves."""
    if whole.offsets and whole.troubles:
        return [
            Settlement(whole.token, whole.batch_id, whole.offsets, whole.results, whole.durations),
            Settlement(whole.token, whole.batch_id, (), [], (), whole.troubles),
        ]
    good, bad = len(whole.offsets) // 2, len(whole.troubles) // 2
    return [
        Settlement(
            whole.token,
            whole.batch_id,
            whole.offsets[part],
            whole.results[part],
            whole.durations[part],
            whole.troubles[other],
        )
        for part, other in ((slice(good), slice(bad)), (slice(good, None), slice(bad, None)))
    ]
