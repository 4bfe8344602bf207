"""Schedules whose time has come: the execution is created and the next tick set in one transaction, so a tick comes
once whoever sees to it, and a handler that fails stops nothing.

    schedule (locked, what others hold is passed over)  →  its new batch
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.cron import admit, due_ticks
from stook.core.errors import ConfigError
from stook.core.extras import ItemExtras
from stook.store.script.batch_row import decode_policy
from stook.store.script.schedule_row import ScheduleRow, save_schedules
from stook.store.script.triggered import Terms, start, terms_of
from stook.store.statement import All, Each, Many, Now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.store.script.schedule_row import Key
    from stook.store.statement import Row, Script

__all__ = ["due_schedules", "postpone_schedule", "tick_schedules"]

PAUSE: Final = 10_000_000
"""Microseconds until a schedule that could not start anything is looked at again."""


def tick_schedules(ids: Callable[[], bytes], only: Key | None = None, limit: int = 100) -> Script[int]:
    """How many schedules had something to do. `QuotaExceeded` when a project takes no more: nothing has happened then,
    and the others are to be seen to one by one (`only`)."""
    now: int = yield Now()
    due: list[Row]
    owing: list[Row] = []
    if only is None:
        due = yield All("lock_due_schedules", (now, limit))
        owing = yield All("lock_owing_schedules", (now, limit))
    else:
        due = yield All("lock_one_due_schedule", (*only, now))
    rows = [ScheduleRow(*row) for row in (*due, *owing)]
    if not rows:
        return 0
    running: list[Row] = yield Each("running_schedules", [row.key for row in rows if row.overlap != "allow"])
    busy = {tuple(row) for row in running}
    terms = yield from terms_of((row.project, row.task) for row in rows)
    runs = []
    for row in rows:
        ticks = _move(row, now, running=row.key in busy)
        if ticks:
            row.last_id = ids()
            known = terms.get((row.project, row.task)) or _own_terms(row)
            extras = [ItemExtras(kind="cron", name=row.name, run_at=tick) for tick in ticks]
            payloads = [row.payload] * len(ticks)
            yield from start(row.last_id, row.project, row.task, known, payloads, extras, priority=row.priority)
            runs.append((row.last_id, *row.key, now))
    if runs:
        yield Many("insert_schedule_run", runs)
    yield from save_schedules(rows)
    return len(rows)


def _move(row: ScheduleRow, now: int, *, running: bool) -> list[int | None]:
    """Sets the next tick; the ticks to start executions for now. None: an earlier one that was owed, whose time is not
    kept."""
    try:
        due = due_ticks(row.expr, row.tz, row.missed, row.next_at, now)
    except ConfigError as error:  # a time zone that this machine has not: another may
        row.trouble, row.due_at = str(error), now + PAUSE
        return []
    ticks: list[int | None] = [*[None] * row.owed, *due.ticks]
    admitted = admit(row.overlap, due=len(due.ticks), owed=row.owed, running=running)
    row.next_at = row.due_at = due.next_at
    row.owed, row.trouble = admitted.owed, None
    row.skipped += admitted.skipped
    if admitted.start:
        row.last_at = due.ticks[-1] if due.ticks else now
    return ticks[: admitted.start] if row.overlap == "queue" else ticks[len(ticks) - admitted.start :]


def due_schedules(limit: int = 100) -> Script[Sequence[Key]]:
    """Those that a tick would see to."""
    now: int = yield Now()
    rows: list[Row] = yield All("due_schedules", (now, limit))
    return [(project, task, name) for project, task, name in rows]


def postpone_schedule(key: Key, trouble: str) -> Script[None]:
    """Its tick comes later: it could start nothing now, as `trouble` says."""
    now: int = yield Now()
    rows: list[Row] = yield All("lock_one_due_schedule", (*key, now))
    if rows:
        row = ScheduleRow(*rows[0])
        row.trouble, row.due_at = trouble, now + PAUSE
        yield from save_schedules([row])


def _own_terms(row: ScheduleRow) -> Terms | None:
    return None if row.policy is None else Terms(decode_policy(row.policy).queue, row.policy)
