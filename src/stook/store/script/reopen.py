"""Taking ended executions up again, in the same batch: a new round, visibly reopened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import Conflict
from stook.core.phase import Phase
from stook.core.states import State
from stook.store.script.batch_news import tell
from stook.store.script.chunk_lane import by_lane, lanes_of
from stook.store.script.rank import virtual_time
from stook.store.script.read.narrowed import narrowed
from stook.store.script.remember import MEMOS
from stook.store.script.segment_row import NewSegment
from stook.store.statement import All, Each, Many, Notify, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.retry_scope import RetryScope
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["check_reopens", "in_scope", "reopen"]


def check_reopens(batch: BatchRow) -> None:
    """`Conflict` while it is being cancelled, or tries a retry."""
    if batch.stop is not None and not batch.ended_phase:
        raise Conflict(f"batch {batch.public_id} is being cancelled", hint="retry once it has ended")
    if batch.probe is not None:
        raise Conflict(f"batch {batch.public_id} is already trying a retry", hint="wait until its probe has settled")


def reopen(
    batch: BatchRow, now: int, scope: RetryScope, most: int | None, *, after: int = 0
) -> Script[tuple[int, int]]:
    """Queues the executions of `scope` from index `after` on, the first `most` of them; returns how many, and the
    index behind the last of them. The caller holds the batch's row and saves it."""
    chunks, passed = yield from in_scope(batch, scope, after)
    rank = yield from virtual_time(batch)
    lanes = yield from lanes_of(batch, [first for first, *_ in chunks])
    states, count, end = [], 0, after
    segments: list[NewSegment] = []
    failed: list[int] = []
    for first, before, offsets in chunks:
        chosen = offsets if most is None else offsets[: most - count]
        if not chosen:
            break
        states.append((batch.id, first, _take(batch, before, chosen)))
        count += len(chosen)
        end = first + chosen[-1] + 1
        if most is not None or not scope.whole:
            failed.extend(first + offset for offset in chosen if before[offset] == State.failed)
        segments.extend(
            NewSegment(
                first=first,
                offsets=offsets,
                priority=batch.priority,
                round=batch.round + 1,
                attempt=1,
                lane=lane,
                cost=cost,
            )
            for (lane, cost), offsets in by_lane(chosen, lanes.get(first)).items()
        )
    if not count:
        return 0, end
    _go_on(batch, now)
    if most is not None or not scope.whole:
        yield from _count_groups(batch, failed, -1)
    elif "failed" in scope.states:
        yield Run("clear_failure_groups", (batch.id, scope.group))
        yield from _count_groups(batch, passed, 1)
    if batch.keyed & MEMOS:
        again = [(batch.id, one.first + offset) for one in segments for offset in one.offsets]
        yield Many("delete_failed_memos", again)
    yield Many("update_state", states)
    rows = []
    for segment in segments:
        rows.append(segment.columns(batch, now=now, rank=rank))
        rank += len(segment.offsets)
    yield Many("insert_segment", rows)
    yield Notify((f"task:{batch.task}", f"batch:{batch.id.hex()}"))
    if not batch.single:
        body = {"id": batch.public_id, "round": batch.round, "executions": count}
        tell(batch, "batch.reopened", now, executions=count)
        yield Many("insert_event", [(batch.id, "batch.reopened", msgspec.json.encode(body).decode(), now)])
    return count, end


def in_scope(
    batch: BatchRow, scope: RetryScope, after: int = 0
) -> Script[tuple[list[tuple[int, bytes, Sequence[int]]], list[int]]]:
    """By chunk, what is in scope from `after` on; and the indexes of failed ones in scope before it."""
    wanted = bytes(State[name] for name in scope.states)
    rows: list[Row] = yield All("lock_states", (batch.id,))
    indexes = yield from narrowed(batch.id, batch.total, scope)
    chosen: list[tuple[int, bytes, Sequence[int]]] = []
    passed: list[int] = []
    for first, states in rows:
        offsets: Sequence[int] = range(len(states))
        if states.strip(wanted):
            offsets = [offset for offset, byte in enumerate(states) if byte in wanted]
        if indexes is not None:
            offsets = [offset for offset in offsets if first + offset in indexes]
        if first < after:
            passed.extend(first + one for one in offsets if first + one < after and states[one] == State.failed)
            offsets = [offset for offset in offsets if first + offset >= after]
        if offsets:
            chosen.append((first, states, offsets))
    return chosen, passed


def _take(batch: BatchRow, before: bytes, chosen: Sequence[int]) -> bytes:
    """The chunk's states with the chosen ones queued, which the batch no longer counts as ended."""
    if len(chosen) == len(before):
        taken, after = before, bytearray([State.queued]) * len(before)
    else:
        taken, after = bytes(map(before.__getitem__, chosen)), bytearray(before)
        for offset in chosen:
            after[offset] = State.queued
    batch.failed -= taken.count(State.failed)
    batch.cancelled -= taken.count(State.cancelled)
    batch.expired -= taken.count(State.expired)
    return bytes(after)


def _go_on(batch: BatchRow, now: int) -> None:
    """A new round, paused if it was."""
    if batch.phase != Phase.paused.value:
        batch.phase, batch.reason = batch.resting_phase().value, None
    batch.ended = batch.finished_at = batch.stop = None
    batch.streak = 0
    batch.round += 1
    if batch.deadline_at is not None and batch.deadline_at <= now:
        batch.deadline_at = None  # it is spent, and would end at once what is wanted again


def _count_groups(batch: BatchRow, failed: Sequence[int], by: int) -> Script[None]:
    """Moves the counts of the groups that these failed executions are in."""
    rows: list[Row] = (yield Each("latest_failure", [(batch.id, index) for index in failed])) if failed else []
    counts: dict[str, int] = {}
    for _, mark in rows:
        counts[mark] = counts.get(mark, 0) + 1
    if counts:
        yield Many("uncount_failure_group", [(batch.id, mark, -by * number) for mark, number in counts.items()])
