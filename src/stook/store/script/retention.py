"""What has ended and is past its time goes: the whole batch, once every execution in it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.phase import Phase
from stook.core.retention import KEEP, purge_at
from stook.store.script.batch_row import lock_batches, save_batches
from stook.store.statement import All, Each, Many, Notify, Now, Run

if TYPE_CHECKING:
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["drop_past", "keep_until"]


def keep_until(batch: BatchRow) -> Script[None]:
    """Of a batch that has just ended: notes when it may go, if it may at all. Who keeps everything pays nothing."""
    if batch.task_policy.retention != KEEP and batch.finished_at is not None:
        yield Many("set_batch_purge", [(batch.id, _purge_at(batch))])


def drop_past(limit: int = 1000) -> Script[int]:
    """Deletes up to `limit` batches past their time; returns how many. Their rows go by and by, in `purge`. One whose
    end a parent has not been told of stays."""
    now: int = yield Now()
    rows: list[Row] = yield All("past_batches", (now, limit))
    if not rows:
        return 0
    batches = yield from lock_batches(row[0] for row in rows)
    awaited: list[Row] = yield Each("awaited_batches", [(one,) for one in sorted(batches)])
    left = {row[0] for row in awaited}
    now = yield Now()
    gone = []
    for batch in batches.values():
        due = _purge_at(batch)
        if batch.phase != Phase.closed.value or batch.id in left or due is None or due > now:
            continue
        batch.phase = Phase.deleted.value
        gone.append(batch)
    if gone:
        for batch in gone:
            if batch.key is not None:
                yield Run("free_batch_key", (batch.id,))
        yield from save_batches(gone)
        yield Notify(("purge",))
    return len(gone)


def _purge_at(batch: BatchRow) -> int | None:
    if batch.finished_at is None:
        return None
    others = batch.failed + batch.cancelled + batch.expired
    return purge_at(
        batch.task_policy.retention, succeeded=batch.succeeded, others=others, finished_at=batch.finished_at
    )
