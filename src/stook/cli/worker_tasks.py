"""What the modules named on a worker's command line hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stook.cli.target import load_tasks
from stook.core.errors import ConfigError, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.cli.target import AnyTask
    from stook.wiring.custom_context import CustomContext
    from stook.worker.definition import TaskDefinition

__all__ = ["check_grace", "context_of", "definitions_of", "only", "tasks_of"]


ONE_EACH = "start a worker for each"


def tasks_of(modules: Sequence[str], command: str) -> list[AnyTask]:
    if not modules:
        raise ConfigError(
            "a worker needs tasks",
            hint=f"name a module, as in `stook {command} orders.py`; `--hosting` serves deployments alone",
        )
    return [task for module in modules for task in load_tasks(module)]


def context_of(tasks: Sequence[AnyTask]) -> CustomContext | None:
    """What the apps of these tasks give to every handler; `ConfigError` if two of them do."""
    apps = {id(task.app): task.app for task in tasks if task.app.context}
    if len(apps) > 1:
        raise ConfigError(f"these tasks belong to {len(apps)} apps with a context of their own", hint=ONE_EACH)
    return next((app.context for app in apps.values()), None)


def definitions_of(tasks: Sequence[AnyTask], *, processes: bool) -> dict[str, TaskDefinition]:
    made: dict[str, AnyTask] = {}
    for task in tasks:
        if made.setdefault(task.name, task) is not task:
            raise ConfigError(f"two tasks are called {task.name!r}", hint="give one of them another name")
    return {name: task.definition(processes=processes) for name, task in made.items()}


def only(what: str, given: Sequence[str | None]) -> str | None:
    """What the apps of these tasks say, if they agree."""
    said = {one for one in given if one is not None}
    if len(said) > 1:
        raise ConfigError(f"these tasks belong to {len(said)} {what}", hint=ONE_EACH)
    return next(iter(said), None)


def check_grace(grace: float) -> None:
    if not (math.isfinite(grace) and grace >= 0):
        raise OptionError(f"--grace {grace} is not a number of seconds ≥ 0")
