"""Rows of schedules, as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.cron import Missed, Overlap, next_after
from stook.core.errors import NotFound
from stook.core.ids import execution_id
from stook.store.statement import All, Many, Notify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.statement import Row, Script

__all__ = ["Key", "NewSchedule", "ScheduleRow", "lock_schedule", "replaced", "save_schedules", "schedule_there"]

Key = tuple[str, str, str]
"""Project, task, name."""


class NewSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """`payload` is JSON, `policy` a TaskPolicy as JSON where its maker knows the task."""

    name: str
    expr: str
    tz: str = "UTC"
    payload: bytes = b"null"
    priority: int = 0
    missed: Missed = "one"
    overlap: Overlap = "allow"
    policy: str | None = None


class ScheduleRow(msgspec.Struct):
    """Columns of `lock_schedule.sql`."""

    project: str
    task: str
    name: str
    expr: str
    tz: str
    payload: bytes
    priority: int
    missed: Missed
    overlap: Overlap
    static: int
    policy: str | None
    paused: int
    next_at: int
    due_at: int
    owed: int
    skipped: int
    last_at: int | None
    last_id: bytes | None
    trouble: str | None
    created_at: int
    changed_at: int

    @property
    def key(self) -> Key:
        return self.project, self.task, self.name

    @property
    def last_execution(self) -> str | None:
        """The public id of what it started last."""
        return None if self.last_id is None else execution_id(self.last_id, 0)


def replaced(
    before: ScheduleRow | None, project: str, task: str, new: NewSchedule, now: int, *, static: bool
) -> ScheduleRow:
    """What stands under the name from now on: another expression or zone begins anew, all else changes what the next
    tick does. What is paused stays so."""
    same_times = before is not None and (before.expr, before.tz) == (new.expr, new.tz)
    next_at = before.next_at if before is not None and same_times else next_after(new.expr, new.tz, now)
    made = ScheduleRow(
        project=project,
        task=task,
        name=new.name,
        expr=new.expr,
        tz=new.tz,
        payload=new.payload,
        priority=new.priority,
        missed=new.missed,
        overlap=new.overlap,
        static=int(static),
        policy=new.policy,
        paused=0,
        next_at=next_at,
        due_at=next_at,
        owed=0,
        skipped=0,
        last_at=None,
        last_id=None,
        trouble=None,
        created_at=now,
        changed_at=now,
    )
    if before is not None:
        made.paused, made.created_at, made.skipped = before.paused, before.created_at, before.skipped
        made.last_at, made.last_id = before.last_at, before.last_id
        made.owed = before.owed if same_times and new.overlap == before.overlap else 0
    return made


def differs(before: ScheduleRow, new: NewSchedule) -> bool:
    return any(getattr(before, one) != getattr(new, one) for one in NewSchedule.__struct_fields__)


def lock_schedule(key: Key) -> Script[ScheduleRow | None]:
    rows: list[Row] = yield All("lock_schedule", key)
    return ScheduleRow(*rows[0]) if rows else None


def schedule_there(key: Key, row: ScheduleRow | None) -> ScheduleRow:
    if row is None:
        raise NotFound(
            f"task {key[1]!r} has no schedule {key[2]!r}", hint="`stook schedules list` shows those there are"
        )
    return row


def save_schedules(rows: Sequence[ScheduleRow]) -> Script[None]:
    if rows:
        yield Many("upsert_schedule", [msgspec.structs.astuple(row) for row in rows])
        yield Notify(("timer",))
