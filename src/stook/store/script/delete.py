"""Deleting a batch: gone from view at once, its rows in bites afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import Conflict
from stook.core.phase import Phase
from stook.store.script.batch_row import lock_batch, save_batches
from stook.store.statement import All, Notify, Run

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["delete", "drop_blobs", "purge"]

TABLES = (
    "outcome",
    "chunk",
    "state",
    "failure",
    "failure_group",
    "log",
    "item_key",
    "dedupe",
    "event",
    "blob",
    "segment",
    "batch_size",
    "item_change",
    "chunk_tag",
    "chunk_lane",
    "consumed_block",
    "memo",
    "suspension",
    "wait",
    "loss",
    "hosted_batch",
    "external_id",
    "given_output",
    "hosted_event",
    "hosted_actual",
    "workflow_event",
)


def delete(batch_id: bytes) -> Script[None]:
    """An ended batch only; its key is free again at once."""
    batch = yield from lock_batch(batch_id)
    if batch.phase != Phase.closed.value:
        raise Conflict(f"batch {batch.public_id} has not ended", hint="cancel it first")
    batch.phase = Phase.deleted.value
    yield Run("free_batch_key", (batch.id,))
    yield from save_batches([batch])
    yield Notify(("purge",))


def purge(limit: int = 200) -> Script[bytes | None]:
    """Removes up to `limit` rows of one deleted batch; returns its id while there is something to do, so that its
    blobs can go too, else None."""
    rows: list[Row] = yield All("deleted_batch")
    if not rows:
        return None
    batch_id: bytes = rows[0][0]
    for table in TABLES:
        removed: int = yield Run(f"purge_{table}", (batch_id, limit))
        if removed:
            return batch_id
    yield Run("purge_batch", (batch_id,))
    return batch_id


def drop_blobs(batch_id: bytes) -> Script[int]:
    """Of a batch that never came to be; returns how many were in rows."""
    removed: int = yield Run("purge_blob", (batch_id, 2**31 - 1))
    return removed
