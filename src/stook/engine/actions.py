"""What operators did, and by whose key: the audit log of a project."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from stook.core.ids import BatchIds, execution_id, parse_id
from stook.store.script.action import abort_action, find_action, list_actions, record_action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.port import Store
    from stook.store.script.action import ActionRow

__all__ = ["ActionView", "Actions"]

ActionState = Literal["running", "finished", "aborted"]


class ActionView(msgspec.Struct, frozen=True):
    """`id` is public, `batch_id` the store's, None for what was done to no batch. `affected` counts executions, or what
    else was changed."""

    id: str
    kind: str
    batch_id: bytes | None
    scope: str
    actor: str
    state: ActionState
    affected: int
    created_at: int
    finished_at: int | None

    @property
    def public_batch_id(self) -> str | None:
        return None if self.batch_id is None else execution_id(self.batch_id, 0)


class Actions:
    """Of one project."""

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project
        self._ids = BatchIds(lambda: time.time_ns() // 1_000_000, secrets.randbits)

    async def record(
        self,
        kind: str,
        batch_id: bytes | None,
        scope: str,
        actor: str,
        affected: int,
        state: ActionState,
    ) -> ActionView:
        """`running` is for a probing retry: it is finished by the transaction that judges its probe. One whose probe
        was judged already comes back finished."""
        row = await self._store.write(
            record_action,
            self._ids(),
            self._project,
            kind,
            batch_id,
            scope=scope,
            actor=actor,
            affected=affected,
            state=state,
        )
        return _view(row)

    async def list(
        self, batch_id: bytes | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[ActionView]:
        """The newest first; `after` is the id of the last one seen."""
        behind = None if after is None else parse_id(after)
        rows = await self._store.read(list_actions, self._project, batch_id=batch_id, after=behind, limit=limit)
        return [_view(row) for row in rows]

    async def find(self, action_id: str) -> ActionView:
        """`NotFound` for one of another project."""
        return _view(await self._store.read(find_action, self._project, parse_id(action_id)))

    async def abort(self, action_id: str) -> ActionView:
        """Of a probing retry: what its probe holds back stays as it ended. `Conflict` for what has ended."""
        return _view(await self._store.write(abort_action, self._project, parse_id(action_id)))


def _view(row: ActionRow) -> ActionView:
    state: ActionState = "running" if row.state == "running" else "aborted" if row.state == "aborted" else "finished"
    return ActionView(
        id=row.public_id,
        kind=row.kind,
        batch_id=row.batch_id,
        scope=row.scope,
        actor=row.actor,
        state=state,
        affected=row.affected,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
