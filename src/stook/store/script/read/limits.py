"""Limits and pauses of one project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["LimitRow", "project_limits"]


class LimitRow(msgspec.Struct, frozen=True):
    """`name` is empty for the project itself; `max_concurrency` None: no limit. `running`: executions that workers hold
    of what it limits."""

    scope: Literal["project", "queue", "task"]
    name: str
    max_concurrency: int | None
    paused: bool
    running: int


def project_limits(project: str) -> Script[list[LimitRow]]:
    """The project's own, which is always there, then queues and tasks that have one, by name."""
    quotas: list[Row] = yield All("quotas")
    usage: list[Row] = yield All("usage")
    ours = {(row[0], row[2]): (row[3], bool(row[4])) for row in quotas if row[1] == project}
    ours.setdefault(("project", ""), (None, False))
    running: dict[tuple[str, str], int] = {}
    for owner, queue, task, live in usage:
        if owner == project:
            for place in (("project", ""), ("queue", queue), ("task", task)):
                running[place] = running.get(place, 0) + live
    return [LimitRow(*place, *found, running.get(place, 0)) for place, found in sorted(ours.items())]
