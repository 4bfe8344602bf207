"""Executions that others start and wait for: hidden batches, made in the transaction that suspends their parents.

What children of one transaction have in common they share: task, policy and priority make one batch. Those of a group
with a bound of its own are a batch alone. Only inserts, behind whatever locks the verb holds; a project's quotas count
children, and refuse none.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec

from stook.core.chunk import MAX_BYTES, MAX_ITEMS, make_chunk
from stook.core.errors import ConfigError, OptionError
from stook.core.extras import ItemExtras, write_extras
from stook.core.ids import BatchIds, execution_id
from stook.core.laid_out import laid_out
from stook.core.lanes import Laner
from stook.core.memo import Memo, MemoError
from stook.core.phase import Phase
from stook.core.triggers import not_invocable
from stook.core.wait import ChildCall
from stook.store.script.batch_row import BatchRow, decode_policy
from stook.store.script.chunk_lane import add_lanes
from stook.store.script.rank import virtual_time
from stook.store.script.remember import CHILDREN
from stook.store.script.segment_row import NewSegment
from stook.store.script.submit import NewBatch, new_row
from stook.store.script.triggered import terms_of
from stook.store.statement import Each, Many, Notify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stook.core.chunk import Chunk
    from stook.store.statement import Row, Script

__all__ = ["Called", "Started", "start_children"]


class Called(msgspec.Struct):
    """One call of an execution: item `index` of the parent's batch waits for it under `key`."""

    parent: BatchRow
    index: int
    key: str
    call: ChildCall
    priority: int
    place: tuple[str, str | None] = ("", None)
    """Lane and cost of its payload under the task's policy."""


class Started(msgspec.Struct):
    """By (batch, index, key) of who called: the child, or what came of the call at once."""

    children: dict[tuple[bytes, int, str], tuple[bytes, int]] = msgspec.field(default_factory=dict)
    refused: dict[tuple[bytes, int, str], Memo] = msgspec.field(default_factory=dict)


class _Rows(msgspec.Struct):
    batches: list[BatchRow] = msgspec.field(default_factory=list)
    chunks: list[tuple[object, ...]] = msgspec.field(default_factory=list)
    states: list[tuple[object, ...]] = msgspec.field(default_factory=list)
    segments: list[tuple[object, ...]] = msgspec.field(default_factory=list)
    traces: list[tuple[object, ...]] = msgspec.field(default_factory=list)


def start_children(calls: Sequence[Called], now: int) -> Script[Started]:
    """A number of statements that does not depend on the number of calls, but for one look per task."""
    if not calls:
        return Started()
    started, rows = Started(), _Rows()
    alike = yield from _alike(calls, started)
    ids = BatchIds(lambda: now // 1000, secrets.randbits)
    fronts: dict[tuple[str, str, int], int] = {}
    for batch, trace, children in _batches(alike, ids, now):
        flow = (batch.project, batch.task, batch.priority)
        if flow not in fronts:
            fronts[flow] = yield from virtual_time(batch)
        batch.rank = fronts[flow]
        if trace is not None:
            rows.traces.append((batch.id, trace))
        laned = _add(rows, batch, children, now, started)
        yield from add_lanes(batch, laned)
    if not rows.batches:
        return started
    yield Many("insert_batch", [one.columns() for one in rows.batches])
    if rows.traces:
        yield Many("set_batch_trace", rows.traces)
    yield Many("insert_chunk", rows.chunks)
    yield Many("insert_state", rows.states)
    yield Many("insert_segment", rows.segments)
    yield Many("insert_queue_change", [(one.project, one.id, one.total, 0, one.total) for one in rows.batches])
    yield Notify(tuple({f"task:{one.task}" for one in rows.batches}))
    return started


def _alike(calls: Sequence[Called], started: Started) -> Script[dict[tuple[object, ...], list[Called]]]:
    """Calls that become one batch together, each with its policy."""
    catalogue = yield from terms_of((one.parent.project, one.call.task) for one in calls if one.call.policy is None)
    closed: list[Row] = yield Each("not_invocable", sorted({(one.parent.project, one.call.task) for one in calls}))
    triggered = {(project, task) for project, task in closed}
    laners: dict[str, Laner] = {}
    found: dict[tuple[object, ...], list[Called]] = {}
    for one in calls:
        call = one.call
        if call.policy is None:
            known = catalogue.get((one.parent.project, call.task))
            call.policy = None if known is None else known.policy
        error = _refusal(call, invocable=(one.parent.project, call.task) not in triggered) or _place(one, laners)
        if error is not None:
            started.refused[one.parent.id, one.index, one.key] = Memo(one.key, "child", error=error)
            continue
        own = None if call.group is None else (one.parent.id, one.index, call.group, call.max_parallel)
        level = one.priority if call.priority is None else call.priority
        found.setdefault((one.parent.project, call.task, call.policy, level, call.trace, own), []).append(one)
    return found


def _refusal(call: ChildCall, *, invocable: bool) -> MemoError | None:
    if not invocable:
        return MemoError("failed", "NotInvocable", not_invocable(call.task).message)
    if call.policy is None:
        return MemoError("failed", "UnknownTask", f"no worker has ever known a task {call.task!r}")
    try:
        queue = decode_policy(call.policy).queue
    except (ConfigError, msgspec.MsgspecError) as error:
        return MemoError("failed", "ConfigError", f"the policy of task {call.task!r} cannot be read: {error}")
    if call.queue is not None and call.queue != queue:
        return MemoError("failed", "UnknownTask", f"task {call.task!r} is on queue {queue!r}, not on {call.queue!r}")
    return None


def _place(one: Called, laners: dict[str, Laner]) -> MemoError | None:
    text = one.call.policy
    assert text is not None
    try:
        if text not in laners:
            laners[text] = Laner(decode_policy(text))
        if not laners[text].idle:
            (one.place,) = laners[text].places([one.call.payload])
    except (OptionError, msgspec.MsgspecError) as error:
        return MemoError("failed", "OptionError", str(error))
    return None


def _batches(
    alike: dict[tuple[object, ...], list[Called]], ids: BatchIds, now: int
) -> Iterator[tuple[BatchRow, str | None, list[Called]]]:
    for (_, _, _, level, trace, own), children in alike.items():
        call, parent = children[0].call, children[0].parent
        assert call.policy is not None
        assert isinstance(level, int)
        assert trace is None or isinstance(trace, str)
        new = NewBatch(
            id=ids(),
            project=parent.project,
            task=call.task,
            queue=decode_policy(call.policy).queue,
            name=call.task,
            policy=call.policy,
            single=True,
            priority=level,
            max_concurrency=None if own is None else call.max_parallel,
        )
        batch = new_row(new, now)
        batch.keyed = CHILDREN
        batch.phase, batch.sealed_at = Phase.active.value, now
        yield batch, trace, children


def _add(
    rows: _Rows, batch: BatchRow, children: Sequence[Called], now: int, started: Started
) -> list[tuple[int, Chunk]]:
    """Returns the chunks, each with its first index."""
    added = []
    for some in _chunks(children):
        first = batch.total
        extras = {offset: ItemExtras(parent=execution_id(one.parent.id, one.index)) for offset, one in enumerate(some)}
        placings = laid_out([one.place for one in some], None)
        chunk = make_chunk([one.call.payload for one in some], extras=extras, placings=placings)
        added.append((first, chunk))
        rows.chunks.append(
            (batch.id, first, chunk.count, chunk.starts, None, None, chunk.payloads, write_extras(extras))
        )
        rows.states.append((batch.id, first, bytes(chunk.count)))
        for place in placings:
            segment = NewSegment(
                first=first,
                offsets=place.offsets,
                priority=batch.priority,
                round=1,
                attempt=1,
                lane=place.lane,
                cost=place.cost,
            )
            rows.segments.append(segment.columns(batch, now=now, rank=batch.rank))
            batch.rank += len(place.offsets)
        for offset, one in enumerate(some):
            started.children[one.parent.id, one.index, one.key] = (batch.id, first + offset)
        batch.total = batch.consumed = batch.total + chunk.count
    rows.batches.append(batch)
    return added


def _chunks(children: Sequence[Called]) -> Iterator[list[Called]]:
    some: list[Called] = []
    size = 0
    for one in children:
        if some and (len(some) == MAX_ITEMS or size + len(one.call.payload) > MAX_BYTES):
            yield some
            some, size = [], 0
        some.append(one)
        size += len(one.call.payload) + 1
    if some:
        yield some
