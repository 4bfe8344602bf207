"""A worker from its start to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.cli.dispatch import say
from stook.cli.log_lines import log_lines
from stook.cli.opened import check_text, opened_session, settings_of
from stook.cli.stopping import Stop
from stook.cli.target import load_tasks
from stook.core.errors import ConfigError
from stook.wiring.loop import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.cli.options import Where
    from stook.cli.target import AnyTask
    from stook.config.settings import Settings
    from stook.worker.definition import TaskDefinition

__all__ = ["serve_worker"]

_LOOK: Final = 0.5
"""Seconds between two looks whether the worker can go on."""


def serve_worker(
    modules: Sequence[str],
    *,
    concurrency: int,
    processes: int | None,
    grace: float,
    name: str | None,
    where: Where,
) -> int:
    if not modules:
        raise ConfigError("a worker needs tasks", hint="name a module, as in `stook worker orders.py`")
    tasks = [task for module in modules for task in load_tasks(module)]
    definitions = _definitions(tasks, processes=processes is not None)
    settings = settings_of(
        where,
        None if where.store else _only("stores", [task.app.store for task in tasks]),
        None if where.project else _only("projects", [task.app.project for task in tasks]),
    )
    if name is not None:
        check_text("--name", name)
    run(_serve(settings, definitions, concurrency=concurrency, processes=processes, grace=grace, name=name))
    return 0


def _definitions(tasks: Sequence[AnyTask], *, processes: bool) -> dict[str, TaskDefinition]:
    made: dict[str, AnyTask] = {}
    for task in tasks:
        if made.setdefault(task.name, task) is not task:
            raise ConfigError(f"two tasks are called {task.name!r}", hint="give one of them another name")
    return {name: task.definition(processes=processes) for name, task in made.items()}


def _only(what: str, given: Sequence[str | None]) -> str | None:
    """What the apps of these tasks say, if they agree."""
    said = {one for one in given if one is not None}
    if len(said) > 1:
        raise ConfigError(f"these tasks belong to {len(said)} {what}", hint="start a worker for each")
    return next(iter(said), None)


async def _serve(
    settings: Settings,
    definitions: dict[str, TaskDefinition],
    *,
    concurrency: int,
    processes: int | None,
    grace: float,
    name: str | None,
) -> None:
    stop = Stop(
        lambda: say(f"stopping: what runs may end, for {grace:g} s; once more ends at once"),
        lambda: None,
    )
    async with opened_session(settings) as session:
        with stop.listening(), log_lines(say):
            async with session.working(
                definitions, concurrency=concurrency, processes=processes, grace=grace, name=name
            ) as runtime:
                say(f"working on {', '.join(sorted(definitions))}; Ctrl-C stops")
                while not await stop.wait(_LOOK):
                    if runtime.failure is not None:
                        raise runtime.failure
    say("stopped")
