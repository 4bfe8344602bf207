"""The batch that an idempotency key stands for, and what stands for the items it has consumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from stook.core.chunk import MAX_ITEMS
from stook.store.script.batch_row import read_batch
from stook.store.script.read.storable import storable
from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["ConsumedBlock", "KeyedBatch", "consumed_blocks", "keyed_batch"]


_PAGE: Final = 200


class ConsumedBlock(NamedTuple):
    """`digests` of items of the input from `first` on."""

    first: int
    digests: bytes


class KeyedBatch(msgspec.Struct):
    id: bytes
    task: str
    digest: str | None
    consumed: int
    sealed: bool


def keyed_batch(project: str, key: str) -> Script[KeyedBatch | None]:
    if not storable(key):
        return None
    rows: list[Row] = yield All("find_batch_key", (project, key))
    if not rows:
        return None
    batch = yield from read_batch(rows[0][0])
    return KeyedBatch(batch.id, batch.task, batch.digest, batch.consumed, batch.sealed_at is not None)


def consumed_blocks(batch_id: bytes, at: int) -> Script[list[ConsumedBlock]]:
    """Some of those that reach behind the first `at` items, in order; none: there are no more."""
    rows: list[Row] = yield All("read_consumed_blocks", (batch_id, at - MAX_ITEMS, _PAGE))
    return [ConsumedBlock(*row) for row in rows]
