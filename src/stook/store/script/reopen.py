"""Taking ended executions up again, in the same batch: a new round, visibly reopened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.phase import Phase
from stook.core.states import State
from stook.store.script.rank import virtual_time
from stook.store.script.segment_row import NewSegment
from stook.store.statement import All, Each, Many, Notify, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.retry_scope import RetryScope
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["reopen"]


def reopen(batch: BatchRow, now: int, scope: RetryScope, most: int | None) -> Script[int]:
    """Queues the executions of `scope`, the first `most` of them; returns how many. The caller holds the batch's row
    and saves it."""
    chunks = yield from _chosen(batch, scope)
    rank = yield from virtual_time(batch)
    states, segments, count = [], [], 0
    batch.round += 1
    for first, before, offsets in chunks:
        chosen = offsets if most is None else offsets[: most - count]
        if not chosen:
            break
        after = bytearray([State.queued]) * len(before) if len(chosen) == len(before) else bytearray(before)
        if len(chosen) < len(before):
            for offset in chosen:
                after[offset] = State.queued
        _uncount(batch, before if len(chosen) == len(before) else bytes(map(before.__getitem__, chosen)))
        count += len(chosen)
        states.append((batch.id, first, bytes(after)))
        segment = NewSegment(first=first, offsets=chosen, priority=batch.priority, round=batch.round, attempt=1)
        segments.append((first, segment))
    if not count:
        batch.round -= 1
        return 0
    paused = batch.phase == Phase.paused.value
    batch.phase = Phase.paused.value if paused else batch.resting_phase().value
    batch.ended = batch.finished_at = batch.stop = batch.reason = None
    batch.streak = 0
    if batch.deadline_at is not None and batch.deadline_at <= now:
        batch.deadline_at = None  # it is spent, and would end at once what is wanted again
    yield from _uncount_groups(batch, scope, [(first, one.offsets) for first, one in segments], most)
    yield Many("update_state", states)
    rows = []
    for _, segment in segments:
        rows.append(segment.columns(batch, now=now, rank=rank))
        rank += len(segment.offsets)
    yield Many("insert_segment", rows)
    yield Notify((f"task:{batch.task}", f"batch:{batch.id.hex()}"))
    if batch.single:
        return count
    body = {"id": batch.public_id, "round": batch.round, "executions": count}
    yield Many("insert_event", [(batch.id, "batch.reopened", msgspec.json.encode(body).decode(), now)])
    return count


def _chosen(batch: BatchRow, scope: RetryScope) -> Script[list[tuple[int, bytes, Sequence[int]]]]:
    wanted = bytes(State[name] for name in scope.states)
    rows: list[Row] = yield All("lock_states", (batch.id,))
    indexes: set[int] | None = None if scope.indexes is None else set(scope.indexes)
    if scope.group is not None:
        items: list[Row] = yield All("group_items", (batch.id, scope.group))
        indexes = {index for (index,) in items}
    chosen: list[tuple[int, bytes, Sequence[int]]] = []
    for first, states in rows:
        offsets: Sequence[int] = range(len(states))
        if states.strip(wanted):
            offsets = [offset for offset, byte in enumerate(states) if byte in wanted]
        if indexes is not None:
            offsets = [offset for offset in offsets if first + offset in indexes]
        if offsets:
            chosen.append((first, states, offsets))
    return chosen


def _uncount(batch: BatchRow, states: bytes) -> None:
    batch.failed -= states.count(State.failed)
    batch.cancelled -= states.count(State.cancelled)
    batch.expired -= states.count(State.expired)


def _uncount_groups(
    batch: BatchRow, scope: RetryScope, chunks: Sequence[tuple[int, Sequence[int]]], most: int | None
) -> Script[None]:
    if "failed" not in scope.states:
        return
    if most is None and scope.indexes is None:
        yield Run("clear_failure_groups", (batch.id, scope.group))
        return
    keys = [(batch.id, first + offset) for first, offsets in chunks for offset in offsets]
    rows: list[Row] = yield Each("latest_failure", keys)
    counts: dict[str, int] = {}
    for _, mark in rows:
        counts[mark] = counts.get(mark, 0) + 1
    if counts:
        yield Many("uncount_failure_group", [(batch.id, mark, number) for mark, number in counts.items()])
