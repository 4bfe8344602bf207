"""Which tasks there are: workers say it when they start, whoever submits from elsewhere looks it up."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import NotFound
from stook.core.policy import TaskPolicy
from stook.core.webhook_events import INTERNAL_TASK
from stook.store.script.batch_row import decode_policy
from stook.store.script.read.storable import storable
from stook.store.script.task_row import find_task, list_tasks, see_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.port import Store
    from stook.store.script.task_row import TaskRow

__all__ = ["Catalogue", "TaskEntry", "TaskView"]

SEEN: Final = 60_000_000
"""Microseconds between two notes that nothing has changed."""


class TaskEntry(msgspec.Struct, frozen=True):
    """`schema` is the JSON schema of the payload; None: any JSON."""

    name: str
    queue: str
    policy: TaskPolicy
    schema: bytes | None = None


class TaskView(msgspec.Struct, frozen=True):
    """As the worker that started last said it. `workers`: how many live ones know it. `invocable`: calls start it, not
    its triggers alone."""

    name: str
    queue: str
    policy: TaskPolicy
    schema: bytes | None
    seen_at: int
    workers: int
    invocable: bool = True


class Catalogue:
    """What a project can have done: by workers that take the work of all projects, and by its own, whose word goes
    first and is heard by nobody else. `project` None: what those of all said."""

    def __init__(self, store: Store, project: str | None = None) -> None:
        self._store = store
        self._project = project

    async def see(self, tasks: Sequence[TaskEntry]) -> None:
        """What a worker of the project knows, but for stook's own tasks. Writes what is new or has changed; else
        nothing, but once a minute when it was seen."""
        rows = [
            (one.name, one.queue, msgspec.json.encode(one.policy).decode(), one.schema)
            for one in tasks
            if not one.name.startswith(INTERNAL_TASK)
        ]
        if rows:
            await self._store.write(see_tasks, rows, SEEN, self._project)

    async def list(self) -> Sequence[TaskView]:
        """By name."""
        return [_view(row) for row in await self._store.read(list_tasks, self._project)]

    async def find(self, name: str) -> TaskView:
        """`NotFound` names the task that may have been meant."""
        row = await self._store.read(find_task, name, self._project) if storable(name) else None
        if row is None:
            raise NotFound(f"no such task: {name!r}", hint=await self._near(name))
        return _view(row)

    async def _near(self, name: str) -> str:
        names = [row.name for row in await self._store.read(list_tasks, self._project)]
        if not names:
            return "no worker has ever started here"
        near = difflib.get_close_matches(name, names, n=1)
        return f"did you mean {near[0]!r}?" if near else "a worker that knows it has to start once"


def _view(row: TaskRow) -> TaskView:
    return TaskView(row.name, row.queue, decode_policy(row.policy), row.schema, row.seen_at, row.workers, row.invocable)
