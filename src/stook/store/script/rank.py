"""Start-time fair queuing: where new segments stand among those already waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.statement import All, Each

if TYPE_CHECKING:
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["front_of", "next_rank", "virtual_time"]


def virtual_time(batch: BatchRow, priority: int | None = None) -> Script[int]:
    """The rank served next: a batch that arrives now starts there, however long the queue behind it.

    That of the batch's own task and priority, or of its project where none of these waits: work that nobody serves
    must not hold the front back for those who are served.
    """
    rank, _ = yield from front_of(batch, priority)
    return rank


def front_of(batch: BatchRow, priority: int | None = None) -> Script[tuple[int, bool]]:
    """`virtual_time`, and whether the batch's project limits what is submitted."""
    level = batch.priority if priority is None else priority
    rows: list[Row] = yield All("virtual_time", (batch.project, batch.task, level))
    return rows[0][0] or 0, bool(rows[0][1])


def next_rank(batch: BatchRow, priority: int) -> Script[int]:
    """Where items added to the batch stand: behind its own that still wait; without any, at the front, whatever it was
    given before."""
    front = yield from virtual_time(batch, priority)
    if batch.rank <= front:
        return front
    rows: list[Row] = yield Each("batch_usage", [(batch.id,)])
    return batch.rank if batch.counters(rows[0][1]).queued else front
