"""Shapes of the wire into the values that handles and the command line know."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, overload

import msgspec

from stook.core.ids import batch_of, parse_id
from stook.core.phase import Counters
from stook.core.states import BatchState, State
from stook.core.terms import NO_TERMS
from stook.store.script.read.batch_view import BatchView
from stook.store.script.read.ending import ItemError
from stook.store.script.read.execution_view import Attempt, Change, ExecutionView
from stook.store.script.read.failures import FailureGroup
from stook.store.script.read.item_row import ItemRow
from stook.store.script.read.limits import LimitRow
from stook.store.script.read.logs import LogCount, LogEntry
from stook.store.script.read.whereabouts import HeldBy, Waits
from stook.store.script.segment_row import SegmentStatus
from stook.wire.stamp import micros

if TYPE_CHECKING:
    from stook.wire.batch import Batch
    from stook.wire.batch import FailureGroup as FailureGroupShape
    from stook.wire.execution import Attempt as AttemptShape
    from stook.wire.execution import Change as ChangeShape
    from stook.wire.execution import Execution, ExecutionDetail, ExecutionError
    from stook.wire.limit import Limit
    from stook.wire.log import LogLine

__all__ = ["batch_view", "execution_view", "failure_group", "item_row", "limit_row", "log_entry"]


@overload
def _at(stamp: str) -> int: ...


@overload
def _at(stamp: str | None) -> int | None: ...


def _at(stamp: str | None) -> int | None:
    return None if stamp is None else micros(datetime.fromisoformat(stamp))


def _span(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)


def batch_view(batch: Batch) -> BatchView:
    counters = batch.counters
    return BatchView(
        id=parse_id(batch.id),
        project=batch.project,
        task=batch.task,
        queue=batch.queue,
        name=batch.name,
        key=batch.idempotency_key,
        single=False,
        state=BatchState(batch.state),
        counters=Counters(
            total=batch.total,
            succeeded=counters.succeeded,
            failed=counters.failed,
            cancelled=counters.cancelled,
            expired=counters.expired,
            scheduled=counters.scheduled,
            suspended=counters.suspended,
            running=counters.running,
        ),
        priority=batch.priority,
        max_concurrency=batch.max_concurrency,
        reason=batch.reason,
        probing=batch.probing,
        retries=batch.retries,
        losses=batch.losses,
        round=batch.round,
        settled=batch.settled,
        consumed=batch.consumed,
        metadata=None if batch.metadata is None else msgspec.json.encode(batch.metadata).decode(),
        created_at=_at(batch.created_at),
        sealed_at=_at(batch.sealed_at),
        started_at=_at(batch.started_at),
        finished_at=_at(batch.finished_at),
        deadline_at=_at(batch.deadline_at),
    )


def item_row(execution: Execution) -> ItemRow:
    state = State[execution.state]
    return ItemRow(
        batch_id=batch_of(parse_id(execution.id)),
        index=execution.index,
        key=execution.key,
        state=state,
        input=bytes(execution.input),
        input_blob=False,
        # A result may be null, and what has none has null: only what has succeeded has one.
        result=bytes(execution.result) if state is State.succeeded else None,
        error=_error(execution.error),
        attempts=execution.attempts,
        round=execution.round,
        duration=_span(execution.duration),
        finished_at=_at(execution.finished_at),
        settle=execution.settle,
        tags=execution.tags,
    )


def execution_view(detail: ExecutionDetail, batch: BatchView) -> ExecutionView:
    """Of a lease and of what it waits for, the wire says who and when; the store's own marks are left at zero."""
    row = item_row(detail)
    at = range(row.index, row.index + 1)
    lease = waits = None
    if detail.worker is not None:
        lease = HeldBy(at, 0, detail.worker, row.round, row.attempts, 0, _at(detail.lease_expires_at) or 0)
    elif detail.finished_at is None:
        due = _at(detail.due_at)
        status = SegmentStatus.ready if due is None else SegmentStatus.scheduled
        waits = Waits(at, status, detail.priority, row.round, row.attempts + 1, 0, due, None, None)
    logs = [LogCount(one.round, one.attempt, one.lines, one.dropped) for one in detail.logs]
    view = ExecutionView(row, batch, [_attempt(one) for one in detail.history], lease, waits, logs)
    edited = any(one.kind == "edit" for one in detail.changes)
    view.original = bytes(detail.original_input) if edited else None
    view.changes = [_change(one) for one in detail.changes]
    return view


def _change(shape: ChangeShape) -> Change:
    given = bytes(shape.input) if shape.kind == "edit" else None
    return Change(shape.kind, given, blob=False, reason=shape.reason, actor=shape.actor, at=_at(shape.at))


def limit_row(shape: Limit) -> LimitRow:
    limits = (shape.max_concurrency, shape.paused, shape.running)
    if shape.queue is not None:
        return LimitRow("queue", shape.queue, *limits)
    if shape.task is None:
        return LimitRow("project", "", *limits)
    said = (None, NO_TERMS) if shape.declared is None else (shape.declared.max_concurrency, shape.declared.terms)
    return LimitRow("task", shape.task, *limits, shape.terms, *said)


def log_entry(shape: LogLine) -> LogEntry:
    return LogEntry(
        shape.round,
        shape.attempt,
        shape.run,
        shape.line,
        _at(shape.at),
        shape.source,
        shape.message,
        shape.level,
        shape.fields,
    )


def _attempt(shape: AttemptShape) -> Attempt:
    return Attempt(
        round=shape.round,
        attempt=shape.attempt,
        loss=shape.loss,
        final=shape.final,
        duration=_span(shape.duration),
        ended_at=_at(shape.ended_at),
        error=_error(shape.error),
    )


def _error(shape: ExecutionError | None) -> ItemError | None:
    if shape is None:
        return None
    return ItemError(shape.code, shape.type, shape.message, shape.fingerprint, shape.traceback or "")


def failure_group(shape: FailureGroupShape) -> FailureGroup:
    return FailureGroup(
        fingerprint=shape.fingerprint,
        code=shape.code,
        type=shape.type,
        message=shape.message,
        failed=shape.failed,
        attempts=shape.attempts,
        first_index=shape.first_index,
        first_at=_at(shape.first_at),
        last_at=_at(shape.last_at),
    )
