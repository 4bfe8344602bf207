"""Executions that were never started, taken up by a later invocation: its payload and options go over theirs.

Lock order: batches, segments. A segment that is held here is passed over by claims; what a claim has taken before is
not in it any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.extras import ItemExtras, read_extras, write_extras
from stook.core.invocation import NewItem, Place
from stook.core.picks import pack
from stook.store.script.batch_row import save_batches
from stook.store.script.change import note_changes
from stook.store.script.chunk_lane import LANED, change_lanes
from stook.store.script.dedupe import DEDUPE_KEYS, RESTING_KEYS
from stook.store.script.rank import virtual_time
from stook.store.script.remember import MEMOS
from stook.store.script.segment_row import NewSegment, SegmentStatus, offsets_of
from stook.store.script.tags import TAGGED, add_tags, read_tags
from stook.store.statement import Each, Many, Notify

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["Overwrite", "Unstarted", "find_unstarted", "overwrite"]

_ACTOR: Final = "stook.invoke"
"""So that of the inputs that replaced each other only the last is kept."""


class Unstarted(msgspec.Struct):
    """An execution in its segment, held. `count` is of its chunk."""

    place: Place
    first: int
    count: int
    status: SegmentStatus
    due_at: int | None
    expires_at: int | None

    @property
    def offset(self) -> int:
        return self.place[1] - self.first


class Overwrite(msgspec.Struct):
    """`item` as it is to be from now on, due at `due_at`. `whole`: its options too, not just payload and priority."""

    found: Unstarted
    task: str
    item: NewItem
    due_at: int | None
    whole: bool


def find_unstarted(batches: Mapping[bytes, BatchRow], places: Collection[Place]) -> Script[dict[Place, Unstarted]]:
    """Of executions in batches whose rows the caller holds, those that were never started, which none of them is before
    the transaction ends."""
    asked = sorted(place for place in places if place[0] in batches)
    chunks: list[Row] = []
    for batch_id in sorted({place[0] for place in asked}):
        rows: list[Row] = yield Each("find_chunk", [place for place in asked if place[0] == batch_id])
        chunks += [(batch_id, *row) for row in rows]
    of_chunk: dict[tuple[bytes, int], dict[int, int]] = {}
    for batch_id, index, first, count in chunks:
        of_chunk.setdefault((batch_id, first), {})[index] = count
    segments: list[Row] = (yield Each("lock_unstarted_segments", sorted(of_chunk))) if of_chunk else []
    found: dict[Place, Unstarted] = {}
    for _, batch_id, first, pos, stop, picks, status, *begun, _, due_at, ends, closed in segments:
        if begun != [1, 1, 0] or closed:  # round, attempt, losses
            continue
        spanned = set(offsets_of(pos, stop, picks))
        for index, count in of_chunk[batch_id, first].items():
            if index - first in spanned:
                place = (batch_id, index)
                state = SegmentStatus(status)
                found[place] = Unstarted(place, first, count, state, due_at, ends)
    yield from _leave_out_begun(batches, found)
    return found


def _leave_out_begun(batches: Mapping[bytes, BatchRow], found: dict[Place, Unstarted]) -> Script[None]:
    """What was suspended is in its first attempt still, and remembers something."""
    asked = [(*place, place[1] + 1) for place in found if batches[place[0]].keyed & MEMOS]
    rows: list[Row] = (yield Each("read_memos", asked)) if asked else []
    for batch_id, index, *_ in rows:
        found.pop((batch_id, index), None)


def overwrite(project: str, batches: Mapping[bytes, BatchRow], changes: Sequence[Overwrite], now: int) -> Script[None]:
    """The caller found them by `find_unstarted`; their batches are saved here."""
    if not changes:
        return
    yield Many("drop_replaced_inputs", [one.found.place for one in changes])
    of_batch: dict[bytes, list[Overwrite]] = {}
    for one in changes:
        of_batch.setdefault(one.found.place[0], []).append(one)
    for batch_id, ones in sorted(of_batch.items()):
        batch = batches[batch_id]
        if batch.keyed & LANED or any(one.item.lane or one.item.cost for one in ones):
            yield from change_lanes(batch, {one.found.place[1]: (one.item.lane, one.item.cost) for one in ones})
    yield from _leave_segments(changes)
    segments, topics = [], {"timer"}
    for batch_id, ones in sorted(of_batch.items()):
        batch = batches[batch_id]
        inputs = [(one.found.place[1], "edit", one.item.payload, int(one.item.blob), None) for one in ones]
        yield from note_changes(batch, inputs, _ACTOR, now)
        ranks: dict[int, int] = {}
        for one in ones:
            level = one.item.priority
            if level not in ranks:
                ranks[level] = yield from virtual_time(batch, level)
            segments.append(_segment(batch, one, now, ranks[level]))
        topics.add(f"task:{batch.task}")
        yield from _put_extras(batch, ones)
        yield from _put_tags(batch, [one for one in ones if one.whole])
    yield Many("insert_segment", segments)
    yield from _keep_ttl(project, batches, changes)
    yield from save_batches([batches[batch_id] for batch_id in sorted(of_batch)])
    yield Notify(tuple(sorted(topics)))


def _leave_segments(changes: Sequence[Overwrite]) -> Script[None]:
    left: dict[tuple[bytes, int], set[int]] = {}
    for one in changes:
        left.setdefault((one.found.place[0], one.found.first), set()).add(one.found.offset)
    rows: list[Row] = yield Each("lock_unstarted_segments", sorted(left))
    used_up, cut = [], []
    for id_, batch_id, first, pos, stop, picks, *_ in rows:
        spanned = offsets_of(pos, stop, picks)
        stay = [offset for offset in spanned if offset not in left[batch_id, first]]
        if not stay:
            used_up.append((id_,))
        elif len(stay) < len(spanned):
            cut.append((id_, len(stay), pack(stay)))
    if used_up:
        yield Many("delete_segment", used_up)
    if cut:
        yield Many("cut_segment", cut)


def _segment(batch: BatchRow, one: Overwrite, now: int, rank: int) -> tuple[object, ...]:
    found, item = one.found, one.item
    later = one.due_at is not None and one.due_at > now
    batch.scheduled += later - (found.status is SegmentStatus.scheduled)
    new = NewSegment(
        first=found.first,
        offsets=[found.offset],
        priority=item.priority,
        round=1,
        attempt=1,
        status=SegmentStatus.scheduled if later else SegmentStatus.ready,
        due_at=one.due_at if later else None,
        lane=item.lane,
        cost=item.cost,
    )
    ends = item.expires(now) if one.whole else found.expires_at
    return new.columns(batch, now=now, rank=rank, expires_at=ends)


def _put_extras(batch: BatchRow, ones: Sequence[Overwrite]) -> Script[None]:
    rows: list[Row] = yield Each("read_chunk_extras", sorted({(batch.id, one.found.first) for one in ones}))
    changed = []
    for _, first, text in rows:
        mine = [one for one in ones if one.found.first == first]
        count = mine[0].found.count
        before: dict[int, ItemExtras] = {} if text is None else dict(read_extras(text, range(count)))
        after = dict(before)
        for one in mine:
            extras = _extras(one, before.get(one.found.offset))
            if extras is None:
                after.pop(one.found.offset, None)
            else:
                after[one.found.offset] = extras
        if after != before:
            changed.append((batch.id, first, write_extras(after)))
    if changed:
        yield Many("update_chunk_extras", changed)


def _extras(one: Overwrite, before: ItemExtras | None) -> ItemExtras | None:
    if not one.whole:
        return before
    if one.due_at is None:
        return one.item.extras
    return msgspec.structs.replace(one.item.extras or ItemExtras(), run_at=one.due_at)


def _put_tags(batch: BatchRow, ones: Sequence[Overwrite]) -> Script[None]:
    if not ones or not (batch.keyed & TAGGED or any(one.item.tags for one in ones)):
        return
    count_of = {one.found.first: one.found.count for one in ones}
    now_on = yield from read_tags(batch.id, count_of)
    for one in ones:
        now_on.setdefault(one.found.first, {})[one.found.offset] = list(one.item.tags)
    yield Many("drop_chunk_tags", [(batch.id, first) for first in sorted(count_of)])
    tags = [
        (first, [now_on.get(first, {}).get(offset, ()) for offset in range(count)])
        for first, count in sorted(count_of.items())
    ]
    if (yield from add_tags(batch.id, tags)):
        batch.keyed |= TAGGED


def _keep_ttl(project: str, batches: Mapping[bytes, BatchRow], changes: Sequence[Overwrite]) -> Script[None]:
    rows = []
    for one in changes:
        if one.whole and one.item.dedupe is not None:
            batch = batches[one.found.place[0]]
            batch.keyed |= DEDUPE_KEYS | (RESTING_KEYS if one.item.ttl is not None else 0)
            rows.append((project, one.task, one.item.dedupe, *one.found.place, one.item.ttl))
    if rows:
        yield Many("put_dedupe", rows)
