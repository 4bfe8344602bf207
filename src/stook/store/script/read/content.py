"""What was submitted: keys and payloads of chosen items, one statement for all chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from stook.core.chunk import starts_of
from stook.core.picks import unpack
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stook.store.statement import Row, Script

__all__ = ["Head", "heads_from", "heads_of", "read_inputs"]

_decode_keys = msgspec.json.Decoder(list[str]).decode


class Head(msgspec.Struct, gc=False):
    """A chunk without its payloads. `states` are as stored."""

    first: int
    count: int
    starts: Sequence[int]
    keys: list[str] | None
    blobs: frozenset[int]
    states: bytes


def _head(row: Row) -> Head:
    first, count, starts, keys, blobs, states = row
    referenced = frozenset(unpack(blobs) if blobs else ())
    return Head(first, count, starts_of(starts), None if keys is None else _decode_keys(keys), referenced, states)


def heads_from(batch_id: bytes, index: int, limit: int) -> Script[list[Head]]:
    """The chunk that holds item `index`, which is there, and those behind it, in order."""
    rows: list[Row] = yield All("read_heads_from", (batch_id, index, limit))
    return [_head(row) for row in rows]


def heads_of(batch_id: bytes, firsts: Iterable[int]) -> Script[dict[int, Head]]:
    rows: list[Row] = yield Each("read_heads", [(batch_id, first) for first in sorted(firsts)])
    return {row[1]: _head(row[1:]) for row in rows}


def read_inputs(
    batch_id: bytes, heads: Mapping[int, Head], wanted: Mapping[int, Sequence[int]], *, edited: bool = False
) -> Script[dict[int, list[bytes]]]:
    """Payloads of the `wanted` offsets (ascending) of each chunk, in their order. Of a chunk only the span from the
    first to the last of them is read. As submitted; with `edited` as they were changed since, which the heads' `blobs`
    then follow."""
    spans = []
    for first, offsets in wanted.items():
        starts = heads[first].starts
        begin = starts[offsets[0]]
        spans.append((batch_id, first, begin + 1, starts[offsets[-1] + 1] - 1 - begin))
    rows: list[Row] = yield Each("read_payloads", spans)
    found = {}
    for _, first, span in rows:
        starts, offsets = heads[first].starts, wanted[first]
        base = starts[offsets[0]]
        found[first] = [span[starts[offset] - base : starts[offset + 1] - 1 - base] for offset in offsets]
    if edited:
        yield from _overlay(batch_id, heads, wanted, found)
    return found


def _overlay(
    batch_id: bytes,
    heads: Mapping[int, Head],
    wanted: Mapping[int, Sequence[int]],
    found: Mapping[int, list[bytes]],
) -> Script[None]:
    spans = [(batch_id, first + offsets[0], first + offsets[-1] + 1) for first, offsets in wanted.items()]
    rows: list[Row] = yield Each("read_item_inputs", spans)
    latest = {row[0]: row for row in sorted(rows, key=lambda row: row[1])}
    if not latest:
        return
    for first, offsets in wanted.items():
        head = heads[first]
        for place, offset in enumerate(offsets):
            change = latest.get(first + offset)
            if change is not None:
                found[first][place] = change[2]
                head.blobs = head.blobs | {offset} if change[3] else head.blobs - {offset}
