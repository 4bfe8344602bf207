"""How executions ended: their last outcome, its result or its failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.payload import split_array
from stook.core.picks import as_range, unpack, unpack_durations
from stook.core.states import State
from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
    settle: int
    state: State
    round: int
    attempt: int
    finished_at: int
    duration: int | None
    result: bytes | None = None
    blob: bool = False
    error: ItemError | None = None


class _Outcome(msgspec.Struct, gc=False):
    """Columns of `read_chunk_outcomes.sql`."""

    settle: int
    first: int
    lo: int
    hi: int
    picks: bytes | None
    state: int
    round: int
    attempt: int
    finished_at: int
    durations: bytes | None


def read_endings(
    batch_id: bytes, ended: Mapping[int, Sequence[int]], *, tracebacks: bool = False
) -> Script[dict[int, Ending]]:
    """By index, the last outcome of each of the `ended` offsets of chunks. Results are read of the outcomes that hold
    one of them, and of no others."""
    spans = [(batch_id, first, offsets[0], offsets[-1] + 1) for first, offsets in ended.items() if offsets]
    if not spans:
        return {}
    rows: list[Row] = yield Each("read_chunk_outcomes", spans)
    last: dict[int, tuple[_Outcome, int]] = {}
    wanted = {first: frozenset(offsets) for first, offsets in ended.items()}
    for one in sorted((_Outcome(*row) for row in rows), key=lambda outcome: outcome.settle):
        some = wanted[one.first]
        for place, offset in enumerate(as_range(one.lo, one.hi, one.picks)):
            if offset in some:
                last[one.first + offset] = one, place
    used = {one.settle: one for one, _ in last.values()}
    spent = {settle: unpack_durations(one.durations) for settle, one in used.items() if one.durations}
    results = yield from _results(batch_id, [settle for settle, one in used.items() if one.state == State.succeeded])
    errors = yield from read_errors(
        batch_id,
        [(index, one.round) for index, (one, _) in last.items() if one.state == State.failed],
        tracebacks=tracebacks,
    )
    begun = yield from read_begun(
        batch_id, [(index, one.round) for index, (one, _) in last.items() if one.state in STOPPED and not one.attempt]
    )
    endings = {}
    for index, (one, place) in last.items():
        durations, result = spent.get(one.settle), results.get(one.settle)
        endings[index] = Ending(
            one.settle + place,
            State(one.state),
            one.round,
            begun.get((index, one.round), one.attempt),
            one.finished_at,
            None if durations is None else durations[place],
            None if result is None else result[0][place],
            result is not None and place in result[1],
            errors.get((index, one.round)) if one.state == State.failed else None,
        )
    return endings


def _results(batch_id: bytes, settles: Sequence[int]) -> Script[dict[int, tuple[list[bytes], frozenset[int]]]]:
    """By settle number: results, and the places of those that are references."""
    if not settles:
        return {}
    rows: list[Row] = yield Each("read_results", [(batch_id, settle) for settle in settles])
    return {
        settle: (split_array(results), frozenset(unpack(blobs) if blobs else ())) for settle, blobs, results in rows
    }


def read_errors(
    batch_id: bytes, failed: Iterable[tuple[int, int]], *, tracebacks: bool = False
) -> Script[dict[tuple[int, int], ItemError]]:
    """By (index, round) of executions that failed in that round."""
    keys = [(batch_id, index, round_, int(tracebacks)) for index, round_ in failed]
    if not keys:
        return {}
    rows: list[Row] = yield Each("read_errors", keys)
    return {(index, round_): ItemError(*error) for index, round_, *error in rows}


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
