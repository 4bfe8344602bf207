"""A deployment goes: unseen at once, then what waits for it ends, then its archive.

Batches are ended behind the commit that hides the deployment, a bite at a time: nothing is submitted to it any more,
but for what had been resolved before. That is found by the same look, later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.deployment import DeploymentEvent, DeploymentState
from stook.core.hosted import task_prefix
from stook.core.phase import Phase, Stop
from stook.store.script.batch_row import lock_batches, save_batches
from stook.store.script.close import close_if_done
from stook.store.script.deployment_row import (
    change_state,
    labels_guard,
    lock_deployments,
    read_deployments,
    row_of,
    save_deployments,
)
from stook.store.script.stop import stop_waiting
from stook.store.statement import All, Now, Run

if TYPE_CHECKING:
    from stook.store.script.deployment_row import DeploymentRow
    from stook.store.statement import Row, Script

__all__ = ["delete_deployment", "drop_deployment", "end_pinned", "spent", "stranded"]

_UNBUILT = "deleted before it was running"


def delete_deployment(project: str, deployment_id: str) -> Script[bool]:
    """Nobody sees it, and nothing is submitted to it. False: there is none, or it was deleted before."""
    yield from labels_guard(project)
    row = (yield from lock_deployments((deployment_id,))).get(deployment_id)
    if row is None or row.project != project or row.deleted or not row.arrived:
        return False
    now: int = yield Now()
    row.deleted = 1
    if row.state == DeploymentState.running.value:
        change_state(row, DeploymentEvent.stop)
        yield Run("delete_hosted_versions", (row.id,))
    else:
        change_state(row, DeploymentEvent.fail, _UNBUILT)
    yield from save_deployments([row], now)
    yield Run("drop_hosted_tasks", (row.project, *task_prefix(row.id)))
    return True


def end_pinned(deployment_id: str, reason: str, limit: int = 50) -> Script[int]:
    """Ends what waits for a worker in up to `limit` batches of the deployment's tasks, what runs may finish; returns
    how many batches that were: 0 when none is left."""
    rows: list[Row] = yield All("hosted_batches_to_end", (*task_prefix(deployment_id), limit))
    if not rows:
        return 0
    batches = yield from lock_batches(batch_id for (batch_id,) in rows)
    now: int = yield Now()
    ended = []
    for batch in batches.values():
        if batch.ended_phase or batch.phase == Phase.cancelling.value:
            continue  # while its lock was waited for
        batch.reason = reason
        yield from stop_waiting(batch, now, Stop.soft)
        yield from close_if_done(batch, now)
        ended.append(batch)
    if ended:
        yield from save_batches(ended)
    return len(rows)


def stranded() -> Script[list[DeploymentRow]]:
    """Deployments for which something waits, or runs, and whose code is not to be run any more."""
    rows: list[Row] = yield All("live_hosted")
    found = yield from read_deployments(row[0] for row in rows)
    return [row for row in found.values() if row.deleted or not row.kept]


def spent(arriving: int, resting: int, limit: int = 100) -> Script[list[DeploymentRow]]:
    """Whose archives nothing needs: deleted ones with nothing unfinished; those that did not come whole in `arriving`
    microseconds; and those that stopped or failed `resting` microseconds ago, but for what dialects show for good."""
    now: int = yield Now()
    rows: list[Row] = yield All("spent_hosted", (now - arriving, now - resting, limit))
    live: list[Row] = (yield All("live_hosted")) if rows else []
    busy = {row[0] for row in live}
    return [row for row in map(row_of, rows) if row.id not in busy]


def drop_deployment(deployment_id: str) -> Script[None]:
    """Its archive is gone: with it go its environment, its log, its tasks, if those are there still, and their
    limits."""
    row = (yield from lock_deployments((deployment_id,))).get(deployment_id)
    if row is None:
        return
    now: int = yield Now()
    row.kept = 0
    yield from save_deployments([row], now)
    for dropped in ("drop_hosted_tasks", "drop_hosted_terms", "drop_hosted_quotas"):
        yield Run(dropped, (row.project, *task_prefix(row.id)))
    if row.deleted:
        yield Run("purge_hosted_log", (row.id,))
