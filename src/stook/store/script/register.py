"""What workers say of their tasks when they start, written in one transaction: policy, schedules, subscriptions.

    worker starts ──▶ its deployment of each task (program: a digest of all that is said)
                      the newest program of a task that a live worker has decides what is written of the task

So a worker of an older program that starts again beside newer ones changes nothing, and decides when they are gone.
Lock order: the registrations of a project go one after the other; then schedules, then the batches that they started.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from stook.core.phase import Stop
from stook.core.why import WORKER_GONE
from stook.store.script.schedule_row import NewSchedule, ScheduleRow, differs, replaced, save_schedules
from stook.store.script.schedules import drop_schedules
from stook.store.script.task_row import see_tasks
from stook.store.statement import All, Each, Guard, Many, Notify, Now, Run

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Deployment", "Registered", "Said", "forget_deployment", "register"]

_BETWEEN = 5_000_000
"""Microseconds between two signs of life of a deployment that are written."""


class Said(msgspec.Struct, frozen=True):
    """Of one task. `policy` and `schema` as JSON; `subscriptions` are (kind, source, ops, condition, fields), as in
    their table. `program` is a digest of all else."""

    task: str
    queue: str
    policy: str
    schema: bytes | None = None
    schedules: Sequence[NewSchedule] = ()
    subscriptions: Sequence[tuple[str, str, str | None, str | None, str | None]] = ()
    invocable: bool = True
    program: str = ""


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """`tasks` are those that `worker` works on. `known` are all that the code of `app` has: what was registered for the
    app and is not among them goes, unless a live worker still has it."""

    project: str
    app: str
    worker: str
    tasks: Sequence[Said]
    known: Sequence[str]
    own: bool = False
    """The worker takes the work of the project alone: its word on policies is heard by nobody else."""


class Registered(msgspec.Struct):
    """`written`: tasks of which this says how they are; `passed`: those of which a newer program decides. `kept` are
    (task, name) of schedules that were made at run time and stand in the way of one in the code."""

    written: list[str]
    passed: list[str]
    gone: list[str]
    kept: list[tuple[str, str]]


def register(told: Deployment, between: int, *, anew: bool = True) -> Script[Registered]:
    """Twice is once. `anew`: what is written is compared with what is there; else only where another program has
    written last. `between` as in `see_tasks`."""
    yield Guard((f"register:{told.project}",))
    rows: list[Row] = yield All("list_deployments", (told.project,))
    before: list[Row] = yield All("list_registrations", (told.project,))
    now: int = yield Now()
    last = {task: (app, program) for task, app, program, *_ in before}
    live = [row for row in rows if now - row[4] < WORKER_GONE or row[1] == told.worker]
    since = _since(told, live, now)
    others = _others(told, live)
    decides = [one for one in told.tasks if since[one.task] >= others.get(one.task, 0)]
    written = [one for one in decides if anew or last.get(one.task) != (told.app, one.program)]
    yield from _see(told, rows, since, now)
    if decides:
        rows_of = [(one.task, one.queue, one.policy, one.schema) for one in decides]
        yield from see_tasks(rows_of, between, told.project if told.own else None)
    kept = yield from _write(told, written, now)
    there = {row[0] for row in live} | set(told.known) | set(since)
    gone = [task for task, (app, _) in sorted(last.items()) if told.app and app == told.app and task not in there]
    yield from _remove(told.project, gone)
    changed = [one for one in written if last.get(one.task) != (told.app, one.program)]
    if changed:
        yield Many(
            "upsert_registration",
            [(told.project, one.task, told.app, one.program, int(one.invocable), since[one.task]) for one in changed],
        )
    passed = sorted(set(since) - {one.task for one in decides})
    return Registered(sorted(one.task for one in written), passed, gone, kept)


def forget_deployment(worker: str) -> Script[None]:
    """Of a worker that has ended, and of all not heard of for long."""
    now: int = yield Now()
    yield Run("forget_deployments", (worker, now - 10 * WORKER_GONE))


def _since(told: Deployment, live: Sequence[Row], now: int) -> dict[str, int]:
    """When each task's program came: with the first of the live workers that have it."""
    newest = {row[0]: row[3] for row in live}  # in the order of `at`
    known = {(row[0], row[2]): row[3] for row in reversed(live)}
    return {one.task: known.get((one.task, one.program), max(now, newest.get(one.task, 0) + 1)) for one in told.tasks}


def _others(told: Deployment, live: Sequence[Row]) -> dict[str, int]:
    """The newest other program of a task that another worker has."""
    mine = {(one.task, one.program) for one in told.tasks}
    return {row[0]: row[3] for row in live if row[1] != told.worker and (row[0], row[2]) not in mine}


def _see(told: Deployment, rows: Sequence[Row], since: dict[str, int], now: int) -> Script[None]:
    seen = {row[0]: row for row in rows if row[1] == told.worker}
    fresh = []
    for one in told.tasks:
        row = seen.get(one.task)
        if row is None or (row[2], row[3]) != (one.program, since[one.task]) or now - row[4] >= _BETWEEN:
            fresh.append((told.project, one.task, told.worker, one.program, since[one.task], now))
    if fresh:
        yield Many("upsert_deployment", sorted(fresh))


def _write(told: Deployment, tasks: Sequence[Said], now: int) -> Script[list[tuple[str, str]]]:
    if not tasks:
        return []
    keys = sorted((told.project, one.task) for one in tasks)
    subscribed: list[Row] = yield Each("read_subscriptions", keys)
    stale, fresh = [], []
    for one in tasks:
        wanted = {(told.project, one.task, kind, n, *rest) for n, (kind, *rest) in enumerate(one.subscriptions)}
        if wanted != {tuple(row) for row in subscribed if row[1] == one.task}:
            stale.append((told.project, one.task))
            fresh += sorted(wanted, key=lambda row: (row[1], row[3]))
    if stale:
        yield Many("delete_subscriptions", sorted(stale))
    if fresh:
        yield Many("insert_subscription", fresh)
        yield Notify(("subscriptions",))
    return (yield from _write_schedules(told, tasks, keys, now))


def _write_schedules(
    told: Deployment, tasks: Sequence[Said], keys: Sequence[tuple[str, str]], now: int
) -> Script[list[tuple[str, str]]]:
    """Those of the code are replaced where they differ, and deleted where they are gone; all others stay."""
    rows: list[Row] = yield Each("lock_task_schedules", list(keys))
    there = {row.key: row for row in (ScheduleRow(*one) for one in rows)}
    saved, kept, named = [], [], set()
    for one in tasks:
        for new in one.schedules:
            key = (told.project, one.task, new.name)
            named.add(key)
            row = there.get(key)
            if row is not None and not row.static:
                kept.append((one.task, new.name))
            elif row is None or differs(row, new):
                saved.append(replaced(row, told.project, one.task, new, now, static=True))
    yield from save_schedules(saved)
    dropped = sorted(key for key, row in there.items() if row.static and key not in named)
    yield from drop_schedules(dropped, stop=Stop.hard)
    return kept


def _remove(project: str, tasks: Sequence[str]) -> Script[None]:
    """Nothing starts these any more but calls, and schedules made at run time."""
    if not tasks:
        return
    keys = [(project, task) for task in tasks]
    rows: list[Row] = yield Each("lock_task_schedules", keys)
    found = [ScheduleRow(*row) for row in rows]
    yield Many("delete_subscriptions", keys)
    yield Many("delete_registration", keys)
    yield from drop_schedules(sorted(row.key for row in found if row.static), stop=Stop.hard)
