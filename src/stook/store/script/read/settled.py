"""What has ended, in settle order, without inputs and results: cheap enough to be read for every follower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.picks import as_range
from stook.core.states import State
from stook.store.script.batch_row import read_batch
from stook.store.script.dedupe import CALLER_KEYS
from stook.store.script.read.content import heads_of
from stook.store.script.read.limit import check_limit
from stook.store.statement import All

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Settled", "SettledPage", "settled_items"]


class Settled(msgspec.Struct, gc=False):
    index: int
    key: str | None
    state: State
    settle: int


class SettledPage(msgspec.Struct):
    items: list[Settled]
    after: int
    """The cursor to go on with."""


def settled_items(batch_id: bytes, after: int = 0, limit: int = 2000) -> Script[SettledPage]:
    """Outcomes from settle number `after` on: fewer than `limit` plus one chunk. Empty when nothing new has settled."""
    check_limit(limit)
    batch = yield from read_batch(batch_id)
    after = max(after, 0)
    if batch.settled <= after:
        return SettledPage([], after)
    rows: list[Row] = yield All("read_settled", (batch_id, after, after + limit))
    keys: dict[int, list[str] | None] = {}
    if batch.keyed & CALLER_KEYS:
        heads = yield from heads_of(batch_id, {row[1] for row in rows})
        keys = {first: head.keys for first, head in heads.items()}
    items: list[Settled] = []
    for settle, first, lo, hi, picks, number in rows:
        state, named = State(number), keys.get(first)
        for at, offset in enumerate(as_range(lo, hi, picks), settle):
            if at >= after:
                items.append(Settled(first + offset, None if named is None else named[offset], state, at))
    return SettledPage(items, items[-1].settle + 1 if items else after)
