"""Limits that are changed while things run, on the wire."""

from __future__ import annotations

from typing import Self

import msgspec

from stook.core.unchanged import Unchanged
from stook.wire.action import Action
from stook.wire.batch import Count

__all__ = ["ChangeLimits", "Limit", "LimitChanged", "LimitPage"]


class Limit(msgspec.Struct, kw_only=True):
    """Of a queue, of a task, or, where neither is named, of the whole project. `max_concurrency` null: none. `running`
    executions are held by workers."""

    queue: str | None
    task: str | None
    max_concurrency: int | None
    paused: bool
    running: int


class LimitPage(msgspec.Struct):
    data: list[Limit]
    next: None = None


class ChangeLimits(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of the project, or one of its queues or tasks; what is left out stays."""

    queue: str | None = None
    task: str | None = None
    max_concurrency: Count | msgspec.UnsetType | None = msgspec.UNSET
    paused: bool | None = None

    @classmethod
    def of(
        cls, queue: str | None, task: str | None, max_concurrency: int | Unchanged | None, *, paused: bool | None
    ) -> Self:
        most = msgspec.UNSET if isinstance(max_concurrency, Unchanged) else max_concurrency
        return cls(queue=queue, task=task, max_concurrency=most, paused=paused)


class LimitChanged(msgspec.Struct):
    """What holds now, and the action as it is recorded."""

    limit: Limit
    action: Action
