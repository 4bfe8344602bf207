"""What a retry would take up, with the inputs it has now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.states import State
from stook.store.script.batch_row import read_batch
from stook.store.script.change import CHANGED_ITEMS
from stook.store.script.read.content import heads_of, read_inputs
from stook.store.script.read.executions import by_state, of_these
from stook.store.script.read.limit import check_limit
from stook.store.script.read.narrowed import narrowed

if TYPE_CHECKING:
    from stook.core.retry_scope import RetryScope
    from stook.store.statement import Script

__all__ = ["ScopedInput", "scoped_inputs"]


class ScopedInput(msgspec.Struct, gc=False):
    """`payload` is a reference into the blob store where `blob` says so."""

    index: int
    payload: bytes
    blob: bool


def scoped_inputs(batch_id: bytes, scope: RetryScope, after: int = 0, limit: int = 500) -> Script[list[ScopedInput]]:
    """In input order, from index `after` on. Empty: there are no more."""
    check_limit(limit)
    batch = yield from read_batch(batch_id)
    wanted = frozenset(State[name] for name in scope.states)
    chosen = yield from narrowed(batch_id, batch.total, scope)
    if chosen is None:
        found = yield from by_state(batch_id, wanted, range(after, batch.total), limit)
    else:
        left = sorted(index for index in chosen if after <= index < batch.total)
        found = yield from of_these(batch_id, wanted, left, limit)
    chunks: dict[int, list[int]] = {}
    for first, index in found:
        chunks.setdefault(first, []).append(index - first)
    heads = yield from heads_of(batch_id, chunks)
    inputs = yield from read_inputs(batch_id, heads, chunks, edited=bool(batch.keyed & CHANGED_ITEMS))
    return [
        ScopedInput(first + offset, content, offset in heads[first].blobs)
        for first, offsets in chunks.items()
        for offset, content in zip(offsets, inputs[first], strict=True)
    ]
