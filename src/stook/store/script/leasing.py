"""What a claim takes becomes leases, and slices for the worker."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.chunk import slice_of
from stook.core.extras import NO_EXTRAS, read_extras
from stook.core.limits import Head
from stook.core.payload import split_array
from stook.core.picks import pack, unpack
from stook.core.states import State
from stook.core.work import Slice
from stook.store.script.batch_row import decode_metadata, decode_policy
from stook.store.script.change import CHANGED_ITEMS
from stook.store.script.remember import MEMOS, read_memos
from stook.store.script.segment_row import BISECTED, offsets_of
from stook.store.statement import Each, Many

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stook.store.script.claim import Ask
    from stook.store.script.gates import Flow, Gates
    from stook.store.script.pieces import Piece
    from stook.store.statement import Row, Script

__all__ = ["Segment", "lease"]

NOTHING: Final[Mapping[int, str]] = MappingProxyType({})
_OPEN: Final = bytes([State.queued, State.scheduled])


class Segment(msgspec.Struct, gc=False):
    """Columns of `claim_heads.sql`, `claim_suspect.sql` and `claim_suspect_of.sql`."""

    id: int
    batch_id: bytes
    first: int
    pos: int
    stop: int
    picks: bytes | None
    project: str
    task: str
    queue: str
    priority: int
    rank: int
    round: int
    attempt: int
    losses: int
    closed: int
    ready_at: int
    lane: str
    cost: str | None
    policy: str
    created_at: int
    max_concurrency: int | None
    ramp_at: int | None
    metadata: str | None
    trace: str | None
    single: int

    def head(self) -> Head:
        config = decode_policy(self.policy).batch
        return Head(
            self.id,
            self.batch_id,
            self.project,
            self.queue,
            self.task,
            self.priority,
            self.rank,
            self.stop - self.pos,
            self.lane,
            self.cost,
            0 if config is None else -1 if self.closed else config.size,
        )


def lease(
    ask: Ask,
    taken: Sequence[Piece[Segment]],
    gates: Gates,
    now: int,
    *,
    alone: bool,
    forced: Mapping[Flow, str],
    why: Mapping[int, str] = NOTHING,
) -> Script[list[Slice]]:
    """Under a token each. What has ended meanwhile is left out."""
    if not taken:
        return []
    ends = {piece.segment.id: (piece.segment, piece.at + piece.take) for piece in taken}
    used_up = [(one.id,) for one, end in ends.values() if end == one.stop]
    moved = [(one.id, end) for one, end in ends.values() if end != one.stop]
    if used_up:
        yield Many("delete_segment", used_up)
    if moved:
        yield Many("move_segment", moved)
    chunks: list[Row] = yield Each("read_chunk", list({(one.batch_id, one.first) for one, *_ in taken}))
    content = {(row[0], row[1]): row for row in chunks}
    edited = yield from _edited(chunks)
    until = ask.lease_until(now)
    leased, rows, charged = [], [], []
    for one, at, count, group in taken:
        _, _, starts, blobs, payloads, states, _, extras = content[one.batch_id, one.first]
        offsets = offsets_of(at, at + count, one.picks)
        if not _all_open(states, offsets):
            offsets = [offset for offset in offsets if states[offset] in _OPEN]
            if not offsets:
                continue
        token = ask.tokens()
        run = isinstance(offsets, range)
        rows.append(
            (
                token,
                ask.worker,
                one.batch_id,
                one.first,
                offsets[0],
                offsets[-1] + 1,
                None if run else pack(offsets),
                len(offsets),
                one.project,
                one.task,
                one.queue,
                one.priority,
                one.round,
                one.attempt,
                one.losses,
                int(alone),
                one.closed,
                now,
                until,
                one.lane,
                one.cost,
                group,
            )
        )
        charged.append((one.head(), len(offsets)))
        policy = decode_policy(one.policy)
        referenced = set(unpack(blobs)) if blobs else set()
        payload = slice_of(payloads, starts, offsets)
        if edited:
            payload, referenced = _replaced(edited, one, offsets, payload, referenced)
        leased.append(
            Slice(
                token=token,
                batch_id=one.batch_id,
                first=one.first,
                offsets=offsets,
                payload=payload,
                blobs=[place for place, offset in enumerate(offsets) if offset in referenced] if referenced else (),
                task=one.task,
                attempt=one.attempt,
                round=one.round,
                priority=one.priority,
                policy=policy,
                metadata=decode_metadata(one.metadata),
                trace=one.trace,
                single=bool(one.single),
                created_at=one.created_at,
                lease_until=until,
                exclusive=alone,
                closed=bool(one.closed),
                lane=one.lane,
                project=one.project,
                window_closes_in=gates.closes_in((one.project, one.task)),
                extras=NO_EXTRAS if extras is None else read_extras(extras, offsets),
                forced=why.get(group) or ("size" if group and not one.closed else _forced(one, forced)),
                group=group,
                queue=one.queue,
                waited=max(0, now - one.ready_at),
            )
        )
    if rows:
        yield Many("insert_lease", rows)
    if gates.rooms:
        yield from gates.charge(charged)
    yield from _remind(leased, {row[0] for row in chunks if row[6] & MEMOS})
    return leased


def _forced(one: Segment, forced: Mapping[Flow, str]) -> str | None:
    if decode_policy(one.policy).batch is None:
        return None
    if one.closed:
        return "bisect" if one.closed == BISECTED else "retry"
    return forced.get((one.task, one.project, one.lane))


def _remind(leased: Sequence[Slice], remembering: Collection[bytes]) -> Script[None]:
    """Gives slices of these batches what their items remember: written before the items came back to their segments, so
    nothing of it is missed."""
    slices = [one for one in leased if one.batch_id in remembering]
    if not slices:
        return
    found = yield from read_memos(
        [(one.batch_id, one.first + one.offsets[0], one.first + one.offsets[-1] + 1) for one in slices]
    )
    for one in slices:
        kept = [
            (offset, found[one.batch_id, one.first + offset])
            for offset in one.offsets
            if (one.batch_id, one.first + offset) in found
        ]
        one.memos = {offset: [each.memo for each in memos] for offset, memos in kept}
        one.memo_blobs = [
            (offset, place, each.blob_of)
            for offset, memos in kept
            for place, each in enumerate(memos)
            if each.blob_of is not None
        ]


def _edited(chunks: Sequence[Row]) -> Script[dict[tuple[bytes, int], tuple[int, bytes, int]]]:
    """(batch, index) → (number, payload, is it a reference) of inputs changed by hand. Whether there are any is read
    when the segments are held: what was changed before is seen, and what comes after finds the lease."""
    spans = [(row[0], row[1], row[1] + len(row[2]) // 4 - 1) for row in chunks if row[6] & CHANGED_ITEMS]
    found: dict[tuple[bytes, int], tuple[int, bytes, int]] = {}
    for batch_id in sorted({span[0] for span in spans}):
        rows: list[Row] = yield Each("read_item_inputs", [span for span in spans if span[0] == batch_id])
        for index, *change in sorted(rows, key=lambda row: row[1]):
            found[batch_id, index] = (change[0], change[1], change[2])
    return found


def _replaced(
    edited: Mapping[tuple[bytes, int], tuple[int, bytes, int]],
    one: Segment,
    offsets: Sequence[int],
    payload: bytes,
    referenced: set[int],
) -> tuple[bytes, set[int]]:
    """The slice's payload with the changed inputs in it, and the offsets that are references."""
    changed = {at: edited[one.batch_id, one.first + at] for at in offsets if (one.batch_id, one.first + at) in edited}
    if not changed:
        return payload, referenced
    items = split_array(payload)
    for place, offset in enumerate(offsets):
        if offset in changed:
            items[place] = changed[offset][1]
    after = (referenced - set(changed)) | {offset for offset, (_, _, is_blob) in changed.items() if is_blob}
    return b"[" + b",".join(items) + b"]", after


def _all_open(states: bytes, offsets: Sequence[int]) -> bool:
    part = states[offsets[0] : offsets[-1] + 1] if isinstance(offsets, range) else bytes([states[i] for i in offsets])
    return not part.strip(_OPEN)
