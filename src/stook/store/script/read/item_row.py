"""Executions with all that belongs to them, read for many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.ids import execution_id
from stook.core.states import TERMINAL, State
from stook.store.script.read.content import heads_of, read_inputs
from stook.store.script.read.ending import ItemError, read_endings
from stook.store.script.read.whereabouts import find_whereabouts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stook.store.script.read.content import Head
    from stook.store.script.read.whereabouts import Whereabouts
    from stook.store.statement import Script

__all__ = ["ItemRow", "read_items"]


class ItemRow(msgspec.Struct, gc=False, kw_only=True):
    """One execution. `input` and `result` are the exact bytes, or a reference into the blob store where `input_blob`
    or `result_blob` says so. `attempts` are those begun in its current `round`; `duration` (microseconds) is the last
    one's.
    """

    batch_id: bytes
    index: int
    key: str | None
    state: State
    input: bytes
    input_blob: bool
    result: bytes | None = None
    result_blob: bool = False
    error: ItemError | None = None
    attempts: int = 0
    round: int = 1
    duration: int | None = None
    finished_at: int | None = None
    settle: int | None = None
    """Its number in the order of outcomes, once it has ended."""

    @property
    def id(self) -> str:
        return execution_id(self.batch_id, self.index)


def read_items(
    batch_id: bytes,
    wanted: Mapping[int, Sequence[int]],
    *,
    heads: Mapping[int, Head] | None = None,
    tracebacks: bool = False,
) -> Script[list[ItemRow]]:
    """The executions at the `wanted` offsets of each chunk (its first → ascending offsets, some), in that order.

    What nobody needs is not read: outcomes only of what has ended, leases and segments only where something has not,
    failures only of what failed. `heads` saves reading these again.
    """
    if heads is None:
        heads = yield from heads_of(batch_id, wanted)
    inputs = yield from read_inputs(batch_id, heads, wanted)
    places = yield from find_whereabouts(
        batch_id, {first: _at(heads[first].states, offsets) for first, offsets in wanted.items()}
    )
    states = {first: places[first].shown(heads[first].states) for first in wanted}
    endings = yield from read_endings(
        batch_id,
        {first: [one for one in offsets if states[first][one] in TERMINAL] for first, offsets in wanted.items()},
        tracebacks=tracebacks,
    )
    rows = []
    for first, offsets in wanted.items():
        head, shown = heads[first], states[first]
        begun = _begun(places[first])
        for offset, content in zip(offsets, inputs[first], strict=True):
            row = ItemRow(
                batch_id=batch_id,
                index=first + offset,
                key=None if head.keys is None else head.keys[offset],
                state=State(shown[offset]),
                input=content,
                input_blob=offset in head.blobs,
            )
            ending = endings.get(first + offset)
            if ending is not None:
                row.result, row.result_blob, row.error = ending.result, ending.blob, ending.error
                row.attempts, row.round, row.duration = ending.attempt, ending.round, ending.duration
                row.finished_at, row.settle = ending.finished_at, ending.settle
            elif offset in begun:
                row.round, row.attempts = begun[offset]
            rows.append(row)
    return rows


def _at(states: bytes, offsets: Sequence[int]) -> bytes:
    return states if len(offsets) == len(states) else bytes([states[offset] for offset in offsets])


def _begun(places: Whereabouts) -> dict[int, tuple[int, int]]:
    """Offset → (round, attempts begun) of what has not ended."""
    waiting = {offset: (one.round, one.attempt - 1) for one in places.segments for offset in one.offsets}
    return waiting | {offset: (one.round, one.attempt) for one in places.leases for offset in one.offsets}
