"""The grid: one byte per execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.store.script.batch_row import read_batch
from stook.store.script.read.limit import check_limit
from stook.store.script.read.whereabouts import find_whereabouts
from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["shown_states", "state_map"]


def state_map(batch_id: bytes, after: int = 0, chunks: int = 2000) -> Script[list[tuple[int, bytes]]]:
    """(index of the first, a `State` byte for each of a chunk), from the chunk that holds item `after` on; at most
    `chunks` of them. Empty: there are no more."""
    check_limit(chunks, "chunks")
    batch = yield from read_batch(batch_id)
    if after >= batch.total:
        return []
    return (yield from shown_states(batch_id, after, chunks))


def shown_states(batch_id: bytes, after: int, chunks: int) -> Script[list[tuple[int, bytes]]]:
    """`state_map`, for an item that is known to be there."""
    rows: list[Row] = yield All("read_states_from", (batch_id, after, chunks))
    stored = {row[0]: row[1] for row in rows}
    places = yield from find_whereabouts(batch_id, stored, gapless=True)
    return [(first, places[first].shown(states)) for first, states in stored.items()]
