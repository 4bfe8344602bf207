"""Executions in bulk for those far away: large bodies are fetched one after the other, never a page of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.store.script.read.results import follow_items, results

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from stook.core.states import State
    from stook.engine.blobs import Blobs
    from stook.store.port import Store
    from stook.store.script.read.item_row import ItemRow

__all__ = ["rows_as_settled", "rows_in_order", "whole_rows"]

_BYTES: Final = 256 * 1024
_CHUNKS: Final = 2
_OUTCOMES: Final = 500


async def whole_rows(blobs: Blobs, rows: Sequence[ItemRow]) -> AsyncIterator[list[ItemRow]]:
    """The same rows, their bodies in place, in groups of about 256 KiB."""
    ready: list[ItemRow] = []
    size = 0
    for row in rows:
        if row.input_blob:
            row.input, row.input_blob = await blobs.get(row.batch_id, row.input), False
        if row.result_blob and row.result is not None:
            row.result, row.result_blob = await blobs.get(row.batch_id, row.result), False
        ready.append(row)
        size += len(row.input) + len(row.result or b"")
        if size >= _BYTES:
            yield ready
            ready, size = [], 0
    if ready:
        yield ready


async def rows_in_order(
    store: Store, blobs: Blobs, batch_id: bytes, after: int, states: Collection[State] | None, tag: str | None = None
) -> AsyncIterator[list[ItemRow]]:
    """In input order, behind the first `after` items; those that have not ended are there too."""
    while rows := await store.read(results, batch_id, after, _CHUNKS):
        after = rows[-1].index + 1
        wanted = _wanted(rows, states, tag)
        async for group in whole_rows(blobs, wanted):
            yield group


async def rows_as_settled(
    store: Store,
    blobs: Blobs,
    batch_id: bytes,
    after: int,
    states: Collection[State] | None = None,
    tag: str | None = None,
) -> AsyncIterator[list[ItemRow]]:
    """What has settled up to now, behind settle number `after`."""
    while True:
        found = await store.read(follow_items, batch_id, after, _OUTCOMES)
        if not found.items:
            return
        after = found.after
        wanted = _wanted(found.items, states, tag)
        async for group in whole_rows(blobs, wanted):
            yield group


def _wanted(rows: Sequence[ItemRow], states: Collection[State] | None, tag: str | None) -> Sequence[ItemRow]:
    if states is None and tag is None and not any(row.pruned for row in rows):
        return rows
    kept = [row for row in rows if not row.pruned]
    return [row for row in kept if (states is None or row.state in states) and (tag is None or tag in row.tags)]
