"""What was submitted, in input order, whatever has become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.store.script.batch_row import read_batch
from stook.store.script.read.content import heads_from, read_inputs
from stook.store.script.read.limit import check_limit

if TYPE_CHECKING:
    from stook.store.statement import Script

__all__ = ["Input", "inputs"]


class Input(msgspec.Struct, gc=False):
    """`payload` is the exact bytes, or a reference into the blob store where `blob` says so."""

    payload: bytes
    key: str | None
    blob: bool


def inputs(batch_id: bytes, after: int = 0, chunks: int = 8) -> Script[list[Input]]:
    """Behind the first `after` items: what is left of one chunk and the next few. Empty: there are no more."""
    check_limit(chunks, "chunks")
    batch = yield from read_batch(batch_id)
    if after >= batch.total:
        return []
    heads = {head.first: head for head in (yield from heads_from(batch_id, after, chunks))}
    wanted = {first: range(max(0, after - first), head.count) for first, head in heads.items()}
    payloads = yield from read_inputs(batch_id, heads, wanted)
    found: list[Input] = []
    for first, offsets in wanted.items():
        keys, blobs = heads[first].keys, heads[first].blobs
        for offset, payload in zip(offsets, payloads[first], strict=True):
            found.append(Input(payload, None if keys is None else keys[offset], offset in blobs))
    return found
