"""Why nothing of a batch or a task starts, in words: facts in, reasons out, the most telling first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from stook.core.phase import Counters
from stook.core.states import BatchState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stook.core.wait import Awaited

__all__ = [
    "WORKER_GONE",
    "BatchFacts",
    "Forming",
    "Limit",
    "TaskFacts",
    "Workers",
    "until",
    "why_batch",
    "why_item",
    "why_suspended",
    "why_task",
]

WORKER_GONE: Final = 30_000_000
"""Microseconds: a worker not seen for so long does not count."""
_NAMED = 3
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


class Workers(msgspec.Struct, kw_only=True):
    """Those seen lately. `tasks` are names that others of them serve, not the task in question."""

    serving: int
    others: int
    tasks: frozenset[str] = frozenset()


class Limit(msgspec.Struct):
    """`name` in words: queue 'default'. `most` None: no limit, it is there for the pause."""

    name: str
    used: int
    most: int | None = None
    paused: bool = False


class Forming(msgspec.Struct):
    """A group of a batched task that waits to fill."""

    ready: int
    size: int
    closes_at: int


class TaskFacts(msgspec.Struct, kw_only=True):
    """What stands around a task, whichever batch asks."""

    task: str
    now: int
    workers: Workers
    limits: list[Limit]
    forming: Forming | None = None
    terms: list[str] = []
    """What of its window, keyed limits and rates holds back all that is asked about (`core.why_terms`)."""


class BatchFacts(msgspec.Struct, kw_only=True):
    state: BatchState
    sealed: bool
    counters: Counters
    reason: str | None = None
    probing: bool = False
    max_concurrency: int | None = None
    ramp: int | None = None
    """So many at once until it has been running for a while after a resume."""
    due_at: int | None = None
    """When the next scheduled one is due."""
    suspects: int = 0
    ahead: int = 0
    """Executions of other batches that go first; those of its own, too, where one item is asked about."""
    one: bool = False
    """One item is asked about."""
    ahead_more: bool = False
    """There are more of them than were counted."""
    projects: tuple[str, ...] = ()
    """Others with work for the same task."""


def why_batch(batch: BatchFacts, task: TaskFacts) -> list[str]:
    counters = batch.counters
    if batch.state.terminal:
        return [f"it has ended: {batch.state.value}"]
    if batch.state is BatchState.cancelling:
        return [_because("it is being cancelled", batch.reason), *_running(counters.running)]
    if batch.state is BatchState.paused:
        return [_because("it is paused", batch.reason), *_running(counters.running)]
    reasons = [*_startable(batch, task)] if counters.queued else []
    if batch.probing:
        reasons.append("a retry tries a few executions first, the rest follows when half of them succeed")
    if counters.scheduled:
        when = "" if batch.due_at is None else f", the next {until(batch.due_at, task.now)}"
        reasons.append(f"{_count(counters.scheduled, 'is', 'are')} due later{when}")
    if counters.suspended:
        reasons.append(f"{_count(counters.suspended, 'waits', 'wait')} for something else and will go on by themselves")
    if not counters.queued and counters.running:
        reasons.append(f"all that can run does: {counters.running} running")
    if not batch.sealed and counters.total == counters.terminal:
        done = "everything submitted so far has ended" if counters.total else "nothing was submitted yet"
        reasons.append(f"{done}, and its submission is not finished")
    return reasons


def why_item(batch: BatchFacts, task: TaskFacts) -> list[str]:
    """Why one that waits does not run; `batch` says of it alone what is due, suspected or goes first, and `task.terms`
    is about its own lane."""
    if batch.due_at is not None and batch.state not in (BatchState.paused, BatchState.cancelling):
        return [f"it is due {until(batch.due_at, task.now)}"]
    if not batch.counters.queued:
        return []
    alone = msgspec.structs.replace(batch.counters, scheduled=0, suspended=0)
    return why_batch(msgspec.structs.replace(batch, counters=alone, probing=False, one=True), task)


def why_task(task: TaskFacts) -> list[str]:
    """What keeps every execution of the task from starting; empty: nothing does."""
    return [*_unserved(task), *_limited(task.limits), *task.terms, *_forming(task)]


def why_suspended(waits: Iterable[Awaited], now: int) -> list[str]:
    """What an execution waits for that left its worker, each in words. Empty: it is about to go on."""
    return [_awaited(one, now) for one in waits]


def _awaited(one: Awaited, now: int) -> str:
    match one.kind:
        case "sleep":
            return f"waits until its sleep {one.key!r} is over, {until(one.due_at or now, now)}"
        case "child":
            what = f"waits for child {one.child_id} ({one.key!r})"
        case "event":
            what = f"waits for event {one.event!r}"
        case _:
            assert_never(one.kind)
    return what if one.due_at is None else f"{what}, which times out {until(one.due_at, now)}"


def _startable(batch: BatchFacts, task: TaskFacts) -> Iterable[str]:
    limits = list(task.limits)
    running = batch.counters.running
    if batch.max_concurrency is not None:
        limits.append(Limit("this batch", running, batch.max_concurrency))
    found = [*_unserved(task), *_limited(limits), *task.terms, *_forming(task)]
    if batch.ramp is not None and running >= batch.ramp:
        found.append(f"it was resumed just now: {batch.ramp} at once, twice as many every second")
    if batch.suspects:
        found.append(
            f"{_count(batch.suspects, 'lost its worker and waits', 'lost their workers and wait')} to run alone, "
            "on a worker with nothing else in hand"
        )
    if found:
        return found
    if batch.ahead:
        whose = "" if batch.one else "of other batches "
        found.append(f"{batch.ahead}{' or more' if batch.ahead_more else ''} executions {whose}go first")
    if batch.projects:
        found.append(f"it shares the workers with {_some(batch.projects, 'project')}")
    if found:
        return found
    if running:
        return [f"{running} running, {batch.counters.queued} queued behind them: it goes as fast as its workers do"]
    return ["nothing holds it back: the next free worker takes it"]


def _unserved(task: TaskFacts) -> list[str]:
    workers = task.workers
    if workers.serving:
        return []
    if not workers.others:
        return [f"no worker serves task {task.task!r}: no worker is running"]
    others = f", for {_some(sorted(workers.tasks), 'task')}" if workers.tasks else ""
    return [f"no worker serves task {task.task!r}: {_count(workers.others, 'is', 'are')} running{others}"]


def _limited(limits: Iterable[Limit]) -> list[str]:
    paused, full = [], []
    for one in limits:
        if one.paused:
            paused.append(f"{one.name} is paused")
        elif one.most is not None and one.used >= one.most:
            full.append(f"concurrency {one.used}/{one.most} of {one.name}")
    return paused + full


def _forming(task: TaskFacts) -> list[str]:
    group = task.forming
    if group is None or group.ready >= group.size or group.closes_at <= task.now:
        return []
    return [f"waiting for a group to fill: {group.ready} of {group.size}, it goes {until(group.closes_at, task.now)}"]


def _running(count: int) -> list[str]:
    return [f"{count} still running"] if count else []


def _because(what: str, reason: str | None) -> str:
    return f"{what}: {reason}" if reason else what


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _some(names: Iterable[str], kind: str) -> str:
    quoted = [repr(name) for name in names]
    more = f" and {len(quoted) - _NAMED} more" if len(quoted) > _NAMED else ""
    return f"{kind}{'s' if len(quoted) > 1 else ''} {', '.join(quoted[:_NAMED])}{more}"


def until(at: int, now: int) -> str:
    """In words."""
    seconds = (at - now) / 1_000_000
    if seconds <= 0:
        return "now"
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"in {seconds / size:.0f} {unit}"
    return f"in {seconds:.1f} s" if seconds < 10 else f"in {seconds:.0f} s"  # noqa: PLR2004 -- digits worth reading
