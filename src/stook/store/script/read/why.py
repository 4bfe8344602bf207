"""The facts behind `core.why`, read in one view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.limits import ramp_limit
from stook.core.terms import NO_TERMS
from stook.core.terms_room import TermsRoom
from stook.core.why import (
    WORKER_GONE,
    BatchFacts,
    Forming,
    Limit,
    TaskFacts,
    Workers,
    until,
    why_batch,
    why_item,
    why_task,
)
from stook.core.why_terms import why_terms
from stook.store.script.batch_row import BatchRow, decode_policy, read_batch
from stook.store.script.read.batch_list import NEWEST
from stook.store.script.read.batch_view import views_of
from stook.store.script.segment_row import SegmentStatus, offsets_of
from stook.store.script.terms import find_terms
from stook.store.statement import All, Each, Now, Row

if TYPE_CHECKING:
    from stook.core.policy import BatchConfig
    from stook.store.statement import Script

__all__ = ["why_batch_waits", "why_item_waits_to_run", "why_project_waits"]

_LOOKED_AT: Final = 1000
"""Segments counted at most: who goes first is a hint, not an audit."""
_PAUSED_SHOWN: Final = 10
_LANES: Final = 16
_decode_tasks = msgspec.json.Decoder(list[str]).decode


class _Surroundings(msgspec.Struct):
    """What all tasks have in common, read once."""

    now: int
    workers: list[tuple[str | None, frozenset[str]]]
    """(the project whose work alone it takes, its tasks) of live ones."""
    quotas: Sequence[Row]
    usage: Sequence[Row]


def why_batch_waits(batch_id: bytes) -> Script[list[str]]:
    """Never empty while something has not ended."""
    batch = yield from read_batch(batch_id)
    around = yield from _surroundings()
    lanes: list[Row] = [] if batch.ended_phase else (yield All("read_batch_lanes", (batch.id, _LANES)))
    task = yield from _task_facts(around, batch.project, batch.task, batch.queue, [(row[0], row[1]) for row in lanes])
    facts = yield from _batch_facts(batch, around)
    if not batch.ended_phase:
        yield from _queue_facts(batch, facts)
    return why_batch(facts, task)


def why_item_waits_to_run(batch_id: bytes, first: int, index: int) -> Script[list[str]]:
    """Of one item, of the chunk at `first`, by what holds its own lane back. Empty: it does not wait."""
    batch = yield from read_batch(batch_id)
    around = yield from _surroundings()
    rows: list[Row] = yield All("read_item_places", (batch_id, first))
    place = next((row[3:] for row in rows if index - first in offsets_of(*row[:3])), None)
    if place is None:
        return []
    status, due_at, segment, priority, rank, lane, cost = place
    task = yield from _task_facts(around, batch.project, batch.task, batch.queue, [(lane, cost)])
    facts = yield from _batch_facts(batch, around)
    if status == SegmentStatus.scheduled:
        facts.due_at = due_at
    elif status == SegmentStatus.suspect:
        facts.suspects = 1
    else:
        yield from _others_facts(batch, facts, (priority, rank, segment, lane))
    return why_item(facts, task)


def _batch_facts(batch: BatchRow, around: _Surroundings) -> Script[BatchFacts]:
    (view,) = yield from views_of([batch])
    return BatchFacts(
        state=view.state,
        sealed=batch.sealed_at is not None,
        counters=view.counters,
        reason=batch.reason,
        probing=batch.probe is not None,
        max_concurrency=batch.max_concurrency,
        ramp=ramp_limit(around.now, batch.ramp_at),
    )


def why_project_waits(project: str) -> Script[list[str]]:
    """Each task with ready work that nothing may start, and the newest paused batches."""
    around = yield from _surroundings()
    ready: list[Row] = yield All("ready_tasks", (project,))
    found: list[str] = []
    for task, queue in ready:
        reasons = yield from _why_task(around, project, task, queue)
        found.extend(f"task {task!r}: {reason}" for reason in reasons)
    paused: list[Row] = yield All("list_batches", (project, NEWEST, None, ",paused,", _PAUSED_SHOWN))
    found.extend(
        f"batch {batch.name!r} is paused" + (f": {batch.reason}" if batch.reason else "")
        for batch in (BatchRow(*row) for row in paused)
    )
    return found


def _why_task(around: _Surroundings, project: str, task: str, queue: str) -> Script[list[str]]:
    """Of the first lanes there are, which stand for all."""
    lanes: list[Row] = yield Each("claim_lanes", [(task, project, "", "~", _LANES)])
    return why_task((yield from _task_facts(around, project, task, queue, [(row[2], None) for row in lanes])))


def _surroundings() -> Script[_Surroundings]:
    now: int = yield Now()
    workers: list[Row] = yield All("workers")
    quotas: list[Row] = yield All("quotas")
    usage: list[Row] = (yield All("usage")) if quotas else []
    live = [(row[6], frozenset(_decode_tasks(row[3]))) for row in workers if now - row[5] < WORKER_GONE]
    return _Surroundings(now, live, quotas, usage)


def _task_facts(
    around: _Surroundings, project: str, task: str, queue: str, lanes: Sequence[tuple[str, str | None]]
) -> Script[TaskFacts]:
    workers = [tasks for whose, tasks in around.workers if whose in (None, project)]
    serving = sum(task in tasks for tasks in workers)
    others = [tasks for tasks in workers if task not in tasks]
    limits = []
    for scope, name, words in (
        ("project", "", f"project {project!r}"),
        ("queue", queue, f"queue {queue!r}"),
        ("task", task, f"task {task!r}"),
    ):
        for row in around.quotas:
            if tuple(row[:3]) == (scope, project, name):
                used = sum(live for *place, live in around.usage if _counts(scope, place, project, name))
                limits.append(Limit(words, used, row[3], bool(row[4])))
    lane = lanes[0][0] if lanes else ""
    forming: list[Row] = yield All("read_forming", (task, project, lane, _LOOKED_AT))
    return TaskFacts(
        task=task,
        now=around.now,
        workers=Workers(serving=serving, others=len(others), tasks=frozenset().union(*others)),
        limits=limits,
        forming=_group(forming),
        terms=(yield from _terms(project, task, lanes, around.now)),
    )


def _terms(project: str, task: str, lanes: Sequence[tuple[str, str | None]], now: int) -> Script[list[str]]:
    terms = yield from find_terms(project, task)
    if terms == NO_TERMS or not lanes:
        return []
    room = None
    if terms.counted:
        usage: list[Row] = yield Each("lane_usage", [(project, task)])
        room = TermsRoom(terms, [(row[2], row[3], row[4]) for row in usage], now)
        keys = sorted({(project, task, *key) for lane, _ in lanes for key in room.bucket_keys(lane)})
        stored: list[Row] = (yield Each("read_rate_bucket", keys)) if keys else []
        room.fill({(row[2], row[3]): (row[4], row[5]) for row in stored})
    return why_terms(terms, room, lanes, now, until)


def _counts(scope: str, place: Sequence[str], project: str, name: str) -> bool:
    return place[0] == project and (scope == "project" or place[1 if scope == "queue" else 2] == name)


def _group(rows: Sequence[Row]) -> Forming | None:
    """The open group at the front of a batched task's queue."""
    ready, oldest, policy = rows[0]
    if policy is None:
        return None
    config: BatchConfig | None = decode_policy(policy).batch
    if config is None:
        return None
    return Forming(ready, config.size, oldest + round(config.timeout * 1_000_000))


def _queue_facts(batch: BatchRow, facts: BatchFacts) -> Script[None]:
    rows: list[Row] = yield All("read_waiting", (batch.id,))
    for status, items, due_at in rows:
        if status == SegmentStatus.suspect:
            facts.suspects = items
        elif status == SegmentStatus.scheduled:
            facts.due_at = due_at
    front: list[Row] = yield All("read_front", (batch.id,))
    if front:
        yield from _others_facts(batch, facts, front[0])


def _others_facts(batch: BatchRow, facts: BatchFacts, place: Row) -> Script[None]:
    """Who goes before a segment, and beside its project."""
    priority, rank, segment, lane = place
    ahead: list[Row] = yield All("read_ahead", (batch.task, batch.project, priority, rank, segment, _LOOKED_AT, lane))
    facts.ahead, facts.ahead_more = ahead[0][0], ahead[0][1] >= _LOOKED_AT
    flows: list[Row] = yield Each("claim_flows", [(batch.task,)])
    facts.projects = tuple(sorted({project for _, project, *_ in flows if project not in (None, batch.project)}))
