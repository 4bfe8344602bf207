"""Schedules as people handle them: put, removed, paused, resumed, listed.

Lock order: a schedule goes before the batches that it started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.cron import next_after
from stook.core.errors import Conflict
from stook.core.phase import Stop
from stook.store.script.batch_row import lock_batch, lock_batches, save_batches
from stook.store.script.cancel_items import cancel_items
from stook.store.script.change import note_changes
from stook.store.script.close import close_if_done
from stook.store.script.schedule_row import ScheduleRow, lock_schedule, replaced, save_schedules, schedule_there
from stook.store.script.stop import stop_waiting
from stook.store.statement import All, Each, Many, Now, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.batch_row import BatchRow
    from stook.store.script.schedule_row import Key, NewSchedule
    from stook.store.statement import Row, Script

__all__ = [
    "drop_schedules",
    "list_schedules",
    "pause_schedule",
    "purge_schedule_runs",
    "put_schedule",
    "remove_schedule",
    "resume_schedule",
]

_REASON = "its schedule was removed"


def put_schedule(project: str, task: str, new: NewSchedule) -> Script[ScheduleRow]:
    """The same name again replaces what stood under it, which twice is once. `Conflict` for one that stands in the
    task's code."""
    before = yield from lock_schedule((project, task, new.name))
    now: int = yield Now()
    if before is not None and before.static:
        raise Conflict(
            f"the schedule {new.name!r} of task {task!r} stands in its code",
            hint="change it there, or use another name",
        )
    made = replaced(before, project, task, new, now, static=False)
    yield from save_schedules([made])
    return made


def remove_schedule(key: Key, *, cancel_running: bool = True) -> Script[bool]:
    """No tick comes any more; what it started and has not begun is cancelled, and with `cancel_running` what runs is
    stopped. False: there was none."""
    row = yield from lock_schedule(key)
    if row is None:
        return False
    yield from drop_schedules([key], stop=Stop.hard if cancel_running else Stop.soft)
    return True


def drop_schedules(keys: Sequence[Key], *, stop: Stop) -> Script[None]:
    """The caller holds their rows."""
    if not keys:
        return
    yield Many("delete_schedule", list(keys))
    runs: list[Row] = yield Each("read_schedule_runs", list(keys))
    batches = yield from lock_batches(batch_id for (batch_id,) in runs)
    now: int = yield Now()
    live = [batch for batch in batches.values() if not batch.ended_phase and batch.stop != Stop.hard.value]
    if stop is Stop.soft:
        for batch in live:
            yield from _spare_begun(batch, now)
        return
    for batch in live:
        batch.reason = _REASON
        yield from stop_waiting(batch, now, stop)
        yield from close_if_done(batch, now)
    yield from save_batches(live)


def _spare_begun(batch: BatchRow, now: int) -> Script[None]:
    """Ticks that were due together share a batch: those that run, are suspended or wait for another attempt go on."""
    answer = yield from cancel_items(batch.id, range(batch.total), begun=False)
    if answer.ended:
        batch = yield from lock_batch(batch.id)
        yield from note_changes(batch, [(index, "cancel", None, 0, _REASON) for index in answer.ended], None, now)
        if batch.ended_phase:
            batch.reason = _REASON
        yield from save_batches([batch])


def pause_schedule(key: Key) -> Script[ScheduleRow]:
    """Its ticks pass until it is resumed. Twice is once; `NotFound`."""
    row = schedule_there(key, (yield from lock_schedule(key)))
    now: int = yield Now()
    if not row.paused:
        row.paused, row.changed_at = 1, now
        yield from save_schedules([row])
    return row


def resume_schedule(key: Key) -> Script[ScheduleRow]:
    """It goes on with the next tick from now. Twice is once; `NotFound`."""
    row = schedule_there(key, (yield from lock_schedule(key)))
    now: int = yield Now()
    if row.paused:
        row.paused, row.changed_at, row.trouble = 0, now, None
        row.next_at = row.due_at = next_after(row.expr, row.tz, now)
        yield from save_schedules([row])
    return row


def list_schedules(
    project: str, task: str | None = None, *, after: tuple[str, str] = ("", ""), limit: int = 1000
) -> Script[list[ScheduleRow]]:
    """By task and name, behind (task, name) `after`."""
    rows: list[Row] = yield All("list_schedules", (project, task, *after, limit))
    return [ScheduleRow(*row) for row in rows]


def purge_schedule_runs(limit: int = 1000) -> Script[int]:
    """Forgets what was started and has ended; how many."""
    removed: int = yield Run("purge_schedule_runs", (limit,))
    return removed
