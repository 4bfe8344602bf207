"""Executions with all that belongs to them, read for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.ids import execution_id
from stook.core.retention import KEEP, is_past
from stook.core.states import TERMINAL, State
from stook.store.script.change import CHANGED_ITEMS
from stook.store.script.read.content import heads_of, read_inputs
from stook.store.script.read.ending import STOPPED, ItemError, read_begun, read_endings, read_errors
from stook.store.script.read.whereabouts import find_whereabouts
from stook.store.script.tags import TAGGED, read_tags
from stook.store.statement import Each, Now

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stook.core.retention import Retention
    from stook.store.script.read.content import Head
    from stook.store.script.read.ending import Ending
    from stook.store.script.read.whereabouts import Whereabouts
    from stook.store.statement import Row, Script

__all__ = ["ItemRow", "read_items"]

_STATES: Final = tuple(State)
"""By number."""


class ItemRow(msgspec.Struct, gc=False, kw_only=True):
    """One execution. `input` and `result` are the exact bytes, or a reference into the blob store where `input_blob`
    or `result_blob` says so. `attempts` are those begun in its current `round`, the one that it is suspended in among
    them; `duration` (microseconds) is the last one's.
    """

    batch_id: bytes
    index: int
    key: str | None
    state: State
    input: bytes
    input_blob: bool
    tags: Sequence[str] = ()
    result: bytes | None = None
    result_blob: bool = False
    error: ItemError | None = None
    attempts: int = 0
    round: int = 1
    duration: int | None = None
    finished_at: int | None = None
    settle: int | None = None
    """Its number in the order of outcomes, once it has ended."""
    pruned: bool = False
    """It is past the time for which its task keeps what has ended: nobody is to see it any more."""

    @property
    def id(self) -> str:
        return execution_id(self.batch_id, self.index)


def read_items(
    batch_id: bytes,
    wanted: Mapping[int, Sequence[int]],
    *,
    keyed: int = 0,
    heads: Mapping[int, Head] | None = None,
    tracebacks: bool = False,
    kept: Retention = KEEP,
) -> Script[list[ItemRow]]:
    """The executions at the `wanted` offsets of each chunk (its first → ascending offsets, some), in that order.

    What nobody needs is not read: outcomes only of what has ended, leases and segments only where something has not,
    failures only of what failed. `keyed` is the batch's: it says whether there are tags, and inputs changed by hand.
    `heads` saves reading these again. Which are `pruned` goes by `kept`, the policy of the batch.
    """
    if heads is None:
        heads = yield from heads_of(batch_id, wanted)
    inputs = yield from read_inputs(batch_id, heads, wanted, edited=bool(keyed & CHANGED_ITEMS))
    tags = (yield from read_tags(batch_id, wanted)) if keyed & TAGGED else {}
    places = yield from find_whereabouts(
        batch_id, {first: _at(heads[first].states, offsets) for first, offsets in wanted.items()}
    )
    rows = {}
    ended: dict[int, list[int]] = {}
    for first, offsets in wanted.items():
        head, begun, ended[first] = heads[first], _begun(places[first]), []
        states = places[first].shown(head.states)
        for offset, content in zip(offsets, inputs[first], strict=True):
            state = _STATES[states[offset]]
            row = rows[first + offset] = ItemRow(
                batch_id=batch_id,
                index=first + offset,
                key=None if head.keys is None else head.keys[offset],
                state=state,
                input=content,
                input_blob=offset in head.blobs,
                tags=tags.get(first, {}).get(offset, ()),
            )
            if state in TERMINAL:
                ended[first].append(offset)
            elif offset in begun:
                row.round, row.attempts = begun[offset]
    asleep = [(batch_id, row.index) for row in rows.values() if row.state is State.suspended]
    waiting: list[Row] = (yield Each("read_suspensions", asleep)) if asleep else []
    for one in waiting:
        rows[one[1]].round, rows[one[1]].attempts = one[3], one[4]
    endings = yield from read_endings(batch_id, ended)
    for ending in endings:
        _end(rows, ending)
    yield from _explain(batch_id, rows.values(), tracebacks=tracebacks)
    if kept != KEEP:
        now: int = yield Now()
        for row in rows.values():
            row.pruned = row.finished_at is not None and is_past(kept, row.state, row.finished_at, now)
    return list(rows.values())


def _at(states: bytes, offsets: Sequence[int]) -> bytes:
    return states if len(offsets) == len(states) else bytes([states[offset] for offset in offsets])


def _begun(places: Whereabouts) -> dict[int, tuple[int, int]]:
    """Offset → (round, attempts begun) of what has not ended."""
    waiting = {offset: (one.round, one.attempt - 1) for one in places.segments for offset in one.offsets}
    return waiting | {offset: (one.round, one.attempt) for one in places.leases for offset in one.offsets}


def _end(rows: Mapping[int, ItemRow], ending: Ending) -> None:
    round_, attempt, finished_at = ending.round, ending.attempt, ending.finished_at
    durations, results, blobs = ending.durations, ending.results, ending.blobs
    for offset, place in zip(ending.offsets, ending.places, strict=True):
        row = rows[ending.first + offset]
        row.settle = ending.settle + place
        row.round, row.attempts, row.finished_at = round_, attempt, finished_at
        if durations is not None:
            row.duration = durations[place]
        if results is not None:
            row.result = results[place]
            row.result_blob = place in blobs


def _explain(batch_id: bytes, rows: Collection[ItemRow], *, tracebacks: bool) -> Script[None]:
    """Why it failed; how often it was tried before it was stopped."""
    failed = {(row.index, row.round): row for row in rows if row.state is State.failed}
    errors = yield from read_errors(batch_id, failed, tracebacks=tracebacks)
    for place, error in errors.items():
        failed[place].error = error
    stopped = {(row.index, row.round): row for row in rows if row.state in STOPPED and not row.attempts}
    begun = yield from read_begun(batch_id, list(stopped))
    for place, attempts in begun.items():
        stopped[place].attempts = attempts
