"""Chunks: consecutive items of a batch in one row, byte-exact, with a table of where each begins."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from stook.core.extras import ItemExtras

__all__ = [
    "MAX_BYTES",
    "MAX_ITEMS",
    "Chunk",
    "Placing",
    "item_at",
    "kept_placings",
    "make_chunk",
    "slice_of",
    "starts_of",
]

MAX_ITEMS: Final = 512
MAX_BYTES: Final = 256 * 1024


class Placing(msgspec.Struct, frozen=True):
    """Items of a chunk that go to the queue alike, apart from its others. What is None is as the submission says."""

    offsets: Sequence[int]
    priority: int | None = None
    run_at: int | None = None
    """Microseconds."""
    expires_at: int | None = None
    lane: str = ""
    cost: str | None = None


class Chunk(msgspec.Struct, gc=False):
    """`payloads` is a JSON array of the items; `starts` holds count + 1 places in it: item i lies from starts[i] to
    starts[i + 1] - 1. `blobs` are offsets whose item is a reference into the blob store. `first` is given on append.
    `digests` stand for what was sent (`item_digests`), where it is to be compared with what is sent again."""

    count: int
    payloads: bytes
    starts: bytes
    keys: list[str] | None = None
    blobs: bytes | None = None
    dedupe: list[str | None] | None = None
    tags: list[Sequence[str]] | None = None
    digests: bytes | None = None
    extras: Mapping[int, ItemExtras] | None = None
    placings: Sequence[Placing] | None = None
    """None: all of them as the submission says."""


def make_chunk(
    items: Sequence[bytes],
    *,
    keys: list[str] | None = None,
    blobs: bytes | None = None,
    dedupe: list[str | None] | None = None,
    tags: list[Sequence[str]] | None = None,
    digests: bytes | None = None,
    extras: Mapping[int, ItemExtras] | None = None,
    placings: Sequence[Placing] | None = None,
) -> Chunk:
    at, starts = 1, array("I", bytes(4 * (len(items) + 1)))
    for number, item in enumerate(items):
        starts[number] = at
        at += len(item) + 1
    starts[-1] = at
    if sys.byteorder == "big":
        starts.byteswap()
    payloads = b"[" + b",".join(items) + b"]"
    return Chunk(len(items), payloads, starts.tobytes(), keys, blobs, dedupe, tags, digests, extras or None, placings)


def starts_of(raw: bytes) -> Sequence[int]:
    starts = array("I", raw)
    if sys.byteorder == "big":
        starts.byteswap()
    return starts


def item_at(payloads: bytes, starts: Sequence[int], offset: int) -> bytes:
    return payloads[starts[offset] : starts[offset + 1] - 1]


def slice_of(payloads: bytes, starts: bytes, offsets: Sequence[int]) -> bytes:
    """A JSON array of the items at `offsets`, byte for byte."""
    if len(offsets) * 4 + 4 == len(starts):
        return payloads
    places = starts_of(starts)
    if isinstance(offsets, range):
        return b"[" + payloads[places[offsets[0]] : places[offsets[-1] + 1] - 1] + b"]"
    return b"[" + b",".join([item_at(payloads, places, one) for one in offsets]) + b"]"


def kept_placings(placings: Sequence[Placing], keep: Sequence[int]) -> list[Placing]:
    """Where the items at `keep` are placed that become a chunk of their own."""
    place_of = {offset: place for place, offset in enumerate(keep)}
    kept = [
        msgspec.structs.replace(one, offsets=[place_of[offset] for offset in one.offsets if offset in place_of])
        for one in placings
    ]
    return [one for one in kept if one.offsets]
