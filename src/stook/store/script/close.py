"""The end of a batch, written once: by the transaction that settles its last execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.phase import Phase, Stop, ended_state
from stook.store.script.batch_news import tell
from stook.store.script.retention import keep_until
from stook.store.statement import Many, Notify

if TYPE_CHECKING:
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Script

__all__ = ["close_if_done"]


def close_if_done(batch: BatchRow, now: int) -> Script[bool]:
    """Closes a sealed batch in which every execution is terminal, and writes its completion event. The caller holds
    the row and saves it."""
    if batch.sealed_at is None or batch.terminal != batch.total or batch.probe is not None or batch.ended_phase:
        return False
    ended = ended_state(batch.counters(), None if batch.stop is None else Stop(batch.stop))
    batch.phase, batch.ended, batch.finished_at = Phase.closed.value, ended.value, now
    batch.ramp_at = None
    yield from keep_until(batch)
    yield Notify((f"batch:{batch.id.hex()}", f"end:{batch.id.hex()}"))
    if batch.single:
        return True
    body = {
        "id": batch.public_id,
        "state": ended.value,
        "total": batch.total,
        "succeeded": batch.succeeded,
        "failed": batch.failed,
        "cancelled": batch.cancelled,
        "expired": batch.expired,
        "round": batch.round,
    }
    tell(batch, "batch.finished", now)
    yield Many("insert_event", [(batch.id, "batch.finished", msgspec.json.encode(body).decode(), now)])
    return True
