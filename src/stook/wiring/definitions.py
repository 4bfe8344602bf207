"""Catalogue entries: tasks and events by name and types, shared by programs that invoke and programs that run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stook.core.definitions import EventDef, TaskDef
from stook.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EventDef", "TaskDef", "definitions_of", "events_of", "queue_of"]


T = TypeVar("T")


def definitions_of(tasks: Sequence[TaskDef]) -> dict[str, TaskDef]:
    """By name; `ConfigError` for one that is there twice."""
    found: dict[str, TaskDef] = {}
    for one in _listed("tasks", TaskDef, tasks):
        if one.name in found:
            raise ConfigError(f"task {one.name!r} is in tasks= twice")
        found[one.name] = one
    return found


def events_of(events: Sequence[EventDef]) -> dict[str, EventDef]:
    """By name; `ConfigError` for one that is there twice."""
    found: dict[str, EventDef] = {}
    for one in _listed("events", EventDef, events):
        if one.name in found:
            raise ConfigError(f"event {one.name!r} is in events= twice")
        found[one.name] = one
    return found


def _listed(option: str, kind: type[T], given: Sequence[T]) -> Sequence[T]:
    if not isinstance(given, list | tuple) or not all(isinstance(one, kind) for one in given):
        raise ConfigError(f"{option}={given!r} is no list of {kind.__name__}")
    return given


def queue_of(queue: str | None, defined: TaskDef | None) -> str:
    """`ConfigError` where a task's definition and its registration name different queues."""
    if defined is None:
        return "default" if queue is None else queue
    if queue is not None and queue != defined.queue:
        raise ConfigError(f"task {defined.name!r} is defined for queue {defined.queue!r} and registered for {queue!r}")
    return defined.queue
