"""The batch that an idempotency key stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.store.script.batch_row import read_batch
from stook.store.script.read.storable import storable
from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["KeyedBatch", "keyed_batch"]


class KeyedBatch(msgspec.Struct):
    id: bytes
    task: str
    digest: str | None
    total: int
    sealed: bool


def keyed_batch(project: str, key: str) -> Script[KeyedBatch | None]:
    if not storable(key):
        return None
    rows: list[Row] = yield All("find_batch_key", (project, key))
    if not rows:
        return None
    batch = yield from read_batch(rows[0][0])
    return KeyedBatch(batch.id, batch.task, batch.digest, batch.total, batch.sealed_at is not None)
