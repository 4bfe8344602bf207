"""What the store remembers, as shapes of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.ids import execution_id
from stook.core.states import State
from stook.wire.action import Action
from stook.wire.batch import Batch, BatchCounters
from stook.wire.batch import FailureGroup as FailureGroupShape
from stook.wire.execution import Attempt, Change, Execution, ExecutionDetail, ExecutionError
from stook.wire.key import Key
from stook.wire.log import AttemptLog
from stook.wire.project import Project
from stook.wire.stamp import seconds, stamp
from stook.wire.task import Task

if TYPE_CHECKING:
    from stook.engine.catalogue import TaskView
    from stook.engine.keys import KeyView
    from stook.engine.projects import ProjectView
    from stook.engine.recording import ActionView
    from stook.engine.service import Success
    from stook.store.script.read.batch_view import BatchView
    from stook.store.script.read.ending import ItemError
    from stook.store.script.read.execution_view import Attempt as AttemptView
    from stook.store.script.read.execution_view import Change as ChangeView
    from stook.store.script.read.execution_view import ExecutionView
    from stook.store.script.read.failures import FailureGroup
    from stook.store.script.read.item_row import ItemRow

__all__ = [
    "action_of",
    "batch_of_view",
    "detail_of",
    "detail_of_ended",
    "detail_of_new",
    "execution_of",
    "failure_group_of",
    "key_of",
    "project_of",
    "task_of",
]


def batch_of_view(view: BatchView, rate: float | None) -> Batch:
    counters = view.counters
    total, ended = counters.total, counters.terminal
    left = total - ended
    return Batch(
        id=view.public_id,
        project=view.project,
        name=view.name,
        task=view.task,
        queue=view.queue,
        state=view.state.value,
        total=total,
        counters=BatchCounters(
            queued=counters.queued,
            scheduled=counters.scheduled,
            running=counters.running,
            suspended=counters.suspended,
            succeeded=counters.succeeded,
            failed=counters.failed,
            cancelled=counters.cancelled,
            expired=counters.expired,
        ),
        progress=ended / total if total else float(view.state.terminal),
        rate=rate,
        eta_seconds=0.0 if view.state.terminal else round(left / rate, 3) if rate else None,
        priority=view.priority,
        max_concurrency=view.max_concurrency,
        reason=view.reason,
        probing=view.probing,
        retries=view.retries,
        losses=view.losses,
        round=view.round,
        settled=view.settled,
        consumed=view.consumed,
        metadata=None if view.metadata is None else msgspec.json.decode(view.metadata),
        idempotency_key=view.key,
        created_at=stamp(view.created_at),
        sealed_at=stamp(view.sealed_at),
        started_at=stamp(view.started_at),
        finished_at=stamp(view.finished_at),
        deadline_at=stamp(view.deadline_at),
    )


def execution_of(row: ItemRow) -> Execution:
    """`row` is whole: no references into the blob store are left in it."""
    return Execution(
        id=row.id,
        batch_id=execution_id(row.batch_id, 0),
        index=row.index,
        key=row.key,
        state=row.state.name,
        input=msgspec.Raw(row.input),
        result=msgspec.Raw(b"null" if row.result is None else row.result),
        error=_error(row.error),
        attempts=row.attempts,
        round=row.round,
        duration=seconds(row.duration),
        finished_at=stamp(row.finished_at),
        settle=row.settle,
        tags=list(row.tags),
    )


def detail_of(view: ExecutionView) -> ExecutionDetail:
    row = execution_of(view.item)
    waits = view.waits
    return ExecutionDetail(
        **{name: getattr(row, name) for name in row.__struct_fields__},
        task=view.batch.task,
        priority=view.batch.priority if waits is None else waits.priority,
        history=[_attempt(one) for one in view.attempts],
        original_input=msgspec.Raw(view.original or b"null"),
        changes=[_change(one) for one in view.changes],
        worker=None if view.lease is None else view.lease.worker,
        lease_expires_at=None if view.lease is None else stamp(view.lease.expires_at),
        due_at=stamp(waits.due_at) if waits is not None and view.item.state is State.scheduled else None,
        logs=[AttemptLog(one.round, one.attempt, one.lines, one.dropped) for one in view.logs],
    )


def detail_of_new(batch_id: bytes, index: int, payload: bytes, *, task: str, priority: int) -> ExecutionDetail:
    """As `detail_of` shows it the moment it was queued, without a look."""
    return ExecutionDetail(
        id=execution_id(batch_id, index),
        batch_id=execution_id(batch_id, 0),
        index=index,
        key=None,
        state=State.queued.name,
        input=msgspec.Raw(payload),
        result=msgspec.Raw(b"null"),
        error=None,
        attempts=0,
        round=1,
        duration=None,
        finished_at=None,
        settle=None,
        task=task,
        priority=priority,
        history=[],
        worker=None,
        lease_expires_at=None,
        due_at=None,
    )


def detail_of_ended(new: ExecutionDetail, found: Success) -> ExecutionDetail:
    """What `detail_of_new` has shown, as `detail_of` shows it now."""
    duration, finished_at = seconds(found.duration), stamp(found.finished_at)
    end = Attempt(
        round=found.round,
        attempt=found.attempt,
        loss=0,
        final=True,
        duration=duration,
        ended_at=finished_at,
        error=None,
    )
    return msgspec.structs.replace(
        new,
        state=State.succeeded.name,
        result=msgspec.Raw(found.result),
        attempts=found.attempt,
        round=found.round,
        duration=duration,
        finished_at=finished_at,
        settle=found.settle,
        history=[end],
    )


def _change(one: ChangeView) -> Change:
    return Change(
        kind=one.kind,
        input=msgspec.Raw(one.input or b"null"),
        reason=one.reason,
        actor=one.actor,
        at=stamp(one.at),
    )


def _attempt(view: AttemptView) -> Attempt:
    return Attempt(
        round=view.round,
        attempt=view.attempt,
        loss=view.loss,
        final=view.final,
        duration=seconds(view.duration),
        ended_at=stamp(view.ended_at),
        error=_error(view.error),
    )


def _error(error: ItemError | None) -> ExecutionError | None:
    if error is None:
        return None
    return ExecutionError(
        type=error.type,
        code=error.code,
        message=error.message,
        fingerprint=error.fingerprint,
        traceback=error.traceback or None,
    )


def failure_group_of(group: FailureGroup) -> FailureGroupShape:
    return FailureGroupShape(
        fingerprint=group.fingerprint,
        type=group.type,
        code=group.code,
        message=group.message,
        failed=group.failed,
        attempts=group.attempts,
        first_index=group.first_index,
        first_at=stamp(group.first_at),
        last_at=stamp(group.last_at),
    )


def action_of(view: ActionView) -> Action:
    return Action(
        id=view.id,
        kind=view.kind,
        batch_id=view.public_batch_id,
        scope=view.scope,
        actor=view.actor,
        state=view.state,
        affected=view.affected,
        progress=1.0 if view.finished_at is not None else 0.0,
        created_at=stamp(view.created_at),
        finished_at=stamp(view.finished_at),
    )


def key_of(view: KeyView) -> Key:
    return Key(
        id=view.id,
        project=view.project,
        name=view.name,
        scopes=list(view.scopes),
        created_at=stamp(view.created_at),
        revoked_at=stamp(view.revoked_at),
        last_used_at=stamp(view.last_used_at),
    )


def project_of(view: ProjectView) -> Project:
    return Project(
        name=view.name,
        weight=view.weight,
        max_concurrency=view.max_concurrency,
        max_queued_items=view.max_queued_items,
        max_payload_bytes=view.max_payload_bytes,
        max_rate=view.max_rate,
        queued_items=view.queued_items,
        queued_bytes=view.queued_bytes,
        created_at=stamp(view.created_at),
    )


def task_of(view: TaskView) -> Task:
    return Task(
        name=view.name,
        queue=view.queue,
        policy=view.policy,
        schema=None if view.schema is None else msgspec.json.decode(view.schema),
        seen_at=stamp(view.seen_at),
        workers=view.workers,
        invocable=view.invocable,
    )
