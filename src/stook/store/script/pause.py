"""Holding a batch back and letting it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import Conflict
from stook.core.phase import Phase
from stook.store.script.batch_news import tell
from stook.store.script.batch_row import lock_batch, save_batches
from stook.store.script.rank import virtual_time
from stook.store.statement import Many, Notify, Now, Run

if TYPE_CHECKING:
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Script

__all__ = ["note_pause", "pause", "resume"]


def pause(batch_id: bytes, *, reason: str) -> Script[BatchRow]:
    """What runs goes on, nothing more starts. Pausing twice is once."""
    batch = yield from lock_batch(batch_id)
    now: int = yield Now()
    if batch.phase == Phase.paused.value:
        return batch
    if batch.phase not in (Phase.open.value, Phase.active.value):
        raise Conflict(f"batch {batch.public_id} is {batch.ended or batch.phase}", hint="only a live batch is paused")
    batch.phase, batch.reason = Phase.paused.value, reason
    yield Run("hold_segments", (batch.id, 1))
    yield from note_pause(batch, now)
    yield from save_batches([batch])
    return batch


def resume(batch_id: bytes, *, ramp: bool = True) -> Script[BatchRow]:
    """It stands in the queue as if it had just arrived; concurrency grows over ten seconds unless `ramp` is False.
    Resuming what is not paused changes nothing, an ended batch is a `Conflict`."""
    batch = yield from lock_batch(batch_id)
    now: int = yield Now()
    if batch.phase in (Phase.open.value, Phase.active.value):
        return batch
    if batch.phase != Phase.paused.value:
        raise Conflict(f"batch {batch.public_id} is {batch.ended or batch.phase}", hint="only a paused batch resumes")
    batch.phase, batch.reason, batch.streak = batch.resting_phase().value, None, 0
    batch.ramp_at = now if ramp else None
    base = yield from virtual_time(batch)
    yield Run("release_segments", (batch.id, base, now))
    yield from _note(batch, "batch.resumed", now, {})
    yield from save_batches([batch])
    yield Notify((f"task:{batch.task}", f"batch:{batch.id.hex()}"))
    return batch


def note_pause(batch: BatchRow, now: int) -> Script[None]:
    """That it was paused, by hand or by its threshold. The caller holds the row and saves it."""
    yield from _note(batch, "batch.paused", now, {"reason": batch.reason})


def _note(batch: BatchRow, kind: str, now: int, more: dict[str, str | None]) -> Script[None]:
    tell(batch, kind, now)
    if not batch.single:
        body = {"id": batch.public_id, "round": batch.round, **more}
        yield Many("insert_event", [(batch.id, kind, msgspec.json.encode(body).decode(), now)])
