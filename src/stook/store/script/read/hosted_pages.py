"""Pages of a project's hosted executions: how far one reaches into the past costs batches, not their items."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from stook.core.ids import execution_id
from stook.core.states import TERMINAL, State
from stook.store.script.read.hosted_batches import HostedFilter, HostedRow, hosted_rows, read_hosted_row
from stook.store.script.read.hosted_items import HostedItem, hosted_extras, hosted_items
from stook.store.script.read.whereabouts import find_whereabouts
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.read.whereabouts import Whereabouts
    from stook.store.statement import Row, Script

__all__ = [
    "HostedOutline",
    "HostedPage",
    "Place",
    "count_hosted",
    "hosted_items_from",
    "hosted_outlines",
    "hosted_page",
    "show_hosted",
]

_CHUNKS: Final = 64
"""Whose states are looked through at a time."""
_ALL: Final = frozenset(State) - {State.cancelling}
_BITE: Final = 500
Place = tuple[bytes, int]


class HostedPage(NamedTuple):
    items: list[HostedItem]
    more: bool


class HostedOutline(msgspec.Struct, gc=False):
    of: HostedRow
    index: int
    state: State
    external_id: str | None

    @property
    def id(self) -> str:
        return execution_id(self.of.batch_id, self.index)

    @property
    def created_at(self) -> int:
        return self.of.created_at


class _Chosen(msgspec.Struct):
    """What a look through a batch has found: how many it passed over, and what came behind them."""

    passed: int = 0
    indexes: list[int] = msgspec.field(default_factory=list)


def hosted_page(project: str, by: HostedFilter, *, newest: bool, offset: int, limit: int) -> Script[HostedPage]:
    """In the order of their ids, behind the first `offset` of them."""
    chosen, behind, left = [], None, limit + 1
    while left:
        rows, behind = yield from hosted_rows(project, by, newest=newest, behind=behind, bite=_bite(by, offset + left))
        for row in rows:
            count = _counted(row, by)
            if count is not None and count <= offset:
                offset -= count
                continue
            found = yield from _choose(row, by, newest=newest, skip=offset, most=left)
            offset -= found.passed
            left -= len(found.indexes)
            chosen.append((row, found.indexes))
            if not left:
                break
        if behind is None:
            break
    if not left:
        chosen[-1][1].pop()
    items = yield from hosted_items([one for one in chosen if one[1]])
    return HostedPage(items, more=not left)


def count_hosted(project: str, by: HostedFilter, most: int | None = None) -> Script[int]:
    """Nobody looks further than to `most`."""
    total, behind, more = 0, None, True
    while more and (most is None or total < most):
        bite = _BITE if most is None else _bite(by, most - total)
        rows, behind = yield from hosted_rows(project, by, newest=True, behind=behind, bite=bite)
        for row in rows:
            count = _counted(row, by)
            if count is None:
                found = yield from _choose(row, by, newest=True, skip=sys.maxsize, most=1)
                count = found.passed
            total += count
        more = behind is not None
    return total if most is None else min(total, most)


def hosted_outlines(
    project: str, by: HostedFilter, *, newest: bool, behind: Place | None, limit: int
) -> Script[tuple[list[HostedOutline], Place | None]]:
    """The next ones, and where to go on; None: these were the last. Neither payloads nor results are read."""
    found: list[HostedOutline] = []
    last = behind[0] if behind is not None else None
    if behind is not None:
        inside = msgspec.structs.replace(by, batch_id=behind[0])
        rows, _ = yield from hosted_rows(project, inside, newest=newest, behind=None)
        for row in rows:
            found += yield from _outlined(row, by, newest=newest, behind=behind[1], limit=limit)
    while len(found) < limit and (by.batch_id is None or behind is None):
        bite = _bite(by, limit - len(found))
        rows, last = yield from hosted_rows(project, by, newest=newest, behind=last, bite=bite)
        for row in rows:
            if len(found) < limit:
                found += yield from _outlined(row, by, newest=newest, behind=None, limit=limit - len(found))
        if last is None:
            break
    return found, (found[-1].of.batch_id, found[-1].index) if len(found) == limit else None


def _bite(by: HostedFilter, wanted: int) -> int:
    """Each has an execution, where all count."""
    every = (by.begun, by.query, by.since, by.until) == (None,) * 4 and (by.states is None or by.states <= TERMINAL)
    return min(_BITE, wanted) if every else _BITE


def _counted(row: HostedRow, by: HostedFilter) -> int | None:
    within = row.within(by) or range(0)
    if len(within) == row.total:
        return row.count(by)
    return len(within) if by.states is None and by.begun is None else None


def _choose(row: HostedRow, by: HostedFilter, *, newest: bool, skip: int, most: int, begin: int = 0) -> Script[_Chosen]:
    within = row.within(by) or range(0)
    within = range(max(within.start, begin), within.stop)
    if by.states is None and by.begun is None:
        ordered = within[::-1] if newest else within
        return _Chosen(min(skip, len(ordered)), list(ordered[skip : skip + most]))
    others = bytes(sorted(_ALL - _wanted(by)))
    chosen = _Chosen()
    at = within.stop if newest else within.start
    while len(chosen.indexes) < most and (at > within.start if newest else at < within.stop):
        rows: list[Row]
        rows = yield All("read_states_before" if newest else "read_states_from", (row.batch_id, at, _CHUNKS))
        places = yield from find_whereabouts(row.batch_id, {row[0]: row[1] for row in rows}, gapless=True)
        for first, states in rows:
            shown = places[first].shown(states)
            at = first if newest else first + len(states)
            if not shown.strip(others):
                continue
            fits = _fitting(shown, by, places[first])
            indexes = [first + one for one in fits if first + one in within]
            passed = min(skip - chosen.passed, len(indexes))
            chosen.passed += passed
            ordered_here = indexes[::-1] if newest else indexes
            chosen.indexes += ordered_here[passed : passed + most - len(chosen.indexes)]
            if len(chosen.indexes) == most:
                break
    return chosen


def _wanted(by: HostedFilter) -> frozenset[State]:
    return _ALL if by.states is None else by.states


def _fitting(shown: bytes, by: HostedFilter, places: Whereabouts) -> Sequence[int]:
    fits = [offset for offset, byte in enumerate(shown) if byte in _wanted(by)]
    if by.begun is None:
        return fits
    again = {offset for segment in places.segments if segment.again for offset in segment.offsets}
    under_way = bytes([State.running, State.suspended])
    return [one for one in fits if shown[one] in TERMINAL or (shown[one] in under_way or one in again) == by.begun]


def _outlined(
    row: HostedRow, by: HostedFilter, *, newest: bool, behind: int | None, limit: int
) -> Script[list[HostedOutline]]:
    skip = 0
    if behind is not None:
        within = row.within(by) or range(0)
        passed = (
            range(max(behind, within.start), within.stop)
            if newest
            else range(within.start, min(behind + 1, within.stop))
        )
        skip = len(passed)
    chosen = yield from _choose(row, by, newest=newest, skip=skip, most=limit)
    if not chosen.indexes:
        return []
    found: list[Row] = yield Each("find_chunk", [(row.batch_id, index) for index in chosen.indexes])
    wanted: dict[int, list[int]] = {}
    for index, first, _ in sorted(found, key=lambda one: one[0]):
        wanted.setdefault(first, []).append(index - first)
    stored: list[Row] = yield Each("read_state", [(row.batch_id, first) for first in wanted])
    states = {first: content for _, first, content in stored}
    places = yield from find_whereabouts(row.batch_id, states)
    shown = {first: places[first].shown(content) for first, content in states.items()}
    extras = yield from hosted_extras(row.batch_id, wanted)
    first_of = {first + offset: first for first, offsets in wanted.items() for offset in offsets}
    outlines = []
    for index in chosen.indexes:
        own = extras.get(index)
        state = State(shown[first_of[index]][index - first_of[index]])
        outlines.append(HostedOutline(row, index, state, None if own is None else own.external_id))
    return outlines


def show_hosted(project: str, place: Place) -> Script[HostedItem | None]:
    """With its failure's traceback."""
    row = yield from read_hosted_row(place[0])
    if row is None or row.project != project or not 0 <= place[1] < row.total:
        return None
    found = yield from hosted_items([(row, [place[1]])], tracebacks=True)
    return found[0] if found else None


def hosted_items_from(
    of: HostedRow, at: int, states: frozenset[State] | None, limit: int
) -> Script[tuple[list[HostedItem], int | None]]:
    """The next items of a batch from index `at` on, in order, and where to go on; None: these were the last."""
    by = HostedFilter(dialect=of.dialect, states=states)
    row = yield from read_hosted_row(of.batch_id)
    if row is None:
        return [], None
    chosen = yield from _choose(row, by, newest=False, skip=0, most=limit, begin=at)
    if not chosen.indexes:
        return [], None
    items = yield from hosted_items([(row, chosen.indexes)])
    return items, chosen.indexes[-1] + 1 if len(chosen.indexes) == limit else None
