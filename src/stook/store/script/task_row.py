"""The catalogue: what workers know how to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.why import WORKER_GONE
from stook.store.script.terms import declare_terms
from stook.store.statement import All, Each, Many, Notify, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["TaskRow", "find_task", "list_tasks", "see_tasks"]

_decode_tasks = msgspec.json.Decoder(list[str]).decode


class TaskRow(msgspec.Struct):
    """`policy` and `schema` as JSON; `workers` counts the live ones that know it. `invocable`: calls start it."""

    name: str
    queue: str
    policy: str
    schema: bytes | None
    seen_at: int
    workers: int = 0
    invocable: bool = True


def see_tasks(
    tasks: Sequence[tuple[str, str, str, bytes | None]], between: int, project: str | None = None
) -> Script[None]:
    """(name, queue, policy, schema) each, of a worker that takes the work of `project` alone; None: of all. Written is
    what differs, and what was last seen more than `between` microseconds ago; with it the tasks' terms are declared."""
    rows: list[Row] = yield All("list_tasks") if project is None else All("list_project_tasks", (project,))
    now: int = yield Now()
    known = {row[0]: row for row in rows}
    told = {task[0]: task for task in tasks}
    changed = []
    for name, task in sorted(told.items()):
        before = known.get(name)
        if before is None or tuple(before[:4]) != task or now - before[4] > between:
            changed.append((*task, now))
    if changed and project is None:
        yield Many("upsert_task", changed)
    elif changed:
        yield Many("upsert_project_task", [(project, *row) for row in changed])
    if changed:
        yield Notify(("tasks",))
        yield from declare_terms(project, [(name, policy) for name, _, policy, *_ in changed])


def list_tasks(project: str | None = None) -> Script[list[TaskRow]]:
    """By name: those of workers that take all projects' work, and the project's own, which go before them."""
    rows: list[Row] = yield All("list_tasks")
    own: list[Row] = [] if project is None else (yield All("list_project_tasks", (project,)))
    found = {row[0]: TaskRow(*row) for row in (*rows, *own)}
    return (yield from _counted([found[name] for name in sorted(found)], project))


def find_task(name: str, project: str | None = None) -> Script[TaskRow | None]:
    rows: list[Row] = yield All("find_task", (name, project))
    if not rows:
        return None
    return (yield from _counted([TaskRow(*rows[0])], project))[0]


def _counted(tasks: list[TaskRow], project: str | None) -> Script[list[TaskRow]]:
    rows: list[Row] = yield All("workers")
    now: int = yield Now()
    live = [row for row in rows if now - row[5] < WORKER_GONE and row[6] in (None, project)]
    workers = [frozenset(_decode_tasks(row[3])) for row in live]
    for task in tasks:
        task.workers = sum(task.name in known for known in workers)
    if project is not None and tasks:
        refused: list[Row] = yield Each("not_invocable", [(project, task.name) for task in tasks])
        closed = {row[1] for row in refused}
        for task in tasks:
            task.invocable = task.name not in closed
    return tasks
