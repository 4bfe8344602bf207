"""Groups of one batched task: formed from its slices, in order, closed by whichever comes first.

    size members │ max_bytes of payload │ the claim said so │ `timeout` after the first member came │ drain, stop

A slice that is `closed` is a group by itself.
"""

from __future__ import annotations

import asyncio
from time import monotonic, perf_counter_ns
from typing import TYPE_CHECKING

from stook.core.payload import split_array
from stook.worker.group import Group
from stook.worker.group_ending import Run
from stook.worker.lanes import read_payloads
from stook.worker.pace import CLAIM_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.policy import BatchConfig
    from stook.worker.definition import TaskDefinition
    from stook.worker.held import Held
    from stook.worker.pace import Pace
    from stook.worker.slots import Slots

__all__ = ["GroupLane"]


class GroupLane:
    def __init__(self, definition: TaskDefinition, config: BatchConfig, *, slots: Slots, pace: Pace) -> None:
        self.tasks = (definition.name,)
        self.pace = pace
        self._config = config
        self._slots = slots
        self._forming: list[Run] = []
        self._count = 0
        self._bytes = 0
        self._first = 0.0
        self._queued = 0
        self._forced: str | None = None
        """Why the claim under way says that its slices are a group however few they are."""
        self._timer: asyncio.TimerHandle | None = None

    def want(self) -> int:
        size, free = self._config.size, self._slots.count - self._slots.busy
        ahead = self.pace.ahead()
        have = self._count + self._queued
        if free <= 0 and have > ahead // 2:
            return 0
        others = self._slots.waiting * size - self._queued
        most = min(free * size + ahead - have - max(0, others), max(CLAIM_LIMIT, size))
        # As many as fill groups: what would only wait here for others can wait where anybody may take it.
        return max(0, most - (most + self._count) % size)

    def accept(self, held: Held) -> None:
        piece = held.piece
        offsets, payloads = read_payloads(held)
        if not offsets:
            return
        if piece.closed:
            self._close([Run(held, offsets, payloads)], piece.forced or "retry", monotonic())
            return
        sizes = self._sizes(held, offsets)
        at = 0
        while at < len(offsets):
            end = min(len(offsets), at + self._config.size - self._count)
            if sizes is not None:
                end = self._fitting(sizes, at, end)
            if end > at:
                self._join(Run(held, offsets[at:end], payloads[at:end]))
                # Where sizes do not matter the slice's stands for its members': too much, never too little.
                self._bytes += len(piece.payload) if sizes is None else sum(sizes[at:end])
                at = end
            if self._count >= self._config.size:
                self.close("size")
            elif at < len(offsets):
                self.close("bytes")
        self._forced = piece.forced or self._forced

    def claimed(self, *, all_of_it: bool, hurried: bool) -> None:
        forced, self._forced = self._forced, None
        if forced is not None:
            self.close(forced)
        elif all_of_it and (hurried or not self._config.timeout):
            self.close("drain" if hurried else "timeout")

    def close(self, why: str) -> None:
        """Closes what is forming."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        runs, formed = self._forming, self._first
        self._forming, self._count, self._bytes = [], 0, 0
        if runs:
            self._close(runs, why, formed)

    def hand_back(self) -> int:
        """Groups are claimed to be run whole, and few at a time."""
        return 0

    def _join(self, run: Run) -> None:
        if not self._forming:
            self._first = monotonic()
            if self._config.timeout:
                self._timer = asyncio.get_running_loop().call_later(self._config.timeout, self.close, "timeout")
        self._forming.append(run)
        self._count += len(run.offsets)

    def _close(self, runs: list[Run], why: str, formed: float) -> None:
        group = Group(runs, slots=self._slots, closed_by=why, formed=formed, began=self._began, ran=self._ran)
        self._queued += len(group)
        self._slots.add_group(group)

    def _began(self, size: int) -> None:
        self._queued -= size

    def _ran(self, size: int, took: int) -> None:
        self.pace.ran(items=size, calls=1, total=took, now=perf_counter_ns())

    def _sizes(self, held: Held, offsets: Sequence[int]) -> list[int] | None:
        """Bytes of each payload, where they matter: mostly the whole slice fits many times over."""
        piece = held.piece
        if self._bytes + len(piece.payload) <= self._config.max_bytes:
            return None
        by_offset = dict(zip(piece.offsets, map(len, split_array(piece.payload)), strict=True))
        return [by_offset[offset] for offset in offsets]

    def _fitting(self, sizes: list[int], at: int, end: int) -> int:
        """How far from `at` members fit; one that is larger than `max_bytes` goes alone."""
        room = self._config.max_bytes - self._bytes
        for place in range(at, end):
            room -= sizes[place]
            if room < 0:
                return place if place > at or self._count else at + 1
        return end
