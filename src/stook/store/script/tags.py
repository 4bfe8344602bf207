"""Tags of items, by chunk: which offsets bear one. A batch without tags has no row here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.picks import pack, unpack
from stook.store.script.read.storable import storable
from stook.store.statement import All, Each, Many

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.store.statement import Row, Script

__all__ = ["TAGGED", "add_tags", "read_tags", "tagged"]

TAGGED: Final = 8
"""Bit of `batch.keyed`: some of its items have tags."""


def add_tags(batch_id: bytes, chunks: Iterable[tuple[int, Sequence[Sequence[str]]]]) -> Script[bool]:
    """(first of the chunk, tags of each of its items). Whether there were any."""
    rows: list[tuple[object, ...]] = []
    for first, tags in chunks:
        bearing: dict[str, list[int]] = {}
        for offset, given in enumerate(tags):
            for tag in dict.fromkeys(given):
                bearing.setdefault(tag, []).append(offset)
        rows.extend((batch_id, tag, first, pack(offsets)) for tag, offsets in bearing.items())
    if rows:
        yield Many("insert_chunk_tag", rows)
    return bool(rows)


def tagged(batch_id: bytes, tag: str) -> Script[dict[int, frozenset[int]]]:
    """First of the chunk → offsets of those that bear the tag, in the order of the chunks."""
    rows: list[Row] = (yield All("read_tag", (batch_id, tag))) if storable(tag) else []
    return {first: frozenset(unpack(picks)) for first, picks in rows}


def read_tags(batch_id: bytes, firsts: Iterable[int]) -> Script[dict[int, dict[int, list[str]]]]:
    """First of the chunk → offset → its tags, by name."""
    rows: list[Row] = yield Each("read_chunk_tags", [(batch_id, first) for first in sorted(firsts)])
    found: dict[int, dict[int, list[str]]] = {}
    for first, tag, picks in sorted(rows, key=lambda row: (row[0], row[1])):
        for offset in unpack(picks):
            found.setdefault(first, {}).setdefault(offset, []).append(tag)
    return found
