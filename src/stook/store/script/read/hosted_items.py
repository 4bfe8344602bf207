"""Executions of hosted code with what people who host it look at: how they ended, and what they were given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.extras import NO_EXTRAS, ItemExtras, read_extras
from stook.core.given_output import Form
from stook.core.states import TERMINAL, State
from stook.store.script.batch_row import BatchRow
from stook.store.script.change import CHANGED_ITEMS
from stook.store.script.given_output import GIVEN, GivenOutputs, read_outputs
from stook.store.script.read.content import heads_of
from stook.store.script.read.hosted_batches import HostedRow
from stook.store.script.read.item_row import ItemRow, read_items
from stook.store.script.read.together import together
from stook.store.script.read.whereabouts import find_whereabouts
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stook.core.policy import TaskPolicy
    from stook.store.script.read.content import Head
    from stook.store.script.read.whereabouts import Whereabouts
    from stook.store.statement import Row, Script

__all__ = ["HostedItem", "hosted_extras", "hosted_items"]


class HostedItem(msgspec.Struct, gc=False):
    """`form` where somebody else ended it with its result; `output` where it was cancelled with one."""

    of: HostedRow
    row: ItemRow
    extras: ItemExtras
    timeout: float | None
    begun: bool
    stopping: bool
    started_at: int | None
    form: Form | None = None
    output: str | None = None
    cancelled_with: str | None = None
    metadata: str | None = None
    """Of its batch."""


def hosted_items(
    chosen: Sequence[tuple[HostedRow, Sequence[int]]], *, tracebacks: bool = False
) -> Script[list[HostedItem]]:
    """Of batches, each once, the executions at these indexes, which are there; in that order, without those that are
    kept no longer."""
    found: list[Row] = yield Each("read_batches", [(of.batch_id,) for of, _ in chosen])
    batches = {row[0]: BatchRow(*row) for row in found}
    items = yield from together(
        {
            of.batch_id: _items(of, batches[of.batch_id], indexes, tracebacks=tracebacks)
            for of, indexes in chosen
            if of.batch_id in batches
        }
    )
    return [item for of, _ in chosen for item in items.get(of.batch_id, ())]


def _items(of: HostedRow, batch: BatchRow, indexes: Sequence[int], *, tracebacks: bool) -> Script[list[HostedItem]]:
    found: list[Row] = yield Each("find_hosted_chunk", [(batch.id, index) for index in sorted(indexes)])
    wanted: dict[int, list[int]] = {}
    for _, index, first in sorted(found, key=lambda row: row[1]):
        wanted.setdefault(first, []).append(index - first)
    heads = yield from heads_of(batch.id, wanted)
    stored = {first: head.states for first, head in heads.items()}
    policy = batch.task_policy
    rows = yield from read_items(
        batch.id, wanted, keyed=batch.keyed, heads=heads, tracebacks=tracebacks, kept=policy.retention
    )
    extras = yield from hosted_extras(batch.id, wanted)
    items = {}
    for row in rows:
        if not row.pruned:
            own = extras.get(row.index, ItemExtras())
            stopping = _stopping(batch, row, stored, wanted)
            items[row.index] = HostedItem(
                of, row, own, _timeout(policy, own), row.attempts > 0, stopping, None, metadata=batch.metadata
            )
    yield from _add_begin(batch, items, wanted, heads)
    yield from _add_ends(batch, items)
    return [items[index] for index in indexes if index in items]


def hosted_extras(batch_id: bytes, wanted: Mapping[int, Sequence[int]]) -> Script[dict[int, ItemExtras]]:
    rows: list[Row] = yield Each("read_chunk_extras", [(batch_id, first) for first in wanted])
    found = {}
    for _, first, text in rows:
        own = NO_EXTRAS if text is None else read_extras(text, wanted[first])
        found.update({first + offset: one for offset, one in own.items()})
    return found


def _timeout(policy: TaskPolicy, own: ItemExtras) -> float | None:
    return policy.timeout if own.timeout is None else own.timeout


def _stopping(batch: BatchRow, row: ItemRow, stored: Mapping[int, bytes], wanted: Mapping[int, Sequence[int]]) -> bool:
    if row.state is not State.running:
        return False
    if batch.stop in ("hard", "expire"):
        return True
    first = max(one for one in wanted if one <= row.index)
    return stored[first][row.index - first] == State.cancelling


def _add_begin(
    batch: BatchRow, items: Mapping[int, HostedItem], wanted: Mapping[int, Sequence[int]], heads: Mapping[int, Head]
) -> Script[None]:
    """When each was begun, where that was. What waits for another attempt, or has lost its worker, was."""
    live = {first for first, offsets in wanted.items() for one in offsets if _is_live(items.get(first + one))}
    places = yield from find_whereabouts(batch.id, {first: heads[first].states for first in sorted(live)})
    for first, found in places.items():
        _put_begin(first, found, items)
    for item in items.values():
        row = item.row
        item.begun = item.begun or row.state is State.suspended
        if row.finished_at is not None and row.attempts and row.duration is not None:
            item.started_at = row.finished_at - row.duration
        before = row.attempts > 1 or row.round > 1 or batch.losses > 0
        if before or (item.begun and item.started_at is None):
            yield from _add_first_attempt(batch.id, item)


def _put_begin(first: int, found: Whereabouts, items: Mapping[int, HostedItem]) -> None:
    for lease in found.leases:
        for offset in lease.offsets:
            if item := items.get(first + offset):
                item.begun, item.started_at = True, lease.claimed_at
    for segment in found.segments:
        for offset in segment.offsets if segment.again else ():
            if item := items.get(first + offset):
                item.begun = True


def _is_live(item: HostedItem | None) -> bool:
    return item is not None and item.row.state not in TERMINAL


def _add_first_attempt(batch_id: bytes, item: HostedItem) -> Script[None]:
    rows: list[Row] = yield All("read_attempts", (batch_id, item.row.index))
    begun = [failed_at - (duration or 0) for _, _, _, _, duration, failed_at, *_ in rows]
    if begun:
        item.begun = True
        item.started_at = min([*begun, *([] if item.started_at is None else [item.started_at])])


def _add_ends(batch: BatchRow, items: Mapping[int, HostedItem]) -> Script[None]:
    ended = [index for index, item in items.items() if item.row.state in TERMINAL]
    given = GivenOutputs()
    if batch.keyed & GIVEN and ended:
        given = yield from read_outputs(batch.id, ended)
    cancelled = [index for index in ended if items[index].row.state is State.cancelled]
    reasons: dict[int, str | None] = {}
    if batch.keyed & CHANGED_ITEMS and cancelled:
        rows: list[Row] = yield Each("read_child_reasons", [(batch.id, index) for index in cancelled])
        reasons = {row[1]: row[2] for row in rows}
    for index in ended:
        item = items[index]
        if item.row.state is State.cancelled:
            item.output = given.of_cancelled(index, item.row.settle)
            item.cancelled_with = reasons.get(index, batch.reason)
        elif item.row.state is State.succeeded:
            item.form = given.ended.get((index, item.row.round))
