"""Projects: their fair share and their limits, changed while things run."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from stook.core.errors import NotFound, OptionError
from stook.core.quota_check import Quota, check_quota
from stook.core.unchanged import UNCHANGED, Unchanged
from stook.engine.names import check_name, check_project
from stook.engine.options import check_count
from stook.engine.recording import write_recorded
from stook.store.script.project import (
    ProjectRow,
    change_project,
    count_project,
    create_project,
    list_projects,
    show_project,
)
from stook.store.script.read.storable import storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.engine.recording import Recording
    from stook.store.port import Store

__all__ = ["ProjectView", "Projects"]


class ProjectView(msgspec.Struct, frozen=True):
    """None: no limit. `queued_items` have not ended, `queued_bytes` are their payloads' (within a batch, items count as
    if all were of one size); None where neither is limited, for then nobody counts them. `created_at` None: it has
    always been there."""

    name: str
    weight: float
    max_concurrency: int | None
    max_queued_items: int | None
    max_payload_bytes: int | None
    max_rate: float | None
    queued_items: int | None
    queued_bytes: int | None
    created_at: int | None


class Projects:
    """A project is there once it was created, or has a key; `default` always is."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(
        self,
        name: str,
        *,
        weight: float | Unchanged = UNCHANGED,
        max_concurrency: int | Unchanged | None = UNCHANGED,
        max_queued_items: int | Unchanged | None = UNCHANGED,
        max_payload_bytes: int | Unchanged | None = UNCHANGED,
        max_rate: float | Unchanged | None = UNCHANGED,
        by: Recording | None = None,
    ) -> ProjectView:
        """`Conflict` if it is there. What is not given is weight 1 and no limit."""
        check_name("name", name)
        check_project(name)
        changes = _changes(weight, max_concurrency, max_queued_items, max_payload_bytes, max_rate)
        act = partial(create_project, name, changes)
        return _view(await write_recorded(self._store, by, act, affected=_one, returns=ProjectRow))

    async def list(self) -> Sequence[ProjectView]:
        """By name."""
        return [_view(row) for row in await self._store.read(list_projects)]

    async def show(self, name: str) -> ProjectView:
        if not storable(name):
            raise NotFound(f"no such project: {name!r}")
        return _view(await self._store.read(show_project, name))

    async def change(
        self,
        name: str,
        *,
        weight: float | Unchanged = UNCHANGED,
        max_concurrency: int | Unchanged | None = UNCHANGED,
        max_queued_items: int | Unchanged | None = UNCHANGED,
        max_payload_bytes: int | Unchanged | None = UNCHANGED,
        max_rate: float | Unchanged | None = UNCHANGED,
        by: Recording | None = None,
    ) -> ProjectView:
        """What is not given stays; None takes a limit away. What is in the queue already stays there, whatever the
        limit: it holds for what is submitted from now on, and a limit of what runs from the next claim on."""
        changes = _changes(weight, max_concurrency, max_queued_items, max_payload_bytes, max_rate)
        if not changes:
            raise OptionError("nothing is to change", hint="give a weight or a limit")
        if not storable(name):
            raise NotFound(f"no such project: {name!r}")
        row = await write_recorded(self._store, by, partial(change_project, name, changes), affected=_one)
        if row.counted and ("max_queued_items" in changes or "max_payload_bytes" in changes):
            await self._store.write(count_project, name)
        return _view(row)


def _one(_: object) -> int:
    return 1


def _changes(
    weight: float | Unchanged,
    max_concurrency: int | Unchanged | None,
    max_queued_items: int | Unchanged | None,
    max_payload_bytes: int | Unchanged | None,
    max_rate: float | Unchanged | None,
) -> dict[str, float | None]:
    """What is given, checked."""
    changes: dict[str, float | None] = {}
    if not isinstance(weight, Unchanged):
        if not _is_number(weight) or weight <= 0:
            raise OptionError(f"weight={weight!r} is not a number above 0")
        changes["weight"] = weight
    if not isinstance(max_concurrency, Unchanged):
        check_count("max_concurrency", max_concurrency, hint="to stop it, pause the project")
        changes["max_concurrency"] = max_concurrency
    quota = Quota(
        max_queued_items=None if isinstance(max_queued_items, Unchanged) else max_queued_items,
        max_payload_bytes=None if isinstance(max_payload_bytes, Unchanged) else max_payload_bytes,
        max_rate=None if isinstance(max_rate, Unchanged) else max_rate,
    )
    check_quota(quota)
    given = {"max_queued_items": max_queued_items, "max_payload_bytes": max_payload_bytes, "max_rate": max_rate}
    changes.update({name: value for name, value in given.items() if not isinstance(value, Unchanged)})
    return changes


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _view(row: ProjectRow) -> ProjectView:
    return ProjectView(
        name=row.name,
        weight=row.weight,
        max_concurrency=row.max_concurrency,
        max_queued_items=row.max_queued_items,
        max_payload_bytes=row.max_payload_bytes,
        max_rate=row.max_rate,
        queued_items=max(0, row.queued_items) if row.counted else None,
        queued_bytes=max(0, row.queued_bytes) if row.counted else None,
        created_at=row.created_at,
    )
