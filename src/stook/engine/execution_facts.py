"""What there is to know of one execution, whoever asks, and from wherever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.payload import decode
from stook.core.states import State
from stook.core.wait import Awaited
from stook.store.script.read.ending import ItemError

if TYPE_CHECKING:
    from stook.engine.invoked import Invoked

__all__ = ["Facts", "facts_of"]


class Facts(msgspec.Struct, kw_only=True):
    """Ids are public, times microseconds. `attempts` are those begun in its round, the one under way among them;
    `losses` counts workers that died with it. `batch_id` is None where a batch only carries it. `result` is JSON, None
    where it has not succeeded; `reason` is what it was cancelled with."""

    id: str
    task: str
    queue: str
    state: State
    priority: int
    attempts: int
    losses: int
    error: ItemError | None
    reason: str | None
    result: bytes | None
    run_at: int
    created_at: int
    started_at: int | None
    finished_at: int | None
    parent_id: str | None
    batch_id: str | None
    dedupe_key: str | None
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    waiting_on: Sequence[Awaited]
    why_waiting: str | None


def facts_of(found: Invoked) -> Facts:
    view, extras = found.view, found.extras
    item, batch, waits, lease = view.item, view.batch, view.waits, view.lease
    priority = batch.priority if extras.priority is None else extras.priority
    shared = {} if batch.metadata is None else decode(batch.metadata.encode())
    due = extras.run_at if extras.run_at is not None else batch.created_at
    if waits is not None and waits.due_at is not None:
        due = waits.due_at
    result = b"null" if item.result is None else item.result
    return Facts(
        id=item.id,
        task=batch.task,
        queue=batch.queue,
        state=item.state,
        priority=priority if waits is None else waits.priority,
        attempts=item.attempts,
        losses=view.losses,
        error=item.error,
        reason=found.reason,
        result=result if item.state is State.succeeded else None,
        run_at=due,
        created_at=batch.created_at,
        started_at=_started(found, None if lease is None else lease.claimed_at),
        finished_at=item.finished_at,
        parent_id=extras.parent,
        batch_id=None if batch.single else batch.public_id,
        dedupe_key=extras.dedupe_key or found.dedupe_key,
        tags=tuple(item.tags) or extras.tags,
        metadata=shared | (extras.metadata or {}),
        waiting_on=found.waiting_on,
        why_waiting="; ".join(found.why) or None,
    )


def _started(found: Invoked, claimed_at: int | None) -> int | None:
    begun = [one.ended_at - (one.duration or 0) for one in found.view.attempts]
    if claimed_at is not None:
        begun.append(claimed_at)
    return min(begun) if begun else None
