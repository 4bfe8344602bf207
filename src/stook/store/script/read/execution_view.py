"""Everything about one execution, in a few reads by primary key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import NotFound, ResultPruned
from stook.core.ids import batch_of, index_of
from stook.core.states import TERMINAL, State
from stook.store.script.batch_row import read_batch
from stook.store.script.change import CHANGED_ITEMS
from stook.store.script.read.batch_view import BatchView, views_of
from stook.store.script.read.content import heads_of, read_inputs
from stook.store.script.read.ending import ItemError
from stook.store.script.read.executions import find_key
from stook.store.script.read.item_row import ItemRow, read_items
from stook.store.script.read.logs import LogCount, count_logs
from stook.store.script.read.whereabouts import HeldBy, Waits, find_whereabouts
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Attempt", "Change", "ExecutionView", "has_past", "show_execution", "show_item", "show_key"]


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


class Change(msgspec.Struct):
    """What was done to it by hand: `edit` with the new input (a reference where `blob` says so), or `skip`."""

    kind: str
    input: bytes | None
    blob: bool
    reason: str | None
    actor: str | None
    at: int


class ExecutionView(msgspec.Struct):
    """`lease` while it runs, `waits` while it is queued or scheduled (its due time is there), neither once it has
    ended. `attempts` in the order they were made, of all rounds; `logs` of those that have said something."""

    item: ItemRow
    batch: BatchView
    attempts: list[Attempt]
    lease: HeldBy | None
    waits: Waits | None
    logs: list[LogCount] = msgspec.field(default_factory=list)
    losses: int = 0
    """Workers that died with it."""
    original: bytes | None = None
    """What was submitted, where its input was changed since; a reference where `original_blob` says so."""
    original_blob: bool = False
    changes: list[Change] = msgspec.field(default_factory=list)


def show_execution(raw: bytes) -> Script[ExecutionView]:
    """By its id (16 bytes)."""
    return show_item(batch_of(raw), index_of(raw))


def show_item(batch_id: bytes, index: int, *, waited: bool = False) -> Script[ExecutionView]:
    """`NotFound` says which items there are; `ResultPruned` for one that is kept no longer, unless the caller `waited`
    for it from before its end."""
    batch = yield from read_batch(batch_id)
    if not 0 <= index < batch.total:
        raise NotFound(
            f"batch {batch.public_id} has no item {index}",
            hint=f"it has items 0 to {batch.total - 1}" if batch.total else "it has no items",
        )
    first = 0
    if batch.total > 1:
        rows: list[Row] = yield Each("find_chunk", [(batch_id, index)])
        first = rows[0][1]
    offset = index - first
    kept = batch.task_policy.retention
    items = yield from read_items(batch_id, {first: [offset]}, keyed=batch.keyed, tracebacks=True, kept=kept)
    if items[0].pruned and not waited:
        raise ResultPruned(f"execution {items[0].id} has ended, and its task keeps it no longer")
    views = yield from views_of([batch])
    view = ExecutionView(items[0], views[0], [], None, None)
    if (yield from has_past(batch_id, index)):
        failed: list[Row] = yield All("read_attempts", (batch_id, index))
        view.attempts = sorted(map(_attempt, failed), key=lambda one: one.ended_at)
        view.logs = yield from count_logs(batch_id, index)
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
    if batch.losses:
        lost: list[Row] = yield All("count_losses", (batch_id, index))
        view.losses = lost[0][0]
    if batch.keyed & CHANGED_ITEMS:
        yield from _add_changes(view, first, offset)
    if item.state not in TERMINAL:
        places = yield from find_whereabouts(batch_id, {first: bytes([item.state])})
        view.lease = next((one for one in places[first].leases if offset in one.offsets), None)
        view.waits = next((one for one in places[first].segments if offset in one.offsets), None)
    return view


def _add_changes(view: ExecutionView, first: int, offset: int) -> Script[None]:
    batch_id = view.item.batch_id
    rows: list[Row] = yield All("read_item_changes", (batch_id, first + offset))
    view.changes = [Change(row[1], row[2], bool(row[3]), *row[4:]) for row in rows]
    if any(one.kind == "edit" for one in view.changes):
        heads = yield from heads_of(batch_id, [first])
        inputs = yield from read_inputs(batch_id, heads, {first: [offset]})
        view.original, view.original_blob = inputs[first][0], offset in heads[first].blobs


def has_past(batch_id: bytes, index: int) -> Script[bool]:
    """Whether there is more to tell of an execution than what was submitted and how it ended: attempts that failed or
    were lost, lines it logged, changes by hand."""
    rows: list[Row] = yield All("has_past", (batch_id, index))
    return bool(rows)


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
