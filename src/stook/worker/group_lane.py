"""Groups of one batched task: formed from its slices, in order, closed by whichever comes first.

    size members │ max_bytes of payload │ the claim said so │ `timeout` after the first member came │ drain, stop

A slice that is `closed` is a group by itself. Slices of different projects or lanes never meet in one.
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


class _Forming:
    """Members of one project and lane. `first` is when the first one came (`monotonic`)."""

    __slots__ = ("bytes", "count", "first", "forced", "runs", "timer")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.count = 0
        self.bytes = 0
        self.first = monotonic()
        self.forced: str | None = None
        """Why the claim under way says that its slices are a group however few they are."""
        self.timer: asyncio.TimerHandle | None = None


class GroupLane:
    def __init__(self, definition: TaskDefinition, config: BatchConfig, *, slots: Slots, pace: Pace) -> None:
        self.tasks = (definition.name,)
        self.pace = pace
        self._config = config
        self._slots = slots
        self._forming: dict[tuple[str, str, int], _Forming] = {}
        """By project, lane and, of what the claim has closed, number of the group: what has members."""
        self._queued = 0

    def want(self) -> int:
        size, free = self._config.size, self._slots.count - self._slots.busy
        ahead = self.pace.ahead()
        count = sum(one.count for one in self._forming.values())
        have = count + self._queued
        if free <= 0 and have > ahead // 2:
            return 0
        others = self._slots.waiting * size - self._queued
        most = min(free * size + ahead - have - max(0, others), max(CLAIM_LIMIT, size))
        # As many as fill groups: what would only wait here for others can wait where anybody may take it.
        return max(0, most - (most + count) % size)

    def at_once(self) -> int:
        """Free slots' groups, and one that gathers."""
        return self._config.size * max(1, self._slots.count - self._slots.busy)

    @property
    def gathering(self) -> int:
        return len(self._forming)

    def want_last(self, free: int) -> int:
        return max(0, free * self._config.size - sum(one.count for one in self._forming.values()))

    def accept(self, held: Held) -> None:
        piece = held.piece
        offsets, payloads = read_payloads(held)
        if not offsets:
            return
        if piece.closed:
            self._close([Run(held, offsets, payloads)], piece.forced or "retry", monotonic())
            return
        if piece.group:
            self._accept_closed(Run(held, offsets, payloads))
            return
        flow = piece.project, piece.lane, 0
        forming = self._forming.get(flow) or _Forming()
        sizes = self._sizes(forming, held, offsets)
        at = 0
        while at < len(offsets):
            end = min(len(offsets), at + self._config.size - forming.count)
            if sizes is not None:
                end = self._fitting(forming, sizes, at, end)
            if end > at:
                self._join(flow, forming, Run(held, offsets[at:end], payloads[at:end]))
                # Where sizes do not matter the slice's stands for its members': too much, never too little.
                forming.bytes += len(piece.payload) if sizes is None else sum(sizes[at:end])
                at = end
            if forming.count >= self._config.size:
                self._close_flow(flow, "size")
                forming = _Forming()
            elif at < len(offsets):
                self._close_flow(flow, "bytes")
                forming = _Forming()
        if forming.runs:
            forming.forced = piece.forced or forming.forced

    def _accept_closed(self, run: Run) -> None:
        piece = run.held.piece
        flow = piece.project, piece.lane, piece.group
        forming = self._forming.get(flow) or _Forming()
        self._join(flow, forming, run)
        forming.forced = piece.forced or "size"

    def claimed(self, *, all_of_it: bool, hurried: bool) -> None:
        for flow, forming in list(self._forming.items()):
            forced, forming.forced = forming.forced, None
            if forced is not None:
                self._close_flow(flow, forced)
            elif all_of_it and (hurried or not self._config.timeout):
                self._close_flow(flow, "drain" if hurried else "timeout")

    def close(self, why: str) -> None:
        """Closes what is forming; what was full, or had no room or time left, says so."""
        for flow, forming in list(self._forming.items()):
            self._close_flow(flow, why if forming.forced in (None, "drain") else forming.forced)

    def _close_flow(self, flow: tuple[str, str, int], why: str) -> None:
        forming = self._forming.pop(flow, None)
        if forming is None:
            return
        if forming.timer is not None:
            forming.timer.cancel()
        self._close(forming.runs, why, forming.first)

    def hand_back(self) -> int:
        """Groups are claimed to be run whole, and few at a time."""
        return 0

    def _join(self, flow: tuple[str, str, int], forming: _Forming, run: Run) -> None:
        if not forming.runs:
            self._forming[flow] = forming
            if self._config.timeout:
                loop = asyncio.get_running_loop()
                forming.timer = loop.call_later(self._config.timeout, self._close_flow, flow, "timeout")
        forming.runs.append(run)
        forming.count += len(run.offsets)

    def _close(self, runs: list[Run], why: str, formed: float) -> None:
        group = Group(runs, slots=self._slots, closed_by=why, formed=formed, began=self._began, ran=self._ran)
        self._queued += len(group)
        self._slots.add_group(group)

    def _began(self, size: int) -> None:
        self._queued -= size

    def _ran(self, size: int, took: int) -> None:
        self.pace.ran(items=size, calls=1, total=took, now=perf_counter_ns())

    def _sizes(self, forming: _Forming, held: Held, offsets: Sequence[int]) -> list[int] | None:
        """Bytes of each payload, where they matter: mostly the whole slice fits many times over."""
        piece = held.piece
        if forming.bytes + len(piece.payload) <= self._config.max_bytes:
            return None
        by_offset = dict(zip(piece.offsets, map(len, split_array(piece.payload)), strict=True))
        return [by_offset[offset] for offset in offsets]

    def _fitting(self, forming: _Forming, sizes: list[int], at: int, end: int) -> int:
        """How far from `at` members fit; one that is larger than `max_bytes` goes alone."""
        room = self._config.max_bytes - forming.bytes
        for place in range(at, end):
            room -= sizes[place]
            if room < 0:
                return place if place > at or forming.count else at + 1
        return end
