"""The catalogue: what workers know how to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.why import WORKER_GONE
from stook.store.statement import All, Many, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["TaskRow", "find_task", "list_tasks", "see_tasks"]

_decode_tasks = msgspec.json.Decoder(list[str]).decode


class TaskRow(msgspec.Struct):
    """`policy` and `schema` as JSON; `workers` counts the live ones that know it."""

    name: str
    queue: str
    policy: str
    schema: bytes | None
    seen_at: int
    workers: int = 0


def see_tasks(tasks: Sequence[tuple[str, str, str, bytes | None]], between: int) -> Script[None]:
    """(name, queue, policy, schema) each. Written is what differs, and what was last seen more than `between`
    microseconds ago."""
    rows: list[Row] = yield All("list_tasks")
    now: int = yield Now()
    known = {row[0]: row for row in rows}
    told = {task[0]: task for task in tasks}
    changed = []
    for name, task in sorted(told.items()):
        before = known.get(name)
        if before is None or tuple(before[:4]) != task or now - before[4] > between:
            changed.append((*task, now))
    if changed:
        yield Many("upsert_task", changed)


def list_tasks() -> Script[list[TaskRow]]:
    """By name."""
    rows: list[Row] = yield All("list_tasks")
    return (yield from _counted([TaskRow(*row) for row in rows]))


def find_task(name: str) -> Script[TaskRow | None]:
    rows: list[Row] = yield All("find_task", (name,))
    if not rows:
        return None
    return (yield from _counted([TaskRow(*rows[0])]))[0]


def _counted(tasks: list[TaskRow]) -> Script[list[TaskRow]]:
    rows: list[Row] = yield All("workers")
    now: int = yield Now()
    workers = [frozenset(_decode_tasks(row[3])) for row in rows if now - row[5] < WORKER_GONE]
    for task in tasks:
        task.workers = sum(task.name in known for known in workers)
    return tasks
