"""One timer for everything that may run too long, instead of one per item."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from stook.worker.held import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Watchdog"]

RESOLUTION: Final = 10_000_000
"""Nanoseconds between two looks, at least."""


class Watchdog:
    """Calls `look(now)` at the watched moments (`perf_counter_ns`), never more than once in 10 ms.

    `look` acts on what is due and answers the next moment to look at, or NEVER. A moment that is watched later than
    one already watched costs a comparison: the timer is set for the earliest alone.
    """

    def __init__(self, look: Callable[[int], int]) -> None:
        self._look = look
        self._timer: asyncio.TimerHandle | None = None
        self._next = NEVER
        self._last = 0

    def watch(self, moment: int) -> None:
        if moment >= self._next:
            return
        self._next = moment = max(moment, self._last + RESOLUTION)
        if self._timer is not None:
            self._timer.cancel()
        delay = (moment - perf_counter_ns()) / 1e9
        self._timer = asyncio.get_running_loop().call_later(max(0.0, delay), self._turn)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._next = None, 0  # nothing comes before 0: no watch is taken on any more

    def _turn(self) -> None:
        self._timer, self._next = None, NEVER
        self._last = perf_counter_ns()
        following = self._look(self._last)
        if following < NEVER:
            self.watch(following)
