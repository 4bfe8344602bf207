"""A batch's executions joined with their inputs: as submitted, or as they settled. Memory is that of a few chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.retention import KEEP, WAITERS, is_past
from stook.core.states import State
from stook.store.script.batch_row import read_batch
from stook.store.script.change import CHANGED_ITEMS
from stook.store.script.read.content import heads_from, heads_of, read_inputs
from stook.store.script.read.ending import STOPPED, read_begun, read_errors
from stook.store.script.read.follow import read_blocks
from stook.store.script.read.item_row import ItemRow, read_items
from stook.store.script.read.limit import check_limit
from stook.store.script.tags import TAGGED, read_tags
from stook.store.statement import Now

if TYPE_CHECKING:
    from stook.store.script.read.follow import OutcomeBlock
    from stook.store.statement import Script

__all__ = ["FollowedItems", "follow_items", "results"]


class FollowedItems(msgspec.Struct):
    """As `Followed`, row by row."""

    items: list[ItemRow]
    after: int
    done: bool


def results(batch_id: bytes, after: int = 0, chunks: int = 4) -> Script[list[ItemRow]]:
    """In input order, behind the first `after`: what is left of one chunk and the next few. Empty: there are no more
    items. Those that have not ended are there too, as they are now."""
    check_limit(chunks, "chunks")
    batch = yield from read_batch(batch_id)
    if after >= batch.total:
        return []
    heads = yield from heads_from(batch_id, after, chunks)
    wanted = {head.first: range(max(0, after - head.first), head.count) for head in heads}
    by_first = {head.first: head for head in heads}
    kept = batch.task_policy.retention
    return (yield from read_items(batch_id, wanted, keyed=batch.keyed, heads=by_first, kept=kept))


def follow_items(batch_id: bytes, after: int = 0, limit: int = 2000) -> Script[FollowedItems]:
    """`follow`, each outcome with its input: the state, result and error it settled with, even where the execution was
    retried since. What is kept no longer is `pruned`, with a delay for those who follow as it ends."""
    check_limit(limit)
    batch = yield from read_batch(batch_id)
    after = max(after, 0)
    blocks: list[OutcomeBlock] = []
    if batch.settled > after:
        blocks = yield from read_blocks(batch_id, after, limit)
    chosen: dict[int, set[int]] = {}
    for block in blocks:
        chosen.setdefault(block.first, set()).update(block.offsets)
    wanted = {first: sorted(offsets) for first, offsets in chosen.items()}
    heads = yield from heads_of(batch_id, wanted)
    inputs = yield from read_inputs(batch_id, heads, wanted, edited=bool(batch.keyed & CHANGED_ITEMS))
    tags = (yield from read_tags(batch_id, wanted)) if batch.keyed & TAGGED else {}
    content = {first: dict(zip(offsets, inputs[first], strict=True)) for first, offsets in wanted.items()}
    failed = [block for block in blocks if block.state is State.failed]
    errors = yield from read_errors(
        batch_id, [(block.first + offset, block.round) for block in failed for offset in block.offsets]
    )
    idle = [block for block in blocks if block.state in STOPPED and not block.attempt]
    begun = yield from read_begun(
        batch_id, [(block.first + offset, block.round) for block in idle for offset in block.offsets]
    )
    kept, items = batch.task_policy.retention, []
    now: int = (yield Now()) - WAITERS if kept != KEEP else 0
    for block in blocks:
        pruned = kept != KEEP and is_past(kept, block.state, block.finished_at, now)
        head = heads[block.first]
        for place, offset in enumerate(block.offsets):
            index = block.first + offset
            items.append(
                ItemRow(
                    batch_id=batch_id,
                    index=index,
                    key=None if head.keys is None else head.keys[offset],
                    state=block.state,
                    input=content[block.first][offset],
                    input_blob=offset in head.blobs,
                    tags=tags.get(block.first, {}).get(offset, ()),
                    result=None if block.results is None else block.results[place],
                    result_blob=place in block.blobs,
                    error=errors.get((index, block.round)) if block.state is State.failed else None,
                    attempts=begun.get((index, block.round), block.attempt),
                    round=block.round,
                    duration=block.durations[place] if block.durations else None,
                    finished_at=block.finished_at,
                    settle=block.settle + place,
                    pruned=pruned,
                )
            )
    end = after + len(items)
    return FollowedItems(items, end, batch.ended_phase and end >= batch.settled)
