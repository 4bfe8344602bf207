"""Pages of a batch's executions: by state, failure group, caller's key or range of indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import OptionError
from stook.core.states import State
from stook.store.script.batch_row import read_batch
from stook.store.script.read.item_row import ItemRow, read_items
from stook.store.script.read.limit import check_limit
from stook.store.script.read.narrowed import Narrow, narrowed
from stook.store.script.read.state_map import shown_states
from stook.store.script.read.storable import storable
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stook.store.statement import Row, Script

__all__ = ["ExecutionPage", "by_state", "executions", "failures", "find_key", "of_these"]

_BITE: Final = 64
"""Chunks whose states are looked through at a time."""
_ALL: Final = frozenset(State) - {State.cancelling}


class ExecutionPage(msgspec.Struct):
    rows: list[ItemRow]
    after: int | None
    """Where the next page begins; None: this was the last."""


def executions(
    batch_id: bytes,
    *,
    states: Collection[State] = _ALL,
    group: str | None = None,
    key: str | None = None,
    tag: str | None = None,
    code: str | None = None,
    error_type: str | None = None,
    indexes: range | None = None,
    after: int = 0,
    limit: int = 100,
    tracebacks: bool = False,
) -> Script[ExecutionPage]:
    """In input order, behind the first `after` items of the batch. `group` is a failure group's fingerprint: executions
    that failed so, last; `code` and `error_type` are of such groups. Filters are joined by and. What is kept no longer
    is left out. `OptionError` where there could never be an answer."""
    batch = yield from read_batch(batch_id)
    check_limit(limit)
    if State.cancelling in states:
        raise OptionError("no execution is shown as cancelling", hint="what is being cancelled runs until it ends")
    if indexes is not None and indexes.step != 1:
        raise OptionError(f"indexes={indexes!r} leaves gaps", hint="give a range of step 1")
    begin, end = max(after, 0), batch.total
    if indexes is not None:
        begin, end = max(begin, indexes.start), min(end, indexes.stop)
    if key is not None:
        index = yield from find_key(batch_id, key)
        begin, end = (max(begin, index), min(end, index + 1)) if index is not None else (0, 0)
    wanted, within = frozenset(states), range(begin, end)
    found: list[tuple[int, int]] = []
    if tag is not None or code is not None or error_type is not None:
        by = Narrow(group=group, tag=tag, code=code, type=error_type)
        chosen = yield from narrowed(batch_id, batch.total, by)
        failed = wanted if by.tag is not None and (group, code, error_type) == (None,) * 3 else wanted & {State.failed}
        found = yield from of_these(batch_id, failed, sorted(one for one in chosen or () if one in within), limit + 1)
    elif group is None:
        found = yield from by_state(batch_id, wanted, within, limit + 1)
    elif State.failed in wanted:
        found = yield from _by_group(batch_id, group, within, limit + 1)
    chunks: dict[int, list[int]] = {}
    for first, index in found[:limit]:
        chunks.setdefault(first, []).append(index - first)
    kept = batch.task_policy.retention
    rows = yield from read_items(batch_id, chunks, keyed=batch.keyed, tracebacks=tracebacks, kept=kept)
    rows = [row for row in rows if not row.pruned]
    return ExecutionPage(rows, found[limit][1] if len(found) > limit else None)


def failures(batch_id: bytes, group: str | None = None, *, after: int = 0, limit: int = 100) -> Script[ExecutionPage]:
    """Executions that have failed, all or those of one group, with tracebacks."""
    return executions(batch_id, states={State.failed}, group=group, after=after, limit=limit, tracebacks=True)


def find_key(batch_id: bytes, key: str) -> Script[int | None]:
    """The index of the execution submitted under the caller's key."""
    if not storable(key):
        return None
    rows: list[Row] = yield Each("find_item_key", [(batch_id, key)])
    return rows[0][1] if rows else None


def by_state(batch_id: bytes, wanted: frozenset[State], within: range, most: int) -> Script[list[tuple[int, int]]]:
    """(first of its chunk, index) of up to `most` executions."""
    others = bytes(sorted(_ALL - wanted))
    found: list[tuple[int, int]] = []
    at = within.start
    while at < within.stop and len(found) < most:
        chunks = yield from shown_states(batch_id, at, _BITE)
        for first, states in chunks:
            if states.strip(others):
                indexes = range(max(at, first), min(within.stop, first + len(states)))
                found.extend((first, index) for index in indexes if states[index - first] in wanted)
            if len(found) >= most:
                break
        at = chunks[-1][0] + len(chunks[-1][1])
    return found[:most]


def of_these(
    batch_id: bytes, wanted: frozenset[State], indexes: Sequence[int], most: int
) -> Script[list[tuple[int, int]]]:
    """As `by_state`, of these alone, which are there."""
    others = bytes(sorted(_ALL - wanted))
    found: list[tuple[int, int]] = []
    place = 0
    while place < len(indexes) and len(found) < most:
        chunks = yield from shown_states(batch_id, indexes[place], _BITE)
        for first, states in chunks:
            while place < len(indexes) and indexes[place] < first + len(states):
                if states[indexes[place] - first] not in others:
                    found.append((first, indexes[place]))
                place += 1
    return found[:most]


def _by_group(batch_id: bytes, group: str, within: range, most: int) -> Script[list[tuple[int, int]]]:
    """As `by_state`, of those whose last final failure is of the group."""
    if not storable(group):
        return []
    found: list[tuple[int, int]] = []
    at = within.start
    while at < within.stop and len(found) < most:
        rows: list[Row] = yield All("read_group_items", (batch_id, group, at, within.stop, most))
        indexes = [index for (index,) in rows]
        found.extend((yield from _still_failed(batch_id, indexes)))
        if len(indexes) < most:
            break
        at = indexes[-1] + 1
    return found[:most]


def _still_failed(batch_id: bytes, indexes: Sequence[int]) -> Script[list[tuple[int, int]]]:
    chunks: list[Row] = yield Each("find_chunk", [(batch_id, index) for index in indexes])
    first_of = {index: first for index, first, _ in chunks}
    rows: list[Row] = yield Each("read_state", [(batch_id, first) for first in sorted(set(first_of.values()))])
    states = {first: content for _, first, content in rows}
    return [
        (first_of[index], index)
        for index in indexes
        if states[first_of[index]][index - first_of[index]] == State.failed
    ]
