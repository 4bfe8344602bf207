"""A schedule, as it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from stook.core.cron import Missed, Overlap

__all__ = ["Schedule", "moment"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """`static`: it stands in the task's code. `next_at` is its next tick, None while it is paused; `last_at` the last
    tick that started an execution, and `last_id` that execution. `owed` ticks wait for the end of what runs, `skipped`
    ones never came, because something still ran. `trouble` says why the last tick started nothing."""

    task: str
    name: str
    cron: str
    tz: str
    payload: Any
    priority: int
    missed: Missed
    overlap: Overlap
    static: bool
    paused: bool
    next_at: datetime | None
    last_at: datetime | None
    last_id: str | None
    owed: int
    skipped: int
    trouble: str | None


def moment(at: int) -> datetime:
    """Of microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=at)
