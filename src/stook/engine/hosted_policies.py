"""The policy of hosted tasks, which never changes: a deployment is immutable."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from stook.core.hosted import hosted_policy
from stook.store.script.batch_row import decode_policy
from stook.store.script.task_row import find_task

if TYPE_CHECKING:
    from stook.core.deployment import Resolved
    from stook.core.policy import TaskPolicy
    from stook.engine.service import Engine

__all__ = ["HostedPolicies"]

_MOST: Final = 10_000


class HostedPolicies:
    """Use it on one loop."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], TaskPolicy] = {}
        self._looking: dict[tuple[str, str], asyncio.Task[TaskPolicy]] = {}

    async def of(self, engine: Engine, resolved: Resolved) -> TaskPolicy:
        """As it was published; looked up once, for all who ask meanwhile."""
        key = (engine.project, resolved.task)
        found = self._known.get(key)
        if found is not None:
            return found
        looking = self._looking.get(key)
        if looking is None:
            looking = self._looking[key] = asyncio.create_task(self._look(engine, resolved), name="stook-policy")
            looking.add_done_callback(_heard)
        return await asyncio.shield(looking)

    async def _look(self, engine: Engine, resolved: Resolved) -> TaskPolicy:
        key = (engine.project, resolved.task)
        try:
            row = await engine.store.read(find_task, resolved.task, engine.project)
        finally:
            del self._looking[key]
        found = hosted_policy(resolved.dialect, resolved.app) if row is None else decode_policy(row.policy)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = found
        return found


def _heard(looking: asyncio.Task[TaskPolicy]) -> None:
    """Nobody may be left who asked."""
    if not looking.cancelled():
        looking.exception()
