"""Where items of a batch belong in the queue, kept for those that are taken up again after they left it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.picks import pack
from stook.store.script.segment_row import offsets_of
from stook.store.statement import Each, Many, Notify

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stook.core.chunk import Chunk
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["LANED", "add_lanes", "by_lane", "change_lanes", "lanes_of"]

LANED: Final = 64
"""Bit of `batch.keyed`: there are rows in chunk_lane."""
Lane = tuple[str, str | None]
"""(lane, cost) as in `core.chunk.Placing`."""
NO_LANE: Final[Lane] = ("", None)
_decode = msgspec.json.Decoder(list[tuple[str, str | None, list[int]]]).decode


def add_lanes(batch: BatchRow, chunks: Iterable[tuple[int, Chunk]]) -> Script[None]:
    """Of (first, chunk) that are new. The caller saves the batch."""
    rows = []
    for first, chunk in chunks:
        lanes = [(one.lane, one.cost, list(one.offsets)) for one in chunk.placings or () if one.lane or one.cost]
        if lanes:
            rows.append((batch.id, first, msgspec.json.encode(lanes).decode()))
    if rows:
        batch.keyed |= LANED
        yield Many("insert_chunk_lane", rows)


def lanes_of(batch: BatchRow, firsts: Sequence[int]) -> Script[dict[int, dict[int, Lane]]]:
    """By chunk, the lane of each of its items that has one."""
    if not batch.keyed & LANED or not firsts:
        return {}
    rows: list[Row] = yield Each("read_chunk_lanes", [(batch.id, first) for first in firsts])
    return {
        first: {offset: (lane, cost) for lane, cost, offsets in _decode(text) for offset in offsets}
        for first, text in rows
    }


def by_lane(offsets: Sequence[int], lanes: Mapping[int, Lane] | None) -> dict[Lane, Sequence[int]]:
    """The offsets apart, in order."""
    if not lanes:
        return {NO_LANE: offsets}
    found: dict[Lane, list[int]] = {}
    for offset in offsets:
        found.setdefault(lanes.get(offset, NO_LANE), []).append(offset)
    return dict(found)


def change_lanes(batch: BatchRow, places: Mapping[int, Lane]) -> Script[None]:
    """By index, the lanes of items that get new payloads. The caller saves the batch, and holds the segments of those
    that wait."""
    if not places:
        return
    found: list[Row] = yield Each("find_chunk", [(batch.id, index) for index in sorted(places)])
    first_of: dict[int, int] = {row[0]: row[1] for row in found}
    firsts = sorted(set(first_of.values()))
    before = yield from lanes_of(batch, firsts)
    for index, lane in places.items():
        before.setdefault(first_of[index], {})[index - first_of[index]] = lane
    batch.keyed |= LANED
    yield Many("insert_chunk_lane", [(batch.id, first, _text(before[first])) for first in firsts])
    segments: list[Row] = yield Each("lock_chunk_segments", [(batch.id, first) for first in firsts])
    copies, used_up, cut = [], [], []
    for segment_id, first, pos, stop, picks, *_ in segments:
        offsets = offsets_of(pos, stop, picks)
        moved = [offset for offset in offsets if first + offset in places]
        left = [offset for offset in offsets if first + offset not in places]
        copies += [(segment_id, offset, *places[first + offset]) for offset in moved]
        if moved and left:
            cut.append((segment_id, len(left), pack(left)))
        elif moved:
            used_up.append((segment_id,))
    if copies:
        yield Many("copy_segment", copies)
        yield Many("cut_segment", cut)
        yield Many("delete_segment", used_up)
        yield Notify((f"task:{batch.task}",))


def _text(lanes: Mapping[int, Lane]) -> str:
    return msgspec.json.encode([(*lane, offsets) for lane, offsets in by_lane(sorted(lanes), lanes).items()]).decode()
