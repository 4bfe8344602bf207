"""Retrying by hand what ended badly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import Conflict
from stook.store.script.batch_row import lock_batch, save_batches
from stook.store.script.probe import Probe
from stook.store.script.reopen import reopen
from stook.store.statement import Now

if TYPE_CHECKING:
    from stook.core.retry_scope import RetryScope
    from stook.store.statement import Script

__all__ = ["retry"]


def retry(batch_id: bytes, scope: RetryScope, *, probe: int | None = None) -> Script[int]:
    """Reopens the batch for the executions of `scope`; returns how many were queued now. With `probe`, so many go
    first and the rest follows on its own once half of them have succeeded. What is not in `scope` any more (already
    retried) is passed over; a batch being cancelled is a `Conflict`."""
    batch = yield from lock_batch(batch_id)
    now: int = yield Now()
    if batch.stop is not None and not batch.ended_phase:
        raise Conflict(f"batch {batch.public_id} is being cancelled", hint="retry once it has ended")
    if batch.probe is not None:
        raise Conflict(f"batch {batch.public_id} is already trying a retry", hint="wait until its probe has settled")
    count, end = yield from reopen(batch, now, scope, probe)
    if count and probe is not None and count == probe:
        batch.probe = msgspec.json.encode(Probe(scope, count, count, end)).decode()
    yield from save_batches([batch])
    return count
