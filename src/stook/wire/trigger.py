"""Events that are emitted and schedules, on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from stook.wire.action import Action
from stook.wire.stamp import Stamp

__all__ = [
    "Emit",
    "Emitted",
    "PutSchedule",
    "Schedule",
    "ScheduleActed",
    "ScheduleChanged",
    "ScheduleName",
    "SchedulePage",
    "ScheduleQuery",
    "UnscheduleQuery",
]

Missed = Literal["one", "skip", "all"]
Overlap = Literal["allow", "skip", "queue"]
Priority = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]


class Emit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`payload` is any JSON. `id` is a UUID: an event with it that is there already is not emitted again."""

    name: str
    payload: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))
    id: str | None = None


class Emitted(msgspec.Struct):
    id: str


class PutSchedule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`cron` has five fields, or six with seconds in front, in local time of `tz`. `missed`: of ticks at which nobody
    was there, `one` runs once for all, `skip` lets pass what is more than a minute late, `all` runs each. `overlap`:
    while an earlier execution of the schedule is unfinished, `allow` starts the next beside it, `skip` lets the tick
    pass, `queue` starts it afterwards."""

    task: str
    name: str
    cron: str
    payload: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))
    tz: str = "UTC"
    priority: Priority = 0
    missed: Missed = "one"
    overlap: Overlap = "allow"


class ScheduleName(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    task: str
    name: str


class ScheduleQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of one task; left out: of all."""

    task: str | None = None


class UnscheduleQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`cancel_running`: what the schedule started and runs is stopped, too."""

    task: str
    name: str
    cancel_running: bool = True


class Schedule(msgspec.Struct, kw_only=True):
    """`static`: it stands in the task's code. `next_at` is its next tick, null while it is paused; `last_at` the last
    tick that started something, and `last_id` that execution. `owed` ticks wait for the end of what runs, `skipped`
    ones never came. `trouble` says why the last tick started nothing."""

    task: str
    name: str
    cron: str
    tz: str
    payload: msgspec.Raw
    priority: int
    missed: Missed
    overlap: Overlap
    static: bool
    paused: bool
    next_at: Stamp | None
    last_at: Stamp | None
    last_id: str | None
    owed: int
    skipped: int
    trouble: str | None


class SchedulePage(msgspec.Struct):
    data: list[Schedule]
    next: None = None


class ScheduleChanged(msgspec.Struct):
    """What stands now, and the action as it is recorded."""

    schedule: Schedule
    action: Action


class ScheduleActed(msgspec.Struct):
    """`removed` is false where there was no such schedule."""

    removed: bool
    action: Action
