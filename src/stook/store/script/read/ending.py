"""How executions ended: their last outcomes with the results, and the failures behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.payload import split_array
from stook.core.picks import as_range, unpack, unpack_durations
from stook.core.states import State
from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stook.store.statement import Row, Script

__all__ = ["STOPPED", "Ending", "ItemError", "read_begun", "read_endings", "read_errors"]

STOPPED: Final = frozenset({State.cancelled, State.expired})
"""Ends that may come before, or between, attempts."""
_SPAN: Final = 512


class ItemError(msgspec.Struct, gc=False):
    """The failure that ended an execution. `traceback` is empty where it was not asked for."""

    code: str
    type: str
    message: str
    fingerprint: str
    traceback: str


class Ending(msgspec.Struct, gc=False):
    """One outcome, for those of its executions that were asked for and have not ended again since: offset
    `offsets[n]` of the chunk is its item number `places[n]`, which `durations`, `results` and `blobs` go by."""

    first: int
    settle: int
    state: State
    round: int
    attempt: int
    finished_at: int
    offsets: list[int]
    places: list[int]
    durations: Sequence[int] | None
    results: list[bytes] | None = None
    blobs: frozenset[int] = frozenset()


def read_endings(batch_id: bytes, ended: Mapping[int, Sequence[int]]) -> Script[list[Ending]]:
    """The last outcomes of the `ended` offsets of each chunk. Results are read only of outcomes that hold one."""
    spans = [(batch_id, first, offsets[0], offsets[-1] + 1) for first, offsets in ended.items() if offsets]
    if not spans:
        return []
    rows: list[Row] = yield Each("read_chunk_outcomes", spans)
    left = {first: set(offsets) for first, offsets in ended.items()}
    endings = []
    for row in sorted(rows, key=lambda row: row[1], reverse=True):
        _, settle, first, lo, hi, picks, state, round_, attempt, finished_at, durations = row
        wanted = left[first]
        pairs = [(offset, place) for place, offset in enumerate(as_range(lo, hi, picks)) if offset in wanted]
        if pairs:
            offsets, places = map(list, zip(*pairs, strict=True))
            wanted.difference_update(offsets)
            spent = None if durations is None else unpack_durations(durations)
            endings.append(Ending(first, settle, State(state), round_, attempt, finished_at, offsets, places, spent))
    yield from _add_results(batch_id, [one for one in endings if one.state is State.succeeded])
    return endings


def _add_results(batch_id: bytes, endings: Sequence[Ending]) -> Script[None]:
    if endings:
        rows: list[Row] = yield Each("read_results", [(batch_id, one.settle) for one in endings])
        of_settle = {one.settle: one for one in endings}
        for _, settle, blobs, results in rows:
            of_settle[settle].results = split_array(results)
            of_settle[settle].blobs = frozenset(unpack(blobs) if blobs else ())


def read_errors(
    batch_id: bytes, failed: Iterable[tuple[int, int]], *, tracebacks: bool = False
) -> Script[dict[tuple[int, int], ItemError]]:
    """By (index, round) of executions that failed in that round."""
    keys = [(batch_id, index, round_, int(tracebacks)) for index, round_ in failed]
    if not keys:
        return {}
    rows: list[Row] = yield Each("read_errors", keys)
    return {(index, round_): ItemError(*error) for _, index, round_, *error in rows}


def read_begun(batch_id: bytes, stopped: Sequence[tuple[int, int]]) -> Script[dict[tuple[int, int], int]]:
    """By (index, round) of executions stopped while they waited for another attempt: how many they had begun. What had
    begun none since it was last taken up is left out."""
    if not stopped:
        return {}
    indexes = sorted(index for index, _ in stopped)
    spans = [(batch_id, at, min(at + _SPAN, indexes[-1] + 1)) for at in sorted({one - one % _SPAN for one in indexes})]
    rows: list[Row] = yield Each("read_failed_attempts", spans)
    failed: dict[int, list[tuple[int, int, int, int]]] = {}
    for index, round_, attempt, loss, final in rows:
        failed.setdefault(index, []).append((round_, attempt, loss, final))
    begun = {}
    for index, round_ in stopped:
        _, attempt, loss, final = max((one for one in failed.get(index, ()) if one[0] <= round_), default=(0, 0, 0, 1))
        if not final:
            begun[index, round_] = attempt - (loss > 0)
    return begun
