"""Counting a batch again: the proof that its counters are true, and their repair should they ever not be."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import msgspec

from stook.core.phase import Counters, Phase
from stook.core.picks import as_range
from stook.core.recount import ChunkPlaces, Tally, counter_differences, tally_chunk
from stook.core.states import State
from stook.store.script.batch_row import lock_batch, read_batch, save_batches
from stook.store.script.close import close_if_done
from stook.store.script.dedupe import free_keys
from stook.store.script.flush import Flush
from stook.store.script.missed_ends import missed_ends_of, tell_missed
from stook.store.script.rank import virtual_time
from stook.store.script.segment_row import NewSegment, SegmentStatus, offsets_of
from stook.store.script.suspend import tell_parents
from stook.store.statement import All, Many, Notify, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["Recount", "reconcile", "recount"]


class Recount(msgspec.Struct):
    """What was `kept` and what was `counted`. `differences` in words; empty: all is as it must be."""

    kept: Counters
    counted: Counters
    differences: list[str]
    nowhere: list[int]
    """Executions that would never run again."""


def recount(batch_id: bytes) -> Script[Recount]:
    """Reads everything about the batch but its payloads and results, in one view; changes nothing."""
    batch = yield from read_batch(batch_id)
    segments: list[Row] = yield All("read_batch_segments", (batch_id,))
    leases: list[Row] = yield All("read_batch_leases", (batch_id,))
    states: list[Row] = yield All("read_states", (batch_id,))
    suspensions: list[Row] = yield All("read_batch_suspensions", (batch_id,))
    return (yield from _compare(batch, states, segments, leases, suspensions))


def reconcile(batch_id: bytes) -> Script[list[str]]:
    """Makes the counters those that were counted, queues again (or ends, in a batch that is being stopped) what waits
    nowhere, and ends the batch if that was all it waited for. Returns what it repaired, in words.

    Items in several places are left alone: claims and settlements let only one of them win.
    """
    batch = yield from lock_batch(batch_id)
    now: int = yield Now()
    states: list[Row] = yield All("lock_states", (batch_id,))
    # The segments first: that waits for claims under way, whose leases the next statement then sees.
    segments: list[Row] = yield All("lock_batch_segments", (batch_id,))
    leases: list[Row] = yield All("read_batch_leases", (batch_id,))
    suspensions: list[Row] = yield All("read_batch_suspensions", (batch_id,))
    found = yield from _compare(batch, states, segments, leases, suspensions)
    repaired = counter_differences(found.kept, found.counted)
    counted = found.counted
    batch.total, batch.scheduled, batch.suspended = counted.total, counted.scheduled, counted.suspended
    batch.succeeded, batch.failed = counted.succeeded, counted.failed
    batch.cancelled, batch.expired = counted.cancelled, counted.expired
    ends: list[Row] = yield All("read_last_settle", (batch_id,))
    settled = ends[0][0] if ends else 0
    if settled > batch.settled:
        repaired.append(f"settled is kept as {batch.settled}, the last outcome ends at {settled}")
        batch.settled = settled
    if found.nowhere:
        stored = {row[0]: row[1] for row in states}
        repaired.append((yield from _place(batch, now, stored, found.nowhere)))
    if missed := (yield from missed_ends_of(batch.id)):
        yield from tell_missed(missed)
        repaired.append(f"of {len(missed)} children that it waits for and that have ended, nobody had told it")
    if (yield from close_if_done(batch, now)):
        repaired.append(f"nothing was left to do: it ended, {batch.ended}")
    # Claims passed over the segments that were locked here: whoever found nothing looks again.
    yield Notify((f"task:{batch.task}",))
    if repaired:
        yield from save_batches([batch])
        yield Notify((f"batch:{batch.id.hex()}",))
    return repaired


def _compare(
    batch: BatchRow,
    states: Sequence[Row],
    segments: Sequence[Row],
    leases: Sequence[Row],
    suspensions: Sequence[Row],
) -> Script[Recount]:
    chunks = {first: ChunkPlaces(first, content) for first, content in states}
    differences = []
    for first, pos, stop, picks, status, held in segments:
        offsets = offsets_of(pos, stop, picks)
        if first in chunks:
            scheduled = status == SegmentStatus.scheduled
            (chunks[first].scheduled if scheduled else chunks[first].ready).append(offsets)
        else:
            differences.append(f"a segment names a chunk at {first} that is not there")
        if bool(held) != (batch.phase == Phase.paused.value):
            differences.append(f"the batch is {batch.phase}, a segment at {first} is {'held' if held else 'not held'}")
    for first, lo, hi, picks, live in leases:
        offsets = as_range(lo, hi, picks)
        if first in chunks:
            chunks[first].leased.append(offsets)
        else:
            differences.append(f"a lease names a chunk at {first} that is not there")
        if len(offsets) != live:
            differences.append(f"a lease at {first} holds {len(offsets)} items and says {live}")
    differences += _asleep(chunks, suspensions)
    tally = Tally()
    for chunk in chunks.values():
        tally_chunk(tally, chunk)
    kept = batch.counters(tally.counters.running)
    differences = [*counter_differences(kept, tally.counters), *tally.differences(), *differences]
    differences.extend((yield from _bookkeeping(batch, tally.counters)))
    return Recount(kept, tally.counters, differences, sorted(tally.nowhere))


def _bookkeeping(batch: BatchRow, counted: Counters) -> Script[list[str]]:
    differences = []
    ends: list[Row] = yield All("read_last_settle", (batch.id,))
    settled = ends[0][0] if ends else 0
    if settled != batch.settled:
        differences.append(f"settled is kept as {batch.settled}, the last outcome ends at {settled}")
    groups: list[Row] = yield All("count_failure_groups", (batch.id,))
    grouped = groups[0][0] or 0
    if grouped != counted.failed:
        differences.append(f"the failure groups hold {grouped} executions, {counted.failed} have failed")
    over = batch.sealed_at is not None and counted.terminal == counted.total
    if batch.ended_phase and not over:
        differences.append(f"it has ended, {counted.total - counted.terminal} executions have not")
    if over and not batch.ended_phase:
        differences.append(f"every execution has ended, it is {batch.phase}")
    return differences


def _asleep(chunks: dict[int, ChunkPlaces], suspensions: Sequence[Row]) -> list[str]:
    """Adds them to their chunks; what does not fit, in words."""
    found = []
    for index, first, waiting, waits in suspensions:
        if first in chunks:
            chunks[first].suspended.append((index - first,))
        else:
            found.append(f"a suspension names a chunk at {first} that is not there")
        if waiting != waits:
            found.append(f"item {index} is suspended for {waiting} things, and {waits} are there")
    return found


def _place(batch: BatchRow, now: int, states: dict[int, bytes], lost: Sequence[int]) -> Script[str]:
    """Lost items back into the queue, or to their end."""
    chunks: dict[int, list[int]] = {}
    firsts = sorted(states)
    for index in lost:
        first = firsts[bisect_right(firsts, index) - 1]
        chunks.setdefault(first, []).append(index - first)
    flush = Flush(batch, now)
    rank = yield from virtual_time(batch)
    segments = []
    for first, offsets in chunks.items():
        content = flush.chunk_states(first, states[first])
        asked = [one for one in offsets if batch.stop is not None or content[one] == State.cancelling]
        for offset in offsets:
            content[offset] = State.queued
        for offset in asked:
            content[offset] = State.cancelled
        again = [one for one in offsets if content[one] == State.queued]
        if asked:
            flush.outcome(first, asked, State.cancelled, round_=batch.round, attempt=0)
        if again:
            segment = NewSegment(first=first, offsets=again, priority=batch.priority, round=batch.round, attempt=1)
            segments.append(segment.columns(batch, now=now, rank=rank))
    yield Many("update_state", flush.state_rows())
    if flush.outcomes:
        yield Many("insert_outcome", flush.outcomes)
        yield from free_keys(batch, flush.ended)
        yield from tell_parents(flush)
    if segments:
        yield Many("insert_segment", segments)
    return f"{len(lost)} executions that waited nowhere were {'queued again' if segments else 'ended as cancelled'}"
