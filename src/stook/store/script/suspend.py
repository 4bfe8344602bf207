"""Executions that wait: each leaves its worker and stands in `suspension` until all of its waits are over.

    running ──suspend──▶ suspended ──the last wait is over──▶ queued, the attempt it was in

Whoever moves one holds its batch's row. A suspension and its waits go with whatever ends the execution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.memo import stored_key
from stook.core.picks import as_range
from stook.core.states import State
from stook.core.wait import due_at
from stook.store.script.children import Called, start_children
from stook.store.script.remember import CHILDREN, MEMOS, memo_row
from stook.store.script.segment_row import NewSegment, SegmentStatus
from stook.store.statement import Many, Notify, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.core.outcome import Trouble
    from stook.core.wait import Wait
    from stook.store.script.batch_row import BatchRow
    from stook.store.script.children import Started
    from stook.store.script.flush import Flush
    from stook.store.script.settle_slice import Held
    from stook.store.statement import Row, Script

__all__ = [
    "PARENT_CANCELLED",
    "PARENT_FAILED",
    "PARENT_TIMED_OUT",
    "drop_suspended",
    "drop_suspensions",
    "suspend",
    "tell_parents",
]

PARENT_CANCELLED: Final = '{"reason":"Cancelled: its parent was cancelled","begun":true}'
PARENT_FAILED: Final = '{"reason":"Cancelled: its parent failed","begun":false}'
PARENT_TIMED_OUT: Final = {
    begun: msgspec.json.encode({"reason": "Cancelled: parent timed out", "begun": begun}).decode()
    for begun in (True, False)
}
"""Bodies of `cancel_child` errands."""


class _Rows(msgspec.Struct):
    suspensions: list[tuple[object, ...]] = msgspec.field(default_factory=list)
    waits: list[tuple[object, ...]] = msgspec.field(default_factory=list)
    errands: list[tuple[object, ...]] = msgspec.field(default_factory=list)
    timed: bool = False


def suspend(flushes: Sequence[Flush]) -> Script[None]:
    """Writes the waits of what the flushes suspended, and starts the children. What has nothing to wait for, because
    none of its calls could be made, goes on at once: the flush queues it."""
    calls = [
        Called(flush.batch, held.first + trouble.offset, wait.key, wait.child, held.priority)
        for flush in flushes
        for held, trouble in flush.suspended
        for wait in _each_once(trouble.waits)
        if wait.child is not None
    ]
    started = yield from start_children(calls, flushes[0].now)
    rows = _Rows()
    for flush in flushes:
        for held, trouble in flush.suspended:
            _place(rows, flush, held, trouble, started)
    if rows.suspensions:
        yield Many("insert_suspension", rows.suspensions)
    if rows.waits:
        yield Many("insert_wait", rows.waits)
    if rows.errands:
        yield Many("insert_errand", rows.errands)
    if topics := (("timer",) if rows.timed else ()) + (("errand",) if rows.errands else ()):
        yield Notify(topics)


def _each_once(waits: Sequence[Wait]) -> Iterable[Wait]:
    """The first of each key, in order, under stored keys."""
    found: dict[str, Wait] = {}
    for wait in waits:
        key = stored_key(wait.key)
        found.setdefault(key, wait if key == wait.key else msgspec.structs.replace(wait, key=key))
    return found.values()


def _place(rows: _Rows, flush: Flush, held: Held, trouble: Trouble, started: Started) -> None:
    batch, now, index = flush.batch, flush.now, held.first + trouble.offset
    batch.keyed |= MEMOS
    waiting = errands = 0
    lane = held.lane
    for wait in _each_once(trouble.waits):
        place = (batch.id, index, wait.key)
        if place in started.refused:
            memo = started.refused[place]
            flush.memos.append(memo_row(batch.id, index, memo, now))
            if wait.child is not None and wait.child.on_failure == "fail_parent":
                error = msgspec.json.encode(memo.error).decode()
                rows.errands.append(("fail_parent", *place, error, now))
                errands += 1
            continue
        if wait.kind == "sleep" and batch.task_policy.batch is not None:
            lane = f"{lane}|{wait.key}"
        rows.waits.append(_wait_row(batch, place, wait, now, started.children.get(place)))
        rows.timed = rows.timed or wait.seconds is not None or wait.until is not None or wait.kind == "sleep"
        waiting += 1
        if wait.event is not None:
            rows.errands.append(("event_awaited", *place, None, now))
    if waiting or errands:
        how = (held.round, held.attempt, held.losses, held.priority, held.alone, held.closed, lane, held.cost)
        rows.suspensions.append((batch.id, index, held.first, *how, waiting, now))
        batch.suspended += 1
        return
    flush.states[held.first][trouble.offset] = State.queued
    flush.again(
        held.first,
        trouble.offset,
        NewSegment(
            first=held.first,
            offsets=(),
            priority=held.priority,
            round=held.round,
            attempt=held.attempt,
            losses=held.losses,
            status=SegmentStatus.suspect if held.alone else SegmentStatus.ready,
            closed=bool(held.closed),
            alone=bool(held.closed),
            lane=lane,
            cost=held.cost,
        ),
    )


def _wait_row(
    batch: BatchRow, place: tuple[bytes, int, str], wait: Wait, now: int, child: tuple[bytes, int] | None
) -> tuple[object, ...]:
    call, event = wait.child, wait.event
    return (
        *place,
        wait.kind,
        batch.project,
        due_at(wait, now),
        *(child or (None, None)),
        int(call is not None and call.on_failure == "fail_parent"),
        None if call is None else call.cancel_on_timeout,
        None if event is None else event.name,
        None if event is None else event.match,
        now,
    )


def drop_suspensions(
    batch: BatchRow, indexes: Sequence[int], now: int, *, body: str | None = PARENT_CANCELLED
) -> Script[None]:
    """Of items that end: their waits go, and the children they wait for are told, with this `body`; None: not at
    all."""
    rows = [(batch.id, index) for index in indexes]
    if not rows:
        return
    if body is not None:
        yield Many("insert_cancel_errand", [(*row, body, now) for row in rows])
        yield Notify(("errand",))
    yield Many("delete_item_waits", rows)
    yield Many("delete_suspension", rows)


def drop_suspended(batch: BatchRow, now: int) -> Script[None]:
    """The same of every suspended item of a batch."""
    yield Run("insert_batch_cancel_errands", (batch.id, PARENT_CANCELLED, now))
    yield Run("delete_batch_waits", (batch.id,))
    yield Run("delete_batch_suspensions", (batch.id,))
    yield Notify(("errand",))


def tell_parents(flush: Flush) -> Script[None]:
    """Whoever waits for an execution that the flush ended hears of it, by an errand: its batch may not be locked."""
    batch = flush.batch
    if not batch.keyed & CHILDREN or not flush.outcomes:
        return
    outcomes: list[Row] = [row[1:6] for row in flush.outcomes]
    ends = [
        (batch.id, first + offset, settle, flush.now)
        for settle, first, lo, hi, picks in outcomes
        for offset in as_range(lo, hi, picks)
    ]
    yield Many("insert_child_errand", ends)
    yield Notify(("errand",))
