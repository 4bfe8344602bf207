"""Ending an execution from outside, with an output that its own code did not give.

    waits ──▶ succeeded, and leaves the queue        runs ──▶ succeeded, and its lease no longer holds it

Whoever runs it is told to stop, and what it says afterwards is stale. Lock order: batch, segments, leases, states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.picks import as_range, pack
from stook.core.states import Event, State, move
from stook.store.script.batch_row import lock_batch, no_such_batch
from stook.store.script.cancel_items import leave_segments, save_ended, tell_ended
from stook.store.script.flush import Flush
from stook.store.script.given_output import put_output
from stook.store.script.segment_row import SegmentStatus, offsets_of
from stook.store.script.settle_slice import Held
from stook.store.script.suspend import PARENT_CANCELLED, drop_suspensions
from stook.store.statement import Each, Many, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.given_output import Form
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["Finished", "finish_item"]


class Finished(msgspec.Struct, frozen=True):
    """`state` is what it was in; `done`: it has succeeded because of this."""

    done: bool
    state: State


def finish_item(
    batch_id: bytes, index: int, *, result: bytes, form: Form, blob: bool = False, project: str | None = None
) -> Script[Finished]:
    """Of one that had ended, or is being cancelled, nothing changes. `result` and `form` are a `given_result`; with
    `blob` the result is a reference into the blob store. `NotFound` if the batch (in the `project`) has no such."""
    batch = yield from lock_batch(batch_id)
    if project not in (None, batch.project) or not 0 <= index < batch.total:
        raise no_such_batch(batch_id)
    now: int = yield Now()
    found: list[Row] = yield Each("find_chunk", [(batch.id, index)])
    first: int = found[0][1]
    key, offset = [(batch.id, first)], index - first
    segments: list[Row] = yield Each("lock_chunk_segments", key)
    leases: list[Row] = yield Each("lock_chunk_leases", key)
    rows: list[Row] = yield Each("lock_state", key)
    flush = Flush(batch, now)
    states = flush.chunk_states(first, rows[0][2])
    lease = next((row[0] for row in leases if offset in as_range(*row[2:])), None)
    segment = next((row for row in segments if offset in offsets_of(*row[2:5])), None)
    was = _state(batch, states[offset], segment, leased=lease is not None)
    after = move(was, Event.finish)
    if after is None:
        return Finished(done=False, state=was)
    states[offset] = after
    round_, attempt = batch.round, 0
    if lease is not None:
        held = yield from _leave_lease(lease, offset)
        flush.claimed(held.claimed_at)
        round_, attempt = held.round, held.attempt
    elif segment is not None:
        round_ = segment[6]
        batch.scheduled -= segment[5] == SegmentStatus.scheduled
    flush.outcome(first, [offset], after, round_=round_, attempt=attempt, results=[result], blobs=[0] if blob else ())
    flush.count_probe(round_, 1)
    yield Many("update_state", flush.state_rows())
    yield Many("insert_outcome", flush.outcomes)
    yield from leave_segments(segments, {(first, offset)})
    if was is State.suspended:
        batch.suspended -= 1
        yield from drop_suspensions(batch, [index], now, body=PARENT_CANCELLED)
    yield from put_output(batch, index, form, None, round_=round_)
    yield from tell_ended(flush)
    yield from save_ended(batch, now)
    return Finished(done=True, state=was)


def _state(batch: BatchRow, byte: int, segment: Row | None, *, leased: bool) -> State:
    if leased:
        stopping = byte == State.cancelling or batch.stop in ("hard", "expire")
        return State.cancelling if stopping else State.running
    if segment is not None and segment[5] == SegmentStatus.scheduled:
        return State.scheduled
    return State(byte)


def _leave_lease(token: int, offset: int) -> Script[Held]:
    """The lease as it was. One that holds nothing more is gone: its worker hears that."""
    rows: list[Row] = yield Each("lock_lease", [(token,)])
    lease = Held(*rows[0])
    left: Sequence[int] = [one for one in lease.offsets if one != offset]
    if left:
        yield Many("shrink_lease", [(token, pack(left), len(left))])
        yield Many("signal_lease", [(token,)])
    else:
        yield Many("delete_lease", [(token,)])
    return lease
