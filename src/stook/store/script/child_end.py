"""Between parents and children: the news of an end, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.ids import execution_id
from stook.core.memo import child_memo
from stook.core.payload import split_array
from stook.core.picks import as_range, unpack
from stook.core.states import State
from stook.store.script.batch_row import lock_batch, lock_batches, save_batches
from stook.store.script.cancel_items import cancel_items
from stook.store.script.change import note_changes
from stook.store.script.flush import Flush
from stook.store.script.remember import decode_error
from stook.store.script.settle import SettleAnswer, write_flushes
from stook.store.script.wake import Came, deliver, fail_waiting, read_waits
from stook.store.statement import Each, Now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.errands import Errand
    from stook.store.script.wake import WaitRow
    from stook.store.statement import Row, Script

__all__ = ["cancel_children", "children_ended", "parents_fail"]


class _Ended(msgspec.Struct, gc=False):
    state: State
    result: bytes | None
    blob: bool
    reason: str | None


class _Ask(msgspec.Struct):
    """Body of `cancel_child`."""

    reason: str
    begun: bool


def children_ended(errands: Sequence[Errand]) -> Script[None]:
    """Their parents get what came of them. A parent that waits no longer, or for another child, is left alone."""
    flushes = yield from _flushes(errands)
    waits = yield from read_waits((one.batch_id, one.index, one.key) for one in errands)
    news: list[tuple[WaitRow, tuple[bytes, int, int]]] = []
    """(wait, (batch and index of the child, number of its outcome))."""
    for one in errands:
        assert one.body is not None
        settled, at, child_hex = one.body.split(":")
        child = (bytes.fromhex(child_hex), int(at))
        wait = waits.get((one.batch_id, one.index, one.key))
        if wait is not None and wait.child == child:
            waits.pop((one.batch_id, one.index, one.key))
            news.append((wait, (*child, int(settled))))
    if not news:
        return
    ended = yield from _ends({end for _, end in news})
    failed = sorted({at[:2] for at, end in ended.items() if end.state is State.failed})
    rows: list[Row] = (yield Each("read_child_failures", failed)) if failed else []
    failures = {(row[0], row[1]): (row[2], row[3]) for row in rows}
    stopped = sorted({at[:2] for at, end in ended.items() if end.state is State.cancelled})
    rows = (yield Each("read_child_reasons", stopped)) if stopped else []
    reasons = {(row[0], row[1]): row[2] for row in rows}
    came = []
    for wait, (batch_id, index, settle) in news:
        end = ended.get((batch_id, index, settle)) or _Ended(State.succeeded, None, blob=False, reason=None)
        failure = failures.get((batch_id, index))
        child_id = execution_id(batch_id, index)
        reason = reasons.get((batch_id, index)) or end.reason
        memo = child_memo(wait.key, end.state, child_id, value=end.result, failure=failure, reason=reason)
        came.append(Came(wait, memo, batch_id if end.blob else None))
    yield from deliver(flushes, came)
    yield from write_flushes(list(flushes.values()), SettleAnswer([]))


def parents_fail(errands: Sequence[Errand]) -> Script[None]:
    flushes = yield from _flushes(errands)
    fails = {
        (one.batch_id, one.index): decode_error(one.body)
        for one in errands
        if one.body is not None and one.batch_id in flushes
    }
    yield from fail_waiting(flushes, fails)
    yield from write_flushes(list(flushes.values()), SettleAnswer([]))


def cancel_children(errands: Sequence[Errand]) -> Script[None]:
    there = yield from lock_batches(one.batch_id for one in errands)
    asked: dict[tuple[bytes, str], list[int]] = {}
    for one in errands:
        batch = there.get(one.batch_id)
        if batch is not None and not batch.ended_phase and one.body is not None:
            asked.setdefault((one.batch_id, one.body), []).append(one.index)
    for (batch_id, body), indexes in asked.items():
        ask = msgspec.json.decode(body, type=_Ask)
        answer = yield from cancel_items(batch_id, indexes, begun=ask.begun)
        if told := [(index, "cancel", None, 0, ask.reason) for index in (*answer.ended, *answer.asked)]:
            batch = yield from lock_batch(batch_id)
            now: int = yield Now()
            yield from note_changes(batch, told, None, now)
            yield from save_batches([batch])


def _flushes(errands: Sequence[Errand]) -> Script[dict[bytes, Flush]]:
    batches = yield from lock_batches(one.batch_id for one in errands)
    now: int = yield Now()
    return {batch_id: Flush(batch, now) for batch_id, batch in batches.items()}


def _ends(wanted: set[tuple[bytes, int, int]]) -> Script[dict[tuple[bytes, int, int], _Ended]]:
    """Of (batch, index, number of the outcome)."""
    rows: list[Row] = yield Each("read_child_outcomes", sorted({(batch_id, settle) for batch_id, _, settle in wanted}))
    found: dict[tuple[bytes, int, int], _Ended] = {}
    for batch_id, settle, first, lo, hi, picks, state, _, blobs, results, reason in rows:
        values = None if results is None else split_array(results)
        referenced = frozenset(unpack(blobs) if blobs else ())
        for place, offset in enumerate(as_range(lo, hi, picks)):
            if (at := (batch_id, first + offset, settle)) in wanted:
                value = None if values is None else values[place]
                found[at] = _Ended(State(state), value, place in referenced, reason)
    return found
