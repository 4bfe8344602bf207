"""What is done by hand to single executions: their input is changed, or they are skipped.

    waits ──edit──▶ waits, with the new input        waits ──skip──▶ cancelled
    ended badly ──edit──▶ as it was, or queued       failed ──skip──▶ cancelled, in a round of its own

Lock order: batch, segments, leases, states. A segment that is held here is passed over by claims, and a claim that came
first has left a lease that is seen here: whoever is second knows of the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import NotFound
from stook.core.picks import as_range
from stook.core.retry_scope import RETRYABLE, RetryScope
from stook.core.states import State
from stook.store.script.batch_row import lock_batch, save_batches
from stook.store.script.cancel_items import cancel_items
from stook.store.script.chunk_lane import change_lanes
from stook.store.script.needs_code import needs_code
from stook.store.script.reopen import check_reopens, reopen
from stook.store.statement import All, Each, Many, Now

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["CHANGED_ITEMS", "NewInput", "Touched", "change_inputs", "edit_item", "note_changes", "skip_item"]

CHANGED_ITEMS: Final = 4
"""Bit of `batch.keyed`: there are rows in item_change."""
_WAITING: Final = frozenset({State.queued, State.scheduled})
_ENDED_BADLY: Final = frozenset(State[name] for name in RETRYABLE)


class NewInput(msgspec.Struct, gc=False):
    """`payload` is JSON, or a reference into the blob store where `blob` says so. `place`: the lane and cost it has in
    the queue, of a task with keys."""

    index: int
    payload: bytes
    blob: bool = False
    place: tuple[str, str | None] | None = None


class Touched(msgspec.Struct, frozen=True):
    """`state` is what the execution was in when it was looked at under its lock; `done`: that allowed it."""

    done: bool
    state: State


def edit_item(batch_id: bytes, new: NewInput, *, again: bool, actor: str | None = None) -> Script[Touched]:
    """Its next attempt gets the new input. Of one that ended badly there is a next attempt now with `again`, else once
    it is retried. What runs, and what has succeeded, stays as it is."""
    batch = yield from lock_batch(batch_id)
    state = yield from _lock_item(batch, new.index)
    if state not in _WAITING | _ENDED_BADLY:
        return Touched(done=False, state=state)
    now: int = yield Now()
    if again and state in _ENDED_BADLY:
        check_reopens(batch)
        yield from needs_code(batch.task)
        yield from reopen(batch, now, RetryScope(states=RETRYABLE, indexes=(new.index,)), None)
    yield from change_inputs(batch, now, [new], actor)
    yield from save_batches([batch])
    return Touched(done=True, state=state)


def skip_item(batch_id: bytes, index: int, *, reason: str, actor: str | None = None) -> Script[Touched]:
    """It ends as cancelled, and its changes say that it was skipped. One that failed is taken up in a new round, in
    which nothing is tried. Twice is once; what runs, and what has ended otherwise, stays as it is."""
    batch = yield from lock_batch(batch_id)
    state = yield from _lock_item(batch, index)
    if state is State.cancelled:
        changes: list[Row] = yield All("read_item_changes", (batch.id, index))
        return Touched(done=bool(changes) and changes[-1][1] == "skip", state=state)
    if state not in _WAITING and state is not State.failed:
        return Touched(done=False, state=state)
    now: int = yield Now()
    if state is State.failed:
        check_reopens(batch)
        yield from reopen(batch, now, RetryScope(indexes=(index,)), None)
    yield from note_changes(batch, [(index, "skip", None, 0, reason)], actor, now)
    yield from save_batches([batch])
    yield from cancel_items(batch_id, [index])
    return Touched(done=True, state=state)


def change_inputs(batch: BatchRow, now: int, new: Iterable[NewInput], actor: str | None) -> Script[None]:
    """The caller holds the batch's row and saves it, and no claim can be under way to these items. Those with a `place`
    go to it: whoever queues them comes after."""
    new = list(new)
    yield from change_lanes(batch, {one.index: one.place for one in new if one.place is not None})
    yield from note_changes(batch, [(one.index, "edit", one.payload, int(one.blob), None) for one in new], actor, now)


def note_changes(
    batch: BatchRow, changes: Sequence[tuple[int, str, bytes | None, int, str | None]], actor: str | None, now: int
) -> Script[None]:
    """(index, kind, payload, is_blob, reason) each; the caller holds the batch's row and saves it."""
    batch.keyed |= CHANGED_ITEMS
    rows: list[Row] = yield Each("last_item_change", [(batch.id, index) for index, *_ in changes])
    last: dict[int, int] = {row[0]: row[1] for row in rows}
    yield Many(
        "insert_item_change", [(batch.id, index, last[index] + 1, *what, actor, now) for index, *what in changes]
    )


def _lock_item(batch: BatchRow, index: int) -> Script[State]:
    """Its state, which nobody changes before the transaction ends."""
    if not 0 <= index < batch.total:
        raise NotFound(f"batch {batch.public_id} has no item {index}")
    found: list[Row] = yield Each("find_chunk", [(batch.id, index)])
    first: int = found[0][1]
    key = [(batch.id, first)]
    segments: list[Row] = yield Each("lock_chunk_segments", key)
    leases: list[Row] = yield Each("lock_chunk_leases", key)
    rows: list[Row] = yield Each("lock_state", key)
    offset = index - first
    if any(offset in as_range(lo, hi, picks) for _, _, lo, hi, picks in leases):
        return State.running
    state = State(rows[0][2][offset])
    scheduled = state is State.queued and any(row[5] == 1 and offset in _spanned(row) for row in segments)
    return State.scheduled if scheduled else state


def _spanned(row: Row) -> Sequence[int]:
    _, _, pos, stop, picks, *_ = row
    return range(pos, stop) if picks is None else as_range(0, 0, picks)[pos:stop]
