"""Which task an invocation is for, where a server has the last word: policies and queues are as it knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.client.remote_invokes import ANY_QUEUE
from stook.core.errors import ConfigError, OptionError, UnknownQueue
from stook.wiring.definitions import TaskDef
from stook.wiring.targets import Target, Targets, types_of

if TYPE_CHECKING:
    from stook.core.policy import TaskPolicy
    from stook.wiring.task import Task

__all__ = ["FarTargets"]


class FarTargets(Targets):
    """Payloads are checked against the types that this program knows."""

    def local(self, named: Task[..., Any, Any] | TaskDef | str, queue: str | None) -> Target:
        found = super().local(named, None)
        if found is not None:
            return Target(found.name, _asking(queue), found.reader, found.read)
        if not isinstance(named, str | TaskDef):
            raise OptionError(f"task={named!r} is no task", hint="give a Task, a TaskDef or a task's name")
        known = named if isinstance(named, TaskDef) else self._app.definitions.get(named)
        asked = queue if queue is not None or known is None else known.queue
        return Target(named if isinstance(named, str) else named.name, _asking(asked), *types_of(known))


def _asking(queue: str | None) -> TaskPolicy:
    if queue is None:
        return ANY_QUEUE
    try:
        return msgspec.structs.replace(ANY_QUEUE, queue=queue)
    except ConfigError as error:
        raise UnknownQueue(f"no such queue: {queue!r}", hint=error.message) from None
