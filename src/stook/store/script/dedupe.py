"""Per-item dedupe keys: while the execution that holds a key is unfinished, nobody else starts one under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.chunk import item_at, kept_placings, make_chunk, starts_of
from stook.core.picks import pack, unpack
from stook.store.statement import Each, Many, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.chunk import Chunk
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Script

__all__ = ["CALLER_KEYS", "DEDUPE_KEYS", "RESTING_KEYS", "free_keys", "hold_keys"]

CALLER_KEYS = 1
DEDUPE_KEYS = 2
RESTING_KEYS = 128
"""Bits of `batch.keyed`; the last: some of the keys stay held for a while behind the end."""


def hold_keys(
    batch: BatchRow, chunks: list[Chunk], now: int
) -> Script[tuple[list[Chunk], list[tuple[int, bytes, int]]]]:
    """Takes the items' dedupe keys; returns the chunks without the items whose key is held, and who holds it:
    (offset in the input, batch, index). Of equal keys in one call the first is kept."""
    wanted = {key for chunk in chunks for key in chunk.dedupe or () if key is not None}
    if not wanted:
        return chunks, []
    rows = yield Each("lock_dedupe", [(batch.project, batch.task, key) for key in sorted(wanted)])
    spent = [(batch.project, batch.task, key) for key, _, _, free_at in rows if free_at is not None and free_at <= now]
    if spent:
        yield Many("drop_dedupe", spent)
    free = {key for _, _, key in spent}
    holders: dict[str, tuple[bytes, int]] = {
        key: (batch_id, index) for key, batch_id, index, _ in rows if key not in free
    }
    batch.keyed |= DEDUPE_KEYS
    kept, existing, taken, position, index = [], [], [], 0, batch.total
    for chunk in chunks:
        keep = []
        for offset, key in enumerate(chunk.dedupe or [None] * chunk.count):
            if key is not None and key in holders:
                existing.append((position + offset, *holders[key]))
                continue
            if key is not None:
                holders[key] = (batch.id, index)
                taken.append((batch.project, batch.task, key, batch.id, index))
            keep.append(offset)
            index += 1
        position += chunk.count
        if keep:
            kept.append(_only(chunk, keep))
    if taken:
        yield Many("insert_dedupe", taken)
    return kept, existing


def free_keys(batch: BatchRow, indexes: Sequence[int]) -> Script[None]:
    """What has ended holds no key, unless its key rests for a while."""
    if batch.keyed & RESTING_KEYS and indexes:
        now: int = yield Now()
        yield Many("rest_dedupe", [(batch.id, index, now) for index in indexes])
    if batch.keyed & DEDUPE_KEYS and indexes:
        yield Many("delete_dedupe", [(batch.id, index) for index in indexes])


def _only(chunk: Chunk, keep: list[int]) -> Chunk:
    if len(keep) == chunk.count:
        return chunk
    places = starts_of(chunk.starts)
    blobs = set(unpack(chunk.blobs)) if chunk.blobs else set()
    return make_chunk(
        [item_at(chunk.payloads, places, offset) for offset in keep],
        keys=None if chunk.keys is None else [chunk.keys[offset] for offset in keep],
        tags=None if chunk.tags is None else [chunk.tags[offset] for offset in keep],
        blobs=pack([place for place, offset in enumerate(keep) if offset in blobs]) or None,
        extras={place: chunk.extras[offset] for place, offset in enumerate(keep) if offset in chunk.extras}
        if chunk.extras
        else None,
        placings=None if chunk.placings is None else kept_placings(chunk.placings, keep),
    )
