"""Work for child processes, handed out in small groups.

ready ──group of about 5 ms──▶ child ──one answer per item──▶ outcome
▲                              │
└── what it had not started ───┘  when it is stuck in one item, or dead
"""

from __future__ import annotations

from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Self

from stook.core.payload import split_array
from stook.worker.held import NEVER
from stook.worker.pace import CLAIM_LIMIT
from stook.worker.processes.children import STUCK, Children
from stook.worker.processes.oom import OomKills
from stook.worker.processes.worker_child import Entry
from stook.worker.trouble import released

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.core.log import LogLimits
    from stook.worker.held import Held
    from stook.worker.lanes import Surroundings
    from stook.worker.outbox import Outbox
    from stook.worker.pace import Pace
    from stook.worker.processes.reference import Reference
    from stook.worker.processes.worker_child import WorkerChild
    from stook.worker.source import Trouble

__all__ = ["ProcessLane"]

GROUP: Final = 5_000_000
"""Nanoseconds of work given to a child at once."""
MOST: Final = 256


class ProcessLane:
    """`quiet` is called when no child has work, `poke` when one may have room, `failed` when none can be started."""

    def __init__(
        self,
        tasks: dict[str, Reference],
        count: int,
        *,
        pace: Pace,
        outbox: Outbox,
        memory: OomKills,
        poke: Callable[[], None],
        quiet: Callable[[], None],
        failed: Callable[[BaseException], None],
        logs: LogLimits | None = None,
    ) -> None:
        self.tasks: Sequence[str] = tuple(tasks)
        self.pace = pace
        self.children = Children(tasks, count, parent=self, outbox=outbox, memory=memory, logs=logs)
        self.count = count
        self._poke = poke
        self._quiet = quiet
        self._failed = failed
        self._queue: deque[Entry] = deque()
        self._shortest = NEVER
        """The shortest timeout seen, in nanoseconds."""

    @classmethod
    def of(
        cls,
        tasks: dict[str, Reference],
        count: int,
        room: Surroundings,
        *,
        outbox: Outbox,
        failed: Callable[[BaseException], None],
        logs: LogLimits | None,
    ) -> Self:
        """As part of a worker."""
        pace, poke, quiet = room
        memory = OomKills()
        return cls(
            tasks, count, pace=pace, outbox=outbox, memory=memory, poke=poke, quiet=quiet, failed=failed, logs=logs
        )

    @property
    def busy(self) -> int:
        """Children that have work."""
        return sum(1 for child in self.children.alive if child.assigned)

    # ------------------------------------------------------------------------------------------------ as a lane

    def want(self) -> int:
        ahead, busy = self.pace.ahead(), self.busy
        free = self.count - busy
        waiting = len(self._queue) + sum(len(child.assigned) for child in self.children.alive) - busy
        if waiting > max(free, ahead // 2):
            return 0
        return min(free + ahead - waiting, CLAIM_LIMIT)

    def at_once(self) -> int:
        return self.count - self.busy

    @property
    def gathering(self) -> int:
        return 0

    def want_last(self, free: int) -> int:  # noqa: ARG002 - no groups form here
        return 0

    def accept(self, held: Held) -> None:
        piece = held.piece
        self._shortest = min(self._shortest, held.limit)
        self._queue.extend(
            Entry(held, offset, raw) for offset, raw in zip(piece.offsets, split_array(piece.payload), strict=True)
        )
        self._hand_out()

    def claimed(self, *, all_of_it: bool, hurried: bool) -> None:
        """Items were handed out as they came."""

    def close(self, why: str) -> None:
        """As for `claimed`."""

    def hand_back(self) -> int:
        keep = self.pace.ahead()
        if len(self._queue) <= self.count + 4 * keep:
            return 0
        count = len(self._queue) - keep
        for _ in range(count):
            entry = self._queue.pop()
            entry.held.trouble(released(entry.offset))
        return count

    def sweep(self) -> None:
        """Ends waiting items that may not start any more."""
        waiting, self._queue = self._queue, deque()
        for entry in waiting:
            if entry.held.may_start(entry.offset):
                self._queue.append(entry)
            else:
                entry.held.withdraw(entry.offset)

    # --------------------------------------------------------------------------------------------- the children's

    async def start(self) -> None:
        await self.children.start()

    def shut(self) -> None:
        self.children.shut()

    def cut(self) -> None:
        self.children.cut()

    def kill(self) -> None:
        self.children.kill()

    async def end(self) -> None:
        await self.children.end()

    # ----------------------------------------------------------------------------------------------- handing out

    def _hand_out(self) -> None:
        for child in sorted(self.children.alive, key=lambda one: len(one.assigned)):
            room = self._room(child) if self._queue else 0
            while room > 0:
                group = self._next_group(room)
                if not group:
                    break
                child.give(group)
                room -= len(group)
        if self.busy:
            self.children.watch(self._shortest)

    def _room(self, child: WorkerChild) -> int:
        if not child.ready or child.condemned is not None or child.recalled:
            return 0
        item, has = self.pace.item, len(child.assigned)
        if not item or item > STUCK or self.children.is_stuck(child):
            return 1 - has  # slow, or not known: nothing waits behind another item
        at_once = max(1, min(MOST, int(GROUP / item), -(-len(self._queue) // self.count)))
        return at_once if has <= at_once else 0

    def _next_group(self, most: int) -> list[Entry]:
        """Neighbours in the queue from one slice, without those that may not start any more."""
        group: list[Entry] = []
        now = perf_counter_ns()
        while self._queue and len(group) < most and (not group or self._queue[0].held is group[0].held):
            entry = self._queue.popleft()
            if now < entry.held.expires and entry.held.may_start(entry.offset):
                group.append(entry)
            else:
                entry.held.withdraw(entry.offset)
        return group

    # ------------------------------------------------------------------------------------------- from the children

    def concluded(self, entry: Entry, ended: bytes | Trouble | BaseException, took: int, *, cut: bool) -> None:
        entry.held.conclude(entry.offset, ended, took, cut=cut)

    def returned(self, entries: list[Entry]) -> None:
        self._queue.extendleft(reversed(entries))
        self.sweep()

    def changed(self) -> None:
        self._hand_out()
        self._poke()
        if not self._queue and not self.busy:
            self._quiet()

    def broken(self, error: BaseException) -> None:
        self._failed(error)
