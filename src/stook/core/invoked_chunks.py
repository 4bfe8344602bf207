"""Items of an invocation as chunks: placed in the queue as they asked to be, in their order where they asked alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.chunk import MAX_BYTES, MAX_ITEMS, Placing, make_chunk
from stook.core.extras import ItemExtras
from stook.core.laid_out import laid_out
from stook.core.picks import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.chunk import Chunk
    from stook.core.invocation import NewItem

__all__ = ["chunks_of"]


def chunks_of(items: Sequence[NewItem], now: int) -> list[Chunk]:
    """`now` in microseconds: what their delays count from."""
    made, lo = [], 0
    while lo < len(items):
        hi, size = lo, 0
        while hi < len(items) and hi - lo < MAX_ITEMS and (hi == lo or size + len(items[hi].payload) <= MAX_BYTES):
            size += len(items[hi].payload)
            hi += 1
        made.append(_chunk(items[lo:hi], now))
        lo = hi
    return made


def _chunk(items: Sequence[NewItem], now: int) -> Chunk:
    if all(_is_bare(item) for item in items):
        return make_chunk([item.payload for item in items])
    extras: dict[int, ItemExtras] = {}
    for offset, item in enumerate(items):
        due, own = item.due(now), item.extras
        if due is not None:
            own = msgspec.structs.replace(own or ItemExtras(), run_at=due)
        if own is not None:
            extras[offset] = own
    placings = _placings(items, now)
    if any(item.lane or item.cost for item in items):
        placings = laid_out([(item.lane, item.cost) for item in items], placings)
    blobs = [offset for offset, item in enumerate(items) if item.blob]
    return make_chunk(
        [item.payload for item in items],
        blobs=pack(blobs) if blobs else None,
        tags=[item.tags for item in items] if any(item.tags for item in items) else None,
        extras=extras,
        placings=placings,
    )


def _is_bare(item: NewItem) -> bool:
    """Only a payload is given, or what says nothing about a chunk."""
    return not (
        item.run_at is not None
        or item.delay is not None
        or item.expires_in is not None
        or item.debounce is not None
        or item.extras is not None
        or item.priority
        or item.tags
        or item.blob
        or item.lane
        or item.cost
    )


def _placings(items: Sequence[NewItem], now: int) -> list[Placing]:
    """Where only their expiry differs, another begins: those of one priority stay in line."""
    found: list[Placing] = []
    last: dict[tuple[int, int | None], tuple[int | None, list[int]]] = {}
    for offset, item in enumerate(items):
        key, ends = (item.priority, item.due(now)), item.expires(now)
        run = last.get(key)
        if run is None or run[0] != ends:
            run = last[key] = (ends, [])
            found.append(Placing(run[1], *key, ends))
        run[1].append(offset)
    return found
