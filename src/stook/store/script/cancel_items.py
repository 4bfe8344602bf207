"""Cancelling single executions of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.picks import as_range, pack
from stook.core.states import TERMINAL, State
from stook.store.script.batch_row import lock_batch, save_batches
from stook.store.script.close import close_if_done
from stook.store.script.dedupe import free_keys
from stook.store.script.flush import Flush
from stook.store.script.probe import after_probe
from stook.store.script.read.narrowed import narrowed
from stook.store.script.remember import MEMOS, read_memos
from stook.store.script.segment_row import SegmentStatus, offsets_of
from stook.store.script.suspend import PARENT_CANCELLED, drop_suspensions, tell_parents
from stook.store.statement import Each, Many, Notify, Now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stook.store.script.batch_row import BatchRow
    from stook.store.script.read.narrowed import Narrowing
    from stook.store.statement import Row, Script

__all__ = ["CancelledItems", "cancel_items", "cancel_where", "leave_segments", "save_ended", "tell_ended"]


class CancelledItems(msgspec.Struct):
    """`ended` are cancelled now; `asked` run and are being stopped; `passed` had ended; `missing` the batch has not."""

    ended: list[int] = msgspec.field(default_factory=list)
    asked: list[int] = msgspec.field(default_factory=list)
    passed: list[int] = msgspec.field(default_factory=list)
    missing: list[int] = msgspec.field(default_factory=list)


def cancel_where(batch_id: bytes, by: Narrowing) -> Script[CancelledItems]:
    """`cancel_items` of all that the filters let pass."""
    batch = yield from lock_batch(batch_id)
    found = yield from narrowed(batch_id, batch.total, by)
    return (yield from cancel_items(batch_id, sorted(range(batch.total) if found is None else found)))


def cancel_items(
    batch_id: bytes, indexes: Sequence[int], *, begun: bool = True, children: bool = True
) -> Script[CancelledItems]:
    """Waiting ones end at once and leave their segments, so that a later retry finds them nowhere else. Running ones
    are flagged: whatever their handler says, they end cancelled. With `begun` False only those end that have never been
    started. The children that suspended ones wait for are cancelled soon after, unless `children` is False."""
    batch = yield from lock_batch(batch_id)
    now: int = yield Now()
    answer = CancelledItems()
    there = sorted({index for index in indexes if 0 <= index < batch.total})
    found: list[Row] = yield Each("find_chunk", [(batch.id, index) for index in there])
    chunk_of = {index: first for index, first, _ in found}
    answer.missing.extend(sorted(set(indexes) - set(chunk_of)))
    keys = [(batch.id, first) for first in sorted(set(chunk_of.values()))]
    segments: list[Row] = yield Each("lock_chunk_segments", keys)
    leases: list[Row] = yield Each("lock_chunk_leases", keys)
    rows: list[Row] = yield Each("lock_state", keys)
    flush = Flush(batch, now)
    states = {first: flush.chunk_states(first, content) for _, first, content in rows}
    token_of = {(first, offset): token for token, first, lo, hi, picks in leases for offset in as_range(lo, hi, picks)}
    waiting = {
        (row[1], offset): (SegmentStatus(row[5]), row[6]) for row in segments for offset in offsets_of(*row[2:5])
    }
    spared = set() if begun else (yield from _begun(batch, chunk_of, segments))
    signalled: set[tuple[int]] = set()
    suspended: list[int] = []
    alike: dict[tuple[int, int], list[int]] = {}
    for index, first in sorted(chunk_of.items()):
        offset, content = index - first, states[first]
        if State(content[offset]) in TERMINAL:
            answer.passed.append(index)
        elif index in spared:
            continue
        elif (first, offset) in token_of:
            content[offset] = State.cancelling
            signalled.add((token_of[first, offset],))
            answer.asked.append(index)
        else:
            status, round_ = waiting.get((first, offset), (SegmentStatus.ready, batch.round))
            batch.scheduled -= status is SegmentStatus.scheduled
            if content[offset] == State.suspended:
                batch.suspended -= 1
                suspended.append(index)
            content[offset] = State.cancelled
            alike.setdefault((first, round_), []).append(offset)
            answer.ended.append(index)
    for (first, round_), offsets in alike.items():
        flush.outcome(first, offsets, State.cancelled, round_=round_, attempt=0)
        flush.count_probe(round_, len(offsets), failed=len(offsets))
    if answer.ended or answer.asked:
        yield Many("update_state", flush.state_rows())
    if flush.outcomes:
        yield Many("insert_outcome", flush.outcomes)
        yield from leave_segments(segments, {(chunk_of[index], index - chunk_of[index]) for index in answer.ended})
        yield from drop_suspensions(batch, suspended, now, body=PARENT_CANCELLED if children else None)
        yield from tell_ended(flush)
    if signalled:
        yield Many("signal_lease", sorted(signalled))
    yield from save_ended(batch, now)
    return answer


def save_ended(batch: BatchRow, now: int) -> Script[None]:
    """Closes the batch if nothing is left of it, and wakes those who follow it."""
    yield from close_if_done(batch, now)
    yield from save_batches([batch])
    yield Notify((f"batch:{batch.id.hex()}", "signal"))


def tell_ended(flush: Flush) -> Script[None]:
    """Those to whom the end of its items means something: keys, parents, a probe."""
    yield from free_keys(flush.batch, flush.ended)
    yield from tell_parents(flush)
    yield from after_probe(flush.batch, flush.now, ended=flush.probed, failed=flush.probe_failed)


def _begun(batch: BatchRow, chunk_of: Mapping[int, int], segments: Sequence[Row]) -> Script[set[int]]:
    """Of these items, those that are not in the queue for the first time."""
    fresh = (
        {
            row[1] + offset
            for row in segments
            if row[5] != SegmentStatus.suspect and tuple(row[6:9]) == (1, 1, 0)  # round, attempt, losses
            for offset in offsets_of(*row[2:5])
        }
        & set(chunk_of)
    )
    if batch.keyed & MEMOS:
        remembering = yield from read_memos([(batch.id, index, index + 1) for index in sorted(fresh)])
        fresh -= {index for _, index in remembering}
    return set(chunk_of) - fresh


def leave_segments(segments: Sequence[Row], ended: set[tuple[int, int]]) -> Script[None]:
    """Those that `ended`, (first of the chunk, offset) each, are taken out of these rows of `lock_chunk_segments`."""
    used_up, cut = [], []
    for segment_id, first, pos, stop, picks, *_ in segments:
        before = offsets_of(pos, stop, picks)
        left = [offset for offset in before if (first, offset) not in ended]
        if not left:
            used_up.append((segment_id,))
        elif len(left) < len(before):
            cut.append((segment_id, len(left), pack(left)))
    if used_up:
        yield Many("delete_segment", used_up)
    if cut:
        yield Many("cut_segment", cut)
