"""One batch as people see it, at the same cost whatever its size."""

from __future__ import annotations

import difflib
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import NotFound
from stook.core.ids import batch_of, execution_id, parse_id
from stook.core.phase import Counters, Phase, batch_state
from stook.core.states import BatchState
from stook.store.script.batch_row import read_batch
from stook.store.script.read.storable import storable
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["BatchView", "find_batch", "show_batch", "views_of"]


class BatchView(msgspec.Struct, kw_only=True):
    """`settled` numbers the next outcome: a follower that is there has seen everything. Times are microseconds."""

    id: bytes
    project: str
    task: str
    queue: str
    name: str
    key: str | None
    single: bool
    state: BatchState
    counters: Counters
    priority: int
    max_concurrency: int | None
    reason: str | None
    """Why it is paused, was stopped, or a retry went no further."""
    probing: bool
    """A retry is trying a few executions first."""
    retries: int
    losses: int
    round: int
    settled: int
    consumed: int = 0
    """Items of the input that were added, or left out for their dedupe keys: where the next append begins."""
    metadata: str | None
    created_at: int
    sealed_at: int | None
    started_at: int | None
    finished_at: int | None
    deadline_at: int | None

    @property
    def public_id(self) -> str:
        return execution_id(self.id, 0)


def show_batch(batch_id: bytes) -> Script[BatchView]:
    """`NotFound` for a batch that never was or is deleted."""
    batch = yield from read_batch(batch_id)
    views = yield from views_of([batch])
    return views[0]


def views_of(batches: Sequence[BatchRow]) -> Script[list[BatchView]]:
    """In the same order."""
    live = [(one.id,) for one in batches if not one.ended_phase]
    rows: list[Row] = (yield Each("batch_usage", live)) if live else []
    running = {row[0]: row[1] for row in rows}
    return [_view(one, running.get(one.id, 0)) for one in batches]


def find_batch(project: str, text: str) -> Script[BatchView]:
    """By its id (or that of one of its executions), else the newest of that name, else by its key."""
    with suppress(NotFound):
        view = yield from show_batch(batch_of(parse_id(text)))
        if view.project == project:
            return view
    rows: list[Row] = []
    if storable(text):
        rows = yield All("find_batch_name", (project, text))
    if not rows and storable(text):
        rows = yield All("find_batch_key", (project, text))
    if rows:
        return (yield from show_batch(rows[0][0]))
    names: list[Row] = yield All("recent_batch_names", (project, 200))
    near = difflib.get_close_matches(text, list({name for (name,) in names}), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`stook batches` lists those there are"
    raise NotFound(f"project {project!r} has no batch with the id, name or key {text!r}", hint=hint)


def _view(batch: BatchRow, running: int) -> BatchView:
    counters = batch.counters(running)
    state = batch_state(Phase(batch.phase), counters, batch.ended, started=batch.started_at is not None)
    return BatchView(
        id=batch.id,
        project=batch.project,
        task=batch.task,
        queue=batch.queue,
        name=batch.name,
        key=batch.key,
        single=bool(batch.single),
        state=state,
        counters=counters,
        priority=batch.priority,
        max_concurrency=batch.max_concurrency,
        reason=batch.reason,
        probing=batch.probe is not None,
        retries=batch.retries,
        losses=batch.losses,
        round=batch.round,
        settled=batch.settled,
        consumed=batch.consumed,
        metadata=batch.metadata,
        created_at=batch.created_at,
        sealed_at=batch.sealed_at,
        started_at=batch.started_at,
        finished_at=batch.finished_at,
        deadline_at=batch.deadline_at,
    )
