"""What suspended executions waited for has come: it becomes a memo, and the last of their waits wakes them.

The caller holds the rows of their batches, and writes the flushes afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.fingerprint import fingerprint
from stook.core.ids import execution_id
from stook.core.memo import Memo
from stook.core.outcome import Trouble
from stook.core.states import Event, State, move
from stook.core.wait import WaitKind, cancels_begun, past_due
from stook.store.script.batch_row import lock_batches
from stook.store.script.flush import Flush
from stook.store.script.remember import memo_row, write_memos
from stook.store.script.segment_row import NewSegment, SegmentStatus
from stook.store.script.settle import SettleAnswer, write_flushes
from stook.store.script.suspend import PARENT_FAILED, PARENT_TIMED_OUT, drop_suspensions
from stook.store.statement import All, Each, Many, Notify, Now

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stook.core.memo import MemoError
    from stook.store.statement import Row, Script

__all__ = ["Came", "WaitRow", "deliver", "fail_waiting", "read_waits", "wake_due"]


class WaitRow(msgspec.Struct, gc=False):
    """Columns of `read_waits.sql`."""

    batch_id: bytes
    index: int
    key: str
    kind: WaitKind
    due_at: int | None
    child_batch: bytes | None
    child_index: int | None
    fails_parent: int
    on_timeout: str | None
    event_name: str | None
    match: bytes | None
    at: int

    @property
    def child(self) -> tuple[bytes, int] | None:
        return None if self.child_batch is None or self.child_index is None else (self.child_batch, self.child_index)

    @property
    def child_id(self) -> str | None:
        return None if self.child is None else execution_id(*self.child)


class Came(msgspec.Struct, gc=False):
    """What came for one wait. `blob_of` as in `remember.Kept`."""

    wait: WaitRow
    memo: Memo
    blob_of: bytes | None = None


class _Suspension(msgspec.Struct, gc=False):
    """Columns of `read_suspensions.sql`."""

    batch_id: bytes
    index: int
    first: int
    round: int
    attempt: int
    losses: int
    priority: int
    alone: int
    closed: int
    lane: str
    cost: str | None
    waiting: int
    at: int


def wake_due(limit: int = 1000) -> Script[int]:
    """Sleeps that are over, and waits that time out."""
    now: int = yield Now()
    due: list[Row] = yield All("due_waits", (now, limit))
    if not due:
        return 0
    batches = yield from lock_batches(row[0] for row in due)
    now = yield Now()
    found = yield from read_waits(row for row in due if row[0] in batches)
    came = [
        Came(one, past_due(one.kind, one.key, one.event_name, one.due_at - one.at, one.child_id))
        for one in found.values()
        if one.due_at is not None and one.due_at <= now
    ]
    flushes = {batch_id: Flush(batch, now) for batch_id, batch in batches.items()}
    yield from deliver(flushes, came)
    yield from write_flushes(list(flushes.values()), SettleAnswer([]))
    return len(came)


def read_waits(keys: Iterable[Row]) -> Script[dict[tuple[bytes, int, str], WaitRow]]:
    """By (batch, index, key): those that are still open."""
    rows: list[Row] = yield Each("read_waits", sorted({(row[0], row[1], row[2]) for row in keys}))
    return {(row[0], row[1], row[2]): WaitRow(*row) for row in rows}


def deliver(flushes: Mapping[bytes, Flush], came: Sequence[Came]) -> Script[None]:
    """Each wait once. What nothing is left to wait for is queued by its flush; a child's failure that is its parent's
    ends the parent."""
    if not came:
        return
    now = next(iter(flushes.values())).now
    yield from write_memos(
        memo_row(one.wait.batch_id, one.wait.index, one.memo, now, seq, child=one.wait.child, blob_of=one.blob_of)
        for seq, one in enumerate(came)
    )
    yield Many("delete_wait", [(one.wait.batch_id, one.wait.index, one.wait.key) for one in came])
    if asked := [row for one in came for row in _late_child(one, now)]:
        yield Many("insert_errand", asked)
        yield Notify(("errand",))
    counts: dict[tuple[bytes, int], int] = {}
    fails: dict[tuple[bytes, int], MemoError] = {}
    for one in came:
        item = (one.wait.batch_id, one.wait.index)
        counts[item] = counts.get(item, 0) + 1
        if one.wait.fails_parent and one.memo.error is not None and one.memo.error.kind != "timeout":
            fails.setdefault(item, one.memo.error)
    rows: list[Row] = yield Each("read_suspensions", sorted(counts))
    found = [_Suspension(*row) for row in rows]
    over = [one for one in found if (one.batch_id, one.index) not in fails]
    woken = [one for one in over if one.waiting == counts[one.batch_id, one.index]]
    left = [
        (one.batch_id, one.index, one.waiting - counts[one.batch_id, one.index])
        for one in over
        if one.waiting != counts[one.batch_id, one.index]
    ]
    if left:
        yield Many("update_suspension", left)
    if woken:
        yield Many("delete_suspension", [(one.batch_id, one.index) for one in woken])
        yield from _load_states(flushes, woken)
        for each in woken:
            _wake(flushes[each.batch_id], each)
    if fails:
        yield from _fail(flushes, [one for one in found if (one.batch_id, one.index) in fails], fails)


def fail_waiting(flushes: Mapping[bytes, Flush], fails: Mapping[tuple[bytes, int], MemoError]) -> Script[None]:
    """Suspended executions fail for good: children of theirs did, or could not be started. Others are passed over."""
    rows: list[Row] = yield Each("read_suspensions", sorted(fails))
    if rows:
        yield from _fail(flushes, [_Suspension(*row) for row in rows], fails)


def _late_child(one: Came, now: int) -> Iterable[tuple[object, ...]]:
    error, child = one.memo.error, one.wait.child
    begun = cancels_begun(one.wait.on_timeout)
    if error is not None and error.kind == "timeout" and child is not None and begun is not None:
        yield ("cancel_child", *child, "", PARENT_TIMED_OUT[begun], now)


def _load_states(flushes: Mapping[bytes, Flush], items: Sequence[_Suspension]) -> Script[None]:
    rows: list[Row] = yield Each("lock_state", sorted({(one.batch_id, one.first) for one in items}))
    for batch_id, first, states in rows:
        flushes[batch_id].chunk_states(first, states)


def _wake(flush: Flush, one: _Suspension) -> None:
    states, offset = flush.states[one.first], one.index - one.first
    after = move(State(states[offset]), Event.wake)
    assert after is not None, "what has a suspension is suspended"
    states[offset] = after
    flush.batch.suspended -= 1
    flush.again(
        one.first,
        offset,
        NewSegment(
            first=one.first,
            offsets=(),
            priority=one.priority,
            round=one.round,
            attempt=one.attempt,
            losses=one.losses,
            status=SegmentStatus.suspect if one.alone else SegmentStatus.ready,
            closed=bool(one.closed),
            alone=bool(one.closed),
            lane=one.lane,
            cost=one.cost,
        ),
    )


def _fail(
    flushes: Mapping[bytes, Flush],
    items: Sequence[_Suspension],
    fails: Mapping[tuple[bytes, int], MemoError],
) -> Script[None]:
    yield from _load_states(flushes, items)
    for one in items:
        flush, offset = flushes[one.batch_id], one.index - one.first
        error = fails[one.batch_id, one.index]
        type_ = "ChildCancelled" if error.kind == "cancelled" else "ChildFailed"
        message = f"Child execution failed: {error.message}"
        trouble = Trouble(
            offset=offset,
            kind="failed",
            type=type_,
            message=message,
            code="child_failed",
            fingerprint=fingerprint(type_, message, None),
        )
        flush.states[one.first][offset] = State.failed
        flush.batch.suspended -= 1
        flush.failure(one.index, trouble, round_=one.round, attempt=one.attempt, nth=0, final=True)
        flush.outcome(one.first, [offset], State.failed, round_=one.round, attempt=one.attempt)
        flush.count_probe(one.round, 1, failed=1)
    for batch_id in sorted({one.batch_id for one in items}):
        flush = flushes[batch_id]
        indexes = [one.index for one in items if one.batch_id == batch_id]
        yield from drop_suspensions(flush.batch, indexes, flush.now, body=PARENT_FAILED)
