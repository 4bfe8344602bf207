"""Ending what has not started: cancel, deadline and failure threshold, one set of rows per batch, none per item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.errors import Conflict
from stook.core.phase import Phase, Stop
from stook.core.picks import as_range
from stook.core.states import State
from stook.store.script.action import ABORTED, end_actions
from stook.store.script.batch_row import lock_batch, save_batches
from stook.store.script.close import close_if_done
from stook.store.script.dedupe import free_keys
from stook.store.script.flush import Flush
from stook.store.script.suspend import drop_suspended, tell_parents
from stook.store.statement import All, Many, Notify, Now, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["cancel", "give_up", "stop_waiting"]

_WAITING: Final = bytes([State.queued, State.scheduled, State.suspended])


def cancel(batch_id: bytes, *, hard: bool, reason: str) -> Script[BatchRow]:
    """Nothing more of the batch starts. Soft: what runs may finish; hard: what runs is stopped and ends cancelled.
    Cancelling twice is once, except that hard goes beyond soft; an ended batch is a `Conflict`."""
    batch = yield from lock_batch(batch_id)
    now: int = yield Now()
    if batch.ended_phase:
        raise Conflict(f"batch {batch.public_id} has ended ({batch.ended})", hint="nothing is left to cancel")
    if batch.stop is None or (hard and batch.stop != Stop.hard.value):
        batch.reason = reason
        yield from stop_waiting(batch, now, Stop.hard if hard else Stop.soft)
        yield from close_if_done(batch, now)
        yield from save_batches([batch])
    return batch


def give_up(batch_id: bytes, *, reason: str) -> Script[None]:
    """Cancels a batch whose submission failed half way and frees its key. One that was sealed stays as it is."""
    batch = yield from lock_batch(batch_id)
    now: int = yield Now()
    if batch.sealed_at is not None:
        return
    batch.reason = reason
    yield Run("free_batch_key", (batch.id,))
    yield from stop_waiting(batch, now, Stop.soft)
    yield from close_if_done(batch, now)
    yield from save_batches([batch])


def stop_waiting(batch: BatchRow, now: int, stop: Stop) -> Script[None]:
    """Every item that no worker holds ends now; the caller holds the batch's row, closes and saves it.

    The segments go first: that waits for claims under way, whose leases the next statement then sees.
    """
    yield Run("delete_batch_segments", (batch.id,))
    leases: list[Row] = yield All("batch_leases", (batch.id,))
    chunks: list[Row] = yield All("lock_states", (batch.id,))
    end = State.expired if stop is Stop.expire else State.cancelled
    leased: dict[int, set[int]] = {}
    for _, first, lo, hi, picks in leases:
        leased.setdefault(first, set()).update(as_range(lo, hi, picks))
    if batch.probe is not None:
        yield from end_actions(batch, now, ABORTED)
    batch.stop, batch.probe = stop.value, None
    if batch.suspended:
        yield from drop_suspended(batch, now)
    batch.scheduled = batch.suspended = 0
    batch.sealed_at = batch.sealed_at or now
    batch.phase = Phase.cancelling.value
    flush = Flush(batch, now)
    table = bytes.maketrans(_WAITING, bytes([end]) * len(_WAITING))
    changed = []
    for first, states in chunks:
        offsets = _waiting(states, leased.get(first, set()))
        if not offsets:
            continue
        after = bytearray(states.translate(table))
        for offset in leased.get(first, ()):
            after[offset] = states[offset]
        changed.append((batch.id, first, bytes(after)))
        flush.outcome(first, offsets, end, round_=batch.round, attempt=0)
    if changed:
        yield Many("update_state", changed)
        yield Many("insert_outcome", flush.outcomes)
        yield from free_keys(batch, flush.ended)
        yield from tell_parents(flush)
    if stop in (Stop.hard, Stop.expire) and leases:
        yield Run("signal_batch_leases", (batch.id,))
    yield Notify((f"batch:{batch.id.hex()}", "signal"))


def _waiting(states: bytes, leased: set[int]) -> Sequence[int]:
    if not leased and not states.strip(_WAITING):
        return range(len(states))
    return [offset for offset, byte in enumerate(states) if byte in _WAITING and offset not in leased]
