"""What operators did: an audit log, in which a probing retry stays open until its probe is judged.

Lock order: the batch, then its actions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import Conflict, NotFound
from stook.core.ids import execution_id
from stook.store.script.batch_row import lock_batches, save_batches
from stook.store.script.close import close_if_done
from stook.store.script.read.batch_list import NEWEST
from stook.store.script.read.limit import check_limit
from stook.store.statement import All, Many, Now, Run

if TYPE_CHECKING:
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = [
    "ABORTED",
    "FINISHED",
    "RUNNING",
    "ActionRow",
    "abort_action",
    "end_actions",
    "find_action",
    "list_actions",
    "record_action",
]

RUNNING, FINISHED, ABORTED = "running", "finished", "aborted"


class ActionRow(msgspec.Struct):
    """Columns of `find_action.sql`."""

    id: bytes
    project: str
    kind: str
    batch_id: bytes | None
    scope: str
    actor: str
    state: str
    affected: int
    created_at: int
    finished_at: int | None

    @property
    def public_id(self) -> str:
        return execution_id(self.id, 0)


def record_action(
    action_id: bytes,
    project: str,
    kind: str,
    batch_id: bytes | None,
    *,
    scope: str,
    actor: str,
    affected: int,
    state: str,
) -> Script[ActionRow]:
    """A `running` one is a probing retry under way. Where its probe was judged before this was written, it is finished
    already."""
    if state == RUNNING:
        batches = {} if batch_id is None else (yield from lock_batches((batch_id,)))
        batch: BatchRow | None = batches.get(batch_id or b"")
        if batch is None or batch.probe is None:
            state = FINISHED
    now: int = yield Now()
    ended_at = None if state == RUNNING else now
    row = ActionRow(action_id, project, kind, batch_id, scope, actor, state, affected, now, ended_at)
    yield Many("insert_action", [msgspec.structs.astuple(row)])
    return row


def find_action(project: str, action_id: bytes) -> Script[ActionRow]:
    """`NotFound` for one of another project."""
    rows: list[Row] = yield All("find_action", (action_id,))
    return _there(project, action_id, rows)


def list_actions(
    project: str, *, batch_id: bytes | None = None, after: bytes | None = None, limit: int = 50
) -> Script[list[ActionRow]]:
    """The newest first, older than `after`."""
    check_limit(limit)
    rows: list[Row]
    if batch_id is None:
        rows = yield All("list_actions", (project, after or NEWEST, limit))
    else:
        rows = yield All("list_batch_actions", (batch_id, after or NEWEST, project, limit))
    return [ActionRow(*row) for row in rows]


def abort_action(project: str, action_id: bytes) -> Script[ActionRow]:
    """What the probe of this retry holds back stays as it is, what it tries goes on. `Conflict` once it has ended."""
    action = yield from find_action(project, action_id)
    batches = {} if action.batch_id is None else (yield from lock_batches((action.batch_id,)))
    rows: list[Row] = yield All("lock_action", (action_id,))
    action = _there(project, action_id, rows)
    now: int = yield Now()
    batch = batches.get(action.batch_id or b"")
    if action.state != RUNNING or batch is None or batch.probe is None:
        raise Conflict(f"action {action.public_id} is {action.state}", hint="only a probing retry can be aborted")
    batch.probe, batch.reason = None, "its retry was aborted, the rest was left as it is"
    yield from end_actions(batch, now, ABORTED)
    yield from close_if_done(batch, now)
    yield from save_batches([batch])
    action.state, action.finished_at = ABORTED, now
    return action


def end_actions(batch: BatchRow, now: int, state: str, more: int = 0) -> Script[None]:
    """Those of the batch that run; `more` executions were affected since. The caller holds the batch's row."""
    yield Run("end_actions", (batch.id, state, now, more))


def _there(project: str, action_id: bytes, rows: list[Row]) -> ActionRow:
    if not rows or rows[0][1] != project:
        raise NotFound(f"no such action: {execution_id(action_id, 0)}")
    return ActionRow(*rows[0])
