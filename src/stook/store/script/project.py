"""Projects: their weight and limits, and how much they have in their queue.

The size of the queue is known only where it is limited (`counted`): counted once when the limit is set, then kept by
every submission, and by what settlements, retries and cancels insert as `queue_change`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import Conflict, NotFound
from stook.core.quota_check import Quota, Usage
from stook.store.script.payload_size import size_of_batch
from stook.store.script.quota import set_quota
from stook.store.statement import All, Each, Many, Notify, Now, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stook.store.statement import Row, Script

__all__ = [
    "FIRST_PROJECT",
    "ProjectRow",
    "change_project",
    "count_project",
    "counted_projects",
    "create_project",
    "fold",
    "list_projects",
    "save_project",
    "show_project",
]

FIRST_PROJECT = "default"
"""Is there always."""


class ProjectRow(msgspec.Struct):
    """Columns of `read_project.sql`, and the project's limit of what runs."""

    name: str
    weight: float = 1.0
    created_at: int | None = None
    max_queued_items: int | None = None
    max_payload_bytes: int | None = None
    max_rate: float | None = None
    counted: int = 0
    queued_items: int = 0
    queued_bytes: int = 0
    tokens: float | None = None
    tokens_at: int | None = None
    max_concurrency: int | None = None

    def quota(self) -> Quota:
        return Quota(
            max_queued_items=self.max_queued_items,
            max_payload_bytes=self.max_payload_bytes,
            max_rate=self.max_rate,
        )

    def usage(self) -> Usage:
        """Never below nothing, whatever went wrong."""
        return Usage(
            items=max(0, self.queued_items),
            bytes=max(0, self.queued_bytes),
            tokens=self.tokens,
            tokens_at=self.tokens_at,
        )


def create_project(name: str, changes: Mapping[str, float | None]) -> Script[ProjectRow]:
    """`Conflict` if it is there."""
    now: int = yield Now()
    made: list[Row] = yield Each("insert_project", [(name, now)])
    if not made or name == FIRST_PROJECT:
        raise Conflict(f"project {name!r} is there already", hint="change it instead")
    return (yield from change_project(name, changes))


def change_project(name: str, changes: Mapping[str, float | None]) -> Script[ProjectRow]:
    """What is not in `changes` stays; None: no limit. Limits hold from the next submission and the next claim on."""
    yield from show_project(name)
    now: int = yield Now()
    yield Each("insert_project", [(name, now)])
    project = yield from _lock(name)
    before, rate = project.counted, project.max_rate
    for field, value in changes.items():
        setattr(project, field, value)
    project.counted = int(project.quota().counted)
    if project.max_rate != rate:
        project.tokens = project.tokens_at = None
    if project.counted != before:
        yield from fold(project)
        yield Run("clear_batch_sizes", (name,))
        project.queued_items = project.queued_bytes = 0
        if project.counted:
            yield from _count(project)
    yield from save_project(project)
    if "max_concurrency" in changes:
        most = changes["max_concurrency"]
        yield from set_quota("project", name, "", None if most is None else int(most))
    else:
        yield from _add_limit(project)
    yield Notify(("quota",))
    return project


def show_project(name: str) -> Script[ProjectRow]:
    """A project is there once it was created or has a key."""
    rows: list[Row] = yield All("read_project", (name,))
    if not rows and name != FIRST_PROJECT:
        keys: list[Row] = yield All("any_key", (name,))
        if not keys:
            raise NotFound(f"no such project: {name!r}", hint="an admin of the project default can create it")
    project = ProjectRow(*rows[0]) if rows else ProjectRow(name)
    yield from _add_changes(project)
    yield from _add_limit(project)
    return project


def list_projects() -> Script[list[ProjectRow]]:
    """By name."""
    rows: list[Row] = yield All("list_projects")
    found = {row[0]: ProjectRow(*row) for row in rows}
    found.setdefault(FIRST_PROJECT, ProjectRow(FIRST_PROJECT))
    limits: list[Row] = yield All("quotas")
    for scope, name, _, most, *_ in limits:
        if scope == "project" and name in found:
            found[name].max_concurrency = most
    for one in found.values():
        yield from _add_changes(one)
    return sorted(found.values(), key=lambda one: one.name)


def counted_projects() -> Script[list[str]]:
    rows: list[Row] = yield All("counted_projects")
    return [name for (name,) in rows]


def count_project(name: str) -> Script[bool]:
    """Counts its queue again: what was under way while the limit was set did not know of it. Returns whether anything
    was wrong."""
    project = yield from _lock(name)
    if not project.counted:
        return False
    yield from fold(project)
    before = project.queued_items, project.queued_bytes
    yield from _count(project)
    yield from save_project(project)
    return before != (project.queued_items, project.queued_bytes)


def fold(project: ProjectRow) -> Script[None]:
    """Adds what has changed since. The caller holds the project's row and saves it."""
    rows: list[Row] = yield All("fold_queue_changes", (project.name,))
    project.queued_items += sum(items for items, _ in rows)
    project.queued_bytes += sum(size for _, size in rows)


def save_project(project: ProjectRow) -> Script[None]:
    yield Many(
        "update_project",
        [
            (
                project.name,
                project.weight,
                project.max_queued_items,
                project.max_payload_bytes,
                project.max_rate,
                project.counted,
                project.queued_items,
                project.queued_bytes,
                project.tokens,
                project.tokens_at,
            )
        ],
    )


def _lock(name: str) -> Script[ProjectRow]:
    rows: list[Row] = yield All("lock_project", (name,))
    return ProjectRow(*rows[0]) if rows else ProjectRow(name)


def _count(project: ProjectRow) -> Script[None]:
    unsized: list[Row] = yield All("unsized_batches", (project.name,))
    sizes = []
    for (batch_id,) in unsized:
        size = yield from size_of_batch(batch_id)
        sizes.append((batch_id, project.name, size))
    if sizes:
        yield Many("upsert_batch_size", sizes)
    rows: list[Row] = yield All("count_queue", (project.name,))
    project.queued_items, project.queued_bytes = rows[0]


def _add_changes(project: ProjectRow) -> Script[None]:
    """As `fold`, for a view."""
    if project.counted:
        rows: list[Row] = yield All("read_queue_change", (project.name,))
        project.queued_items += rows[0][0]
        project.queued_bytes += rows[0][1]


def _add_limit(project: ProjectRow) -> Script[None]:
    rows: list[Row] = yield All("read_project_limit", (project.name,))
    project.max_concurrency = rows[0][0] if rows else None
