"""Everything about one execution, in a few reads by primary key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import NotFound
from stook.core.ids import batch_of, index_of
from stook.core.states import TERMINAL, State
from stook.store.script.batch_row import read_batch
from stook.store.script.read.batch_view import BatchView, views_of
from stook.store.script.read.ending import ItemError
from stook.store.script.read.executions import find_key
from stook.store.script.read.item_row import ItemRow, read_items
from stook.store.script.read.whereabouts import HeldBy, Waits, find_whereabouts
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Attempt", "ExecutionView", "show_execution", "show_item", "show_key"]


class Attempt(msgspec.Struct):
    """One try that has ended: with `error` where it failed or was lost. Losses carry the number of the attempt they
    did not use up, and count up in `loss`."""

    round: int
    attempt: int
    loss: int
    final: bool
    """The execution ended with it."""
    duration: int | None
    ended_at: int
    error: ItemError | None


class ExecutionView(msgspec.Struct):
    """`lease` while it runs, `waits` while it is queued or scheduled (its due time is there), neither once it has
    ended. `attempts` in the order they were made, of all rounds."""

    item: ItemRow
    batch: BatchView
    attempts: list[Attempt]
    lease: HeldBy | None
    waits: Waits | None


def show_execution(raw: bytes) -> Script[ExecutionView]:
    """By its id (16 bytes)."""
    return show_item(batch_of(raw), index_of(raw))


def show_item(batch_id: bytes, index: int) -> Script[ExecutionView]:
    """`NotFound` says which items there are."""
    batch = yield from read_batch(batch_id)
    if not 0 <= index < batch.total:
        raise NotFound(
            f"batch {batch.public_id} has no item {index}",
            hint=f"it has items 0 to {batch.total - 1}" if batch.total else "it has no items",
        )
    rows: list[Row] = yield Each("find_chunk", [(batch_id, index)])
    first: int = rows[0][1]
    offset = index - first
    items = yield from read_items(batch_id, {first: [offset]}, tracebacks=True)
    views = yield from views_of([batch])
    failed: list[Row] = yield All("read_attempts", (batch_id, index))
    view = ExecutionView(items[0], views[0], sorted(map(_attempt, failed), key=lambda one: one.ended_at), None, None)
    item = view.item
    if item.state is State.succeeded and item.finished_at is not None:
        view.attempts.append(
            Attempt(
                round=item.round,
                attempt=item.attempts,
                loss=0,
                final=True,
                duration=item.duration,
                ended_at=item.finished_at,
                error=None,
            )
        )
    if item.state not in TERMINAL:
        places = yield from find_whereabouts(batch_id, {first: bytes([item.state])})
        view.lease = next((one for one in places[first].leases if offset in one.offsets), None)
        view.waits = next((one for one in places[first].segments if offset in one.offsets), None)
    return view


def show_key(batch_id: bytes, key: str) -> Script[ExecutionView]:
    """By the caller's key."""
    batch = yield from read_batch(batch_id)
    index = yield from find_key(batch_id, key)
    if index is None:
        raise NotFound(f"batch {batch.public_id} has no item with the key {key!r}")
    return (yield from show_item(batch_id, index))


def _attempt(row: Row) -> Attempt:
    round_, attempt, loss, final, duration, ended_at, *error = row
    return Attempt(round_, attempt, loss, bool(final), duration, ended_at, ItemError(*error))
