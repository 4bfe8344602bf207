"""Limits and pauses of projects, queues and tasks, changed while things run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from stook.core.errors import OptionError
from stook.store.script.batch_row import lock_batch, save_batches
from stook.store.statement import All, Many, Notify

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["declare_quota", "set_batch_limit", "set_quota", "set_weight"]


def set_quota(
    scope: Literal["project", "queue", "task"],
    project: str,
    name: str,
    max_concurrency: int | None,
    *,
    paused: bool | None = None,
) -> Script[None]:
    """Holds from the next claim; what runs goes on. `paused=None` leaves that as it is."""
    rows: list[Row] = yield All("quotas")
    before = next((row for row in rows if tuple(row[:3]) == (scope, project, name)), None)
    was_paused, declared = (False, None) if before is None else (bool(before[4]), before[5])
    stopped = was_paused if paused is None else paused
    if max_concurrency is None and not stopped and declared is None:
        yield Many("delete_quota", [(scope, project, name)])
    else:
        yield Many("upsert_quota", [(scope, project, name, max_concurrency, int(stopped), declared)])
    yield Notify(("quota",))


def declare_quota(project: str, task: str, max_concurrency: int | None) -> Script[None]:
    """What the task's definition says; None: nothing any more. It holds when it is new or has changed; said again, it
    leaves alone what was changed by hand since, whichever process says it."""
    rows: list[Row] = yield All("quotas")
    before = next((row for row in rows if tuple(row[:3]) == ("task", project, task)), None)
    now, paused, declared = (None, 0, None) if before is None else before[3:6]
    if declared == max_concurrency:
        return
    if max_concurrency is None and not paused and now == declared:
        yield Many("delete_quota", [("task", project, task)])
        yield Notify(("quota",))
        return
    by_hand = now is not None and now != declared
    wanted = now if by_hand and None in (declared, max_concurrency) else max_concurrency
    yield Many("upsert_quota", [("task", project, task, wanted, paused, max_concurrency)])
    yield Notify(("quota",))


def set_batch_limit(batch_id: bytes, max_concurrency: int | None) -> Script[None]:
    """Executions of the batch in flight at once."""
    batch = yield from lock_batch(batch_id)
    batch.max_concurrency = max_concurrency
    yield from save_batches([batch])
    yield Notify((f"task:{batch.task}",))


def set_weight(project: str, weight: float) -> Script[None]:
    """A project of weight 2 gets twice the share of one of weight 1."""
    if not (math.isfinite(weight) and weight > 0):
        raise OptionError(f"weight={weight!r} of project {project!r} is not a number above 0")
    yield Many("upsert_project", [(project, weight)])
