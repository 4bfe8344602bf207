"""What a worker tells the catalogue of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core import payload as json
from stook.core.errors import PayloadError
from stook.engine.catalogue import TaskEntry

if TYPE_CHECKING:
    from stook.worker.definition import TaskDefinition

__all__ = ["entry_of"]


def entry_of(name: str, task: TaskDefinition) -> TaskEntry:
    return TaskEntry(name, task.policy.queue, task.policy, _schema_of(task.parameters.payload))


def _schema_of(kind: Any) -> bytes | None:
    """None for any JSON, and for a type that says no more of itself."""
    if kind is Any:
        return None
    try:
        if hasattr(kind, "model_json_schema"):
            return json.encode(kind.model_json_schema())
        return json.encode(msgspec.json.schema(kind))
    except (PayloadError, TypeError, NotImplementedError, ValueError):
        return None
