"""Which task an invocation is for: one that is defined here, or known to this program by name and types, or one that a
worker has told the store of."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import NotFound, OptionError, UnknownQueue, UnknownTask
from stook.core.payload import decode
from stook.core.policy import TaskPolicy
from stook.core.retention import KEEP
from stook.core.triggers import check_invocable, not_invocable
from stook.engine.catalogue import Catalogue, TaskView
from stook.wiring.definitions import TaskDef

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.port import Store
    from stook.wiring.opening import Opening
    from stook.wiring.task import Task
    from stook.worker.conversion import PayloadReader

__all__ = ["Target", "Targets", "types_of"]

_KEPT: Final = 1.0
"""Seconds for which the store's word about a task is not asked for again."""


@dataclass(frozen=True, slots=True)
class Target:
    """`reader` None: any JSON is a payload. `read` makes a result of its JSON."""

    name: str
    policy: TaskPolicy
    reader: PayloadReader | None
    read: Callable[[bytes], Any]

    @property
    def prunes(self) -> bool:
        """What has ended is not kept for ever."""
        return self.policy.retention != KEEP


class Targets:
    """Of one app, on one store. What is found is kept for a second, what is not is asked for again."""

    def __init__(self, app: Opening, store: Store, project: str) -> None:
        self._app = app
        self._catalogue = Catalogue(store, project)
        self._found: dict[str, tuple[float, TaskView]] = {}

    def local(self, named: Task[..., Any, Any] | TaskDef | str, queue: str | None) -> Target | None:
        """What is defined in this program; None: ask the store."""
        task = self._task(named)
        if task is None:
            return None
        check_invocable(task.name, task.triggers)
        if queue is not None and queue != task.policy.queue:
            return None
        definition = task.definition()
        kind = definition.parameters.payload
        return Target(task.name, task.policy, None if kind is Any else definition.reader, task.reader)

    async def find(self, named: Task[..., Any, Any] | TaskDef | str, queue: str | None) -> Target:
        """`UnknownTask`, `UnknownQueue`, `NotInvocable`."""
        if not isinstance(named, str | TaskDef) and self._task(named) is None:
            raise OptionError(f"task={named!r} is no task", hint="give a Task, a TaskDef or a task's name")
        found = self.local(named, queue)
        if found is not None:
            return found
        task = self._task(named)
        if task is not None:
            raise await self._elsewhere(task.name, task.policy.queue, queue or "")
        name = named if isinstance(named, str) else named.name
        known = named if isinstance(named, TaskDef) else self._app.definitions.get(name)
        view = await self._view(name, known)
        asked = queue if queue is not None or known is None else known.queue
        if view is not None:
            if not view.invocable:
                raise not_invocable(name)
            policy = view.policy
        else:
            assert known is not None, "else it would be unknown"
            policy = TaskPolicy(queue=known.queue)
        if asked is not None and asked != policy.queue:
            raise await self._elsewhere(name, policy.queue, asked)
        return Target(name, policy, *types_of(known))

    @staticmethod
    def reader_of(known: TaskDef | None) -> Callable[[bytes], Any]:
        """Of results of a task that is not defined here."""
        return types_of(known)[1]

    def _task(self, named: object) -> Task[..., Any, Any] | None:
        from stook.wiring.task import Task  # noqa: PLC0415 - it imports this

        if isinstance(named, Task):
            return named
        name = named.name if isinstance(named, TaskDef) else named
        return self._app.tasks.get(name) if isinstance(name, str) else None

    async def _view(self, name: str, known: TaskDef | None) -> TaskView | None:
        kept = self._found.get(name)
        if kept is not None and time.monotonic() - kept[0] < _KEPT:
            return kept[1]
        try:
            view = await self._catalogue.find(name)
        except NotFound as error:
            if known is not None:
                return None
            raise UnknownTask(error.message, hint=error.hint) from None
        self._found[name] = (time.monotonic(), view)
        return view

    async def _elsewhere(self, name: str, queue: str, asked: str) -> UnknownTask | UnknownQueue:
        queues = {"default", *(task.policy.queue for task in self._app.tasks.values())}
        queues.update(one.queue for one in self._app.definitions.values())
        queues.update(view.queue for view in await self._catalogue.list())
        if asked in queues:
            return UnknownTask(f"queue {asked!r} has no task {name!r}", hint=f"it lives in queue {queue!r}")
        return UnknownQueue(f"no such queue: {asked!r}", hint=f"task {name!r} lives in queue {queue!r}")


def types_of(known: TaskDef | None) -> tuple[PayloadReader | None, Callable[[bytes], Any]]:
    """How payloads are checked, and results read; None: any JSON is a payload."""
    from stook.worker.conversion import PayloadReader  # noqa: PLC0415 - loaded with the worker

    if known is None:
        return None, decode
    reader = None if known.payload is None or known.payload is Any else PayloadReader(known.payload)
    return reader, decode if known.returns is None or known.returns is Any else PayloadReader(known.returns).read
