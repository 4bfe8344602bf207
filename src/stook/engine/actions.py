"""What operators did, and by whose key: the audit log of a project."""

from __future__ import annotations

import secrets
import time
from functools import partial
from typing import TYPE_CHECKING

from stook.core.ids import BatchIds, parse_id
from stook.engine.recording import Recording, view_of
from stook.store.script.acted import Note
from stook.store.script.action import ActionRow, abort_action, find_action, list_actions
from stook.store.script.ticket import act_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.engine.recording import ActionView
    from stook.store.port import Store
    from stook.store.script.ticket import Ticket

__all__ = ["Actions"]


class Actions:
    """Of one project."""

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project
        self._ids = BatchIds(lambda: time.time_ns() // 1_000_000, secrets.randbits)

    def recording(
        self,
        kind: str,
        batch_id: bytes | None,
        scope: str,
        actor: str,
        *,
        may_run: bool = False,
        if_any: bool = False,
        ticket: Ticket | None = None,
    ) -> Recording:
        """For one act, which is given it and recorded with it. `may_run` is for a retry with a probe: the transaction
        that judges the probe finishes the action. `if_any`: an act that affects nothing leaves no action. With a
        `ticket` it is done once."""
        return Recording(Note(self._ids(), self._project, kind, batch_id, scope, actor, may_run, if_any, ticket))

    async def list(
        self, batch_id: bytes | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[ActionView]:
        """The newest first; `after` is the id of the last one seen."""
        behind = None if after is None else parse_id(after)
        rows = await self._store.read(list_actions, self._project, batch_id=batch_id, after=behind, limit=limit)
        return [view_of(row) for row in rows]

    async def find(self, action_id: str) -> ActionView:
        """`NotFound` for one of another project."""
        return view_of(await self._store.read(find_action, self._project, parse_id(action_id)))

    async def abort(self, action_id: str, ticket: Ticket | None = None) -> ActionView:
        """Of a probing retry: what its probe holds back stays as it ended. `Conflict` for what has ended, unless it was
        under this ticket."""
        act = partial(abort_action, self._project, parse_id(action_id))
        if ticket is None:
            return view_of(await self._store.write(act.func, *act.args))
        return view_of(await self._store.write(act_once, ticket, act, ActionRow))
