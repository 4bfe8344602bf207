"""The replicas of one deployment: as many as there is work for, none when there is none.

borrow ──▶ one that rests, the one used last ──▶ give back ──▶ rests, until nobody wants it for a while
└─────▶ a new one                                └──▶ stopped: it is spent, or has run often enough
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.hosting.output import Sink
    from stook.hosting.replica import Replica

__all__ = ["Pool"]


class Pool:
    """On one loop. Who borrows is bounded by the caller. `start` makes a replica with its code loaded, and says what
    that code writes to the sink; what it raises, `borrow` raises."""

    def __init__(
        self, start: Callable[[Sink | None], Awaitable[Replica]], *, idle: float, most_runs: int, grace: float
    ) -> None:
        self._start = start
        self._idle = idle
        self._most_runs = most_runs
        self._grace = grace
        self._resting: dict[Replica, asyncio.TimerHandle] = {}
        self._stopping: set[asyncio.Task[object]] = set()
        self._closed = False
        self.busy = 0

    @property
    def resting(self) -> int:
        return len(self._resting)

    @property
    def oldest_due(self) -> float:
        """When the one that rests longest is ended, on the loop's clock; there is one."""
        return next(iter(self._resting.values())).when()

    async def drop_oldest(self) -> None:
        """Of those that rest: its process is gone on return."""
        replica = next(iter(self._resting))
        self._retire(replica)
        await replica.stop(self._grace)

    def runs_left(self, replica: Replica) -> int:
        """Before it is replaced."""
        return max(0, self._most_runs - replica.runs)

    async def borrow(self, sink: Sink | None) -> Replica:
        self.busy += 1
        try:
            while self._resting:
                replica, timer = self._resting.popitem()
                timer.cancel()
                if replica.alive:
                    return replica
                self._stop(replica)
            return await self._start(sink)
        except BaseException:
            self.busy -= 1
            raise

    def give_back(self, replica: Replica) -> None:
        """Each borrowed one, whatever became of it."""
        self.busy -= 1
        self.adopt(replica)

    def adopt(self, replica: Replica) -> None:
        """One with its code loaded, made elsewhere."""
        if self._closed or replica.spent or not replica.alive or replica.runs >= self._most_runs:
            self._stop(replica)
        else:
            loop = asyncio.get_running_loop()
            self._resting[replica] = loop.call_later(self._idle, self._retire, replica)

    async def close(self) -> None:
        """Every process that rests is gone on return; those that are borrowed go when they are given back."""
        self._closed = True
        for replica in list(self._resting):
            self._retire(replica)
        while self._stopping:
            await asyncio.wait(self._stopping)

    def _retire(self, replica: Replica) -> None:
        self._resting.pop(replica).cancel()
        self._stop(replica)

    def _stop(self, replica: Replica) -> None:
        stopping = asyncio.create_task(replica.stop(self._grace), name="stook replica stop")
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
