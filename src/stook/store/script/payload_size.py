"""How much payload there is: what stands in chunks, and what lies in the blob store for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.chunk import item_at, starts_of
from stook.core.picks import unpack
from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["blob_bytes", "share_of", "size_of_batch"]


def share_of(size: int, left: int, total: int) -> int:
    """Of a batch's bytes, those of the items that have not ended: as if all were of one size."""
    return size * left // total if total else 0


def blob_bytes(payloads: bytes, starts: bytes, blobs: bytes | None) -> int:
    """What lies in the blob store for the items of a chunk, as their references say."""
    if blobs is None:
        return 0
    places = starts_of(starts)
    return sum(msgspec.json.decode(item_at(payloads, places, offset))[1] for offset in unpack(blobs))


def size_of_batch(batch_id: bytes) -> Script[int]:
    """Counted from its chunks, of which only those with references are read."""
    rows: list[Row] = yield All("chunk_bytes", (batch_id,))
    size: int = rows[0][0]
    first = -1
    while rows := (yield All("blob_chunks", (batch_id, first))):
        size += sum(blob_bytes(payloads, starts, blobs) for _, starts, blobs, payloads in rows)
        first = rows[-1][0]
    return size
