"""What a worker cannot be started with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.worker.definition import TaskDefinition

__all__ = ["check_counts", "check_seconds", "check_tasks"]


def check_counts(**options: int | None) -> None:
    for option, value in options.items():
        if value is not None and value < 1:
            raise ConfigError(f"{option}={value!r} is less than 1")


def check_seconds(**options: float) -> None:
    for option, seconds in options.items():
        if not seconds > 0:
            raise ConfigError(f"{option}={seconds!r} is not a number of seconds > 0")


def check_tasks(tasks: Mapping[str, TaskDefinition], processes: int | None) -> None:
    for key, task in tasks.items():
        if key != task.name:
            raise ConfigError(f"task {task.name!r} is registered under another name, {key!r}")
    if processes is not None and not any(task.reference for task in tasks.values()):
        raise ConfigError(f"processes={processes}, but no task runs in processes", hint="define it with processes=True")
