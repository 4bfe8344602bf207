"""The task catalogue on the wire."""

from __future__ import annotations

from typing import Any

import msgspec

from stook.core.policy import TaskPolicy
from stook.wire.stamp import Stamp

__all__ = ["Task", "TaskPage"]


class Task(msgspec.Struct, kw_only=True):
    """`schema` is the JSON Schema of its payloads, where its handler says one; `workers` serve it now. `invocable`:
    calls start it, not its triggers alone."""

    name: str
    queue: str
    policy: TaskPolicy
    schema: dict[str, Any] | None
    seen_at: Stamp
    workers: int
    invocable: bool = True


class TaskPage(msgspec.Struct):
    data: list[Task]
    next: None = None
