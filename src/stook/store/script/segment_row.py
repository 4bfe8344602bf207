"""Rows of the queue: what `insert_segment.sql` takes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.picks import as_range, pack

if TYPE_CHECKING:
    from stook.store.script.batch_row import BatchRow

__all__ = ["BISECTED", "NewSegment", "SegmentStatus", "offsets_of"]

BISECTED: Final = 2


class SegmentStatus(IntEnum):
    ready = 0
    scheduled = 1
    suspect = 2


class NewSegment(msgspec.Struct, kw_only=True, gc=False):
    """`offsets` of the chunk that begins at `first`, gathered in any order."""

    first: int
    offsets: Sequence[int]
    priority: int
    round: int
    attempt: int
    losses: int = 0
    status: SegmentStatus = SegmentStatus.ready
    closed: int = 0
    """1: a group nobody joins; BISECTED: the half of one."""
    """A group of its own, joined by no other items."""
    alone: bool = False
    """Joined by no other item at all."""
    group: tuple[int, int] | None = None
    """Items of different groups stay in different segments."""
    due_at: int | None = None
    lane: str = ""
    cost: str | None = None

    def columns(self, batch: BatchRow, *, now: int, rank: int, expires_at: int | None = None) -> tuple[object, ...]:
        offsets = self.offsets if isinstance(self.offsets, range) else sorted(self.offsets)
        run = len(offsets) == offsets[-1] - offsets[0] + 1
        return (
            batch.id,
            self.first,
            offsets[0] if run else 0,
            offsets[-1] + 1 if run else len(offsets),
            None if run else pack(offsets),
            batch.project,
            batch.task,
            batch.queue,
            self.priority,
            rank,
            self.round,
            self.attempt,
            self.losses,
            int(self.status),
            int(batch.phase == "paused"),
            int(self.closed),
            self.due_at,
            None if self.status is SegmentStatus.scheduled else now,
            expires_at,
            self.lane,
            self.cost,
        )


def offsets_of(pos: int, stop: int, picks: bytes | None) -> Sequence[int]:
    """The items a stored segment still spans."""
    return range(pos, stop) if picks is None else as_range(0, 0, picks)[pos:stop]
