"""A worker takes work: segments' cursors move, leases are written.

Only segments are locked, and those another claim holds are skipped: a claim never waits for a settlement or an
operator. Limits are guarded by locks that only claims take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.chunk import slice_of
from stook.core.limits import Head, Room, Share, ramp_limit, share
from stook.core.payload import split_array
from stook.core.picks import pack, unpack
from stook.core.states import State
from stook.core.work import Claimed, Slice
from stook.store.script.batch_row import decode_policy
from stook.store.script.change import CHANGED_ITEMS
from stook.store.script.group import close_groups, form_groups, largest_group
from stook.store.script.segment_row import offsets_of
from stook.store.statement import All, Each, Guard, Many, Now

if TYPE_CHECKING:
    from stook.store.statement import Row, Script

__all__ = ["Ask", "claim"]

CONTENDED = 0.002
"""Seconds. Other claims hold every segment there is: they let go of what they do not take in a moment."""
HEADS = 24
"""Segments looked at per task and project: more than a claim takes, so that a few at their limit hide nothing."""
_OPEN = bytes([State.queued, State.scheduled])


class Ask(msgspec.Struct, kw_only=True):
    worker: str
    tasks: Sequence[str]
    items: int
    slices: int
    idle: bool
    hurried: bool = False
    """Groups of batched tasks close with what is there."""
    lease_until: Callable[[int], int]
    """now → when the lease ends."""
    tokens: Callable[[], int]
    project: str | None = None
    """Only work of this project; None: of all."""


class _Segment(msgspec.Struct, gc=False):
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
    policy: str
    created_at: int
    max_concurrency: int | None
    ramp_at: int | None
    metadata: str | None
    trace: str | None
    single: int

    def head(self) -> Head:
        left = self.stop - self.pos
        return Head(self.id, self.batch_id, self.project, self.queue, self.task, self.priority, self.rank, left)


def claim(ask: Ask) -> Script[Claimed]:
    """Slices for a worker, oldest right first, within every limit. A suspect is given only to an idle worker, alone."""
    terms: list[Row] = yield All("claim_terms")
    quotas = [row for row in terms if row[0] is not None]
    now: int = yield Now()
    found_flows: list[Row] = yield Each("claim_flows", [(task,) for task in ask.tasks])
    suspect = yield from _suspect(ask, found_flows, quotas, now)
    if suspect and ask.idle:
        leased = yield from _lease(ask, [suspect], now, alone=True, forced={})
        if leased:
            return Claimed(leased, suspects=True)
    flows = _unpaused(_own(ask, found_flows), quotas)
    full: list[bytes] = []
    most = HEADS
    while flows:
        rows = yield Each("claim_heads", [(task, project, b"".join(full), most) for task, project in flows])
        if not rows and not full:
            return Claimed([], suspects=suspect is not None, wait=CONTENDED)
        segments = {row[0]: _Segment(*row) for row in rows}
        room, in_flight, weights = yield from _room(list(segments.values()), quotas, now)
        forming = form_groups(list(segments.values()), room, now, hurried=ask.hurried)
        if forming.short > most <= len(segments):
            most = forming.short
            continue
        blocked = {one.batch_id for one in forming.allowed if room.batches.get(one.batch_id, 1) <= 0}
        slices = max(ask.slices, largest_group(segments.values()))
        shares = share(
            [one.head() for one in forming.allowed],
            items=ask.items,
            slices=slices,
            room=room,
            in_flight=in_flight,
            weights=weights,
        )
        closed = close_groups(
            _whole_groups(shares, segments, room),
            {one.id: one for one in forming.allowed},
            room,
            now,
            sated=len(shares) >= slices or sum(one.take for one in shares) >= ask.items,
            more=any(count >= most for count in Counter((one.task, one.project) for one in segments.values()).values()),
            hurried=ask.hurried,
        )
        if not closed.shares and blocked:
            full.extend(blocked)
            continue
        taken = [(segments[one.head.id], one.take) for one in closed.shares]
        leased = yield from _lease(ask, taken, now, alone=False, forced=closed.forced)
        if taken and not leased:
            continue
        moments = [one - now for one in (forming.wait_until, closed.wait_until) if one is not None]
        return Claimed(leased, suspects=suspect is not None, wait=min(moments) / 1_000_000 if moments else None)
    return Claimed([], suspects=suspect is not None)


def _suspect(ask: Ask, flows: Sequence[Row], quotas: Sequence[Row], now: int) -> Script[tuple[_Segment, int] | None]:
    """The oldest suspect that pauses and limits let run, and how many of its items; of the first few."""
    after = {task: 0 for task, project in flows if project is None}
    for _ in range(HEADS if after else 0):
        rows: list[Row] = yield _look_for_suspects(ask, after)
        found = sorted((_Segment(*row) for row in rows), key=lambda one: one.id)
        after = {one.task: one.id for one in found}
        for one in found:
            if _unpaused([(one.task, one.project)], quotas):
                room, _, _ = yield from _room([one], quotas, now)
                count = min(one.stop - one.pos, room.left(one.head()))
                if count > 0:
                    return one, count
        if not after:
            break
    return None


def _look_for_suspects(ask: Ask, after: dict[str, int]) -> Each:
    """The next of each task behind the one seen last."""
    if ask.project is None:
        return Each("claim_suspect", list(after.items()))
    return Each("claim_suspect_of", [(task, seen, ask.project) for task, seen in after.items()])


def _own(ask: Ask, flows: Sequence[Row]) -> Sequence[Row]:
    return [flow for flow in flows if flow[1] is not None and ask.project in (None, flow[1])]


def _whole_groups(shares: list[Share], segments: dict[int, _Segment], room: Room) -> list[Share]:
    """A closed group is given whole to a worker of any appetite, as far as limits allow."""
    whole = []
    for one in shares:
        more = min(one.head.left - one.take, room.left(one.head)) if segments[one.head.id].closed else 0
        room.take(one.head, more)
        whole.append(Share(one.head, one.take + more))
    return whole


def _unpaused(flows: Sequence[Row], quotas: Sequence[Row]) -> list[tuple[str, str]]:
    paused = {(scope, project, name) for scope, project, name, _, stopped in quotas if stopped}
    return [
        (task, project)
        for task, project in flows
        if not paused or (("project", project, "") not in paused and ("task", project, task) not in paused)
    ]


def _room(
    segments: Sequence[_Segment], quotas: Sequence[Row], now: int
) -> Script[tuple[Room, dict[str, int], dict[str, float]]]:
    """What limits leave. Locks each limit that could matter, then counts leases: exact, whoever else claims now."""
    projects = {one.project for one in segments}
    limits = {
        (scope, project, name): most
        for scope, project, name, most, *_ in quotas
        if most is not None and project in projects
    }
    stopped = {(project, name) for scope, project, name, _, paused in quotas if paused and scope == "queue"}
    batches = {}
    for one in segments:
        bounds = [bound for bound in (one.max_concurrency, ramp_limit(now, one.ramp_at)) if bound is not None]
        if bounds:
            batches[one.batch_id] = min(bounds)
    room = Room({}, dict.fromkeys(stopped, 0), {}, {})
    if not limits and not batches and len(projects) <= 1:
        return room, {}, {}
    guards = {f"{scope}:{project}:{name}" for scope, project, name in limits}
    yield Guard(tuple(guards | {f"batch:{one.hex()}" for one in batches}))
    usage: list[Row] = yield All("usage")
    in_flight: dict[str, int] = {}
    used: dict[tuple[str, str, str], int] = {}
    for project, queue, task, live in usage:
        in_flight[project] = in_flight.get(project, 0) + live
        for scope in (("project", project, ""), ("queue", project, queue), ("task", project, task)):
            used[scope] = used.get(scope, 0) + live
    for (scope, project, name), most in limits.items():
        left = max(0, most - used.get((scope, project, name), 0))
        match scope:
            case "project":
                room.projects[project] = left
            case "queue":
                room.queues[project, name] = min(left, room.queues.get((project, name), left))
            case _:
                room.tasks[project, name] = left
    if batches:
        held: list[Row] = yield Each("batch_usage", [(one,) for one in batches])
        live_of: dict[bytes, int] = {row[0]: row[1] for row in held}
        room.batches.update({one: max(0, most - live_of.get(one, 0)) for one, most in batches.items()})
    weights: list[Row] = (yield All("weights")) if len(projects) > 1 else []
    return room, in_flight, {row[0]: row[1] for row in weights}


def _lease(
    ask: Ask, taken: Sequence[tuple[_Segment, int]], now: int, *, alone: bool, forced: Mapping[str, str]
) -> Script[list[Slice]]:
    if not taken:
        return []
    used_up = [(one.id,) for one, count in taken if one.pos + count == one.stop]
    moved = [(one.id, one.pos + count) for one, count in taken if one.pos + count != one.stop]
    if used_up:
        yield Many("delete_segment", used_up)
    if moved:
        yield Many("move_segment", moved)
    chunks: list[Row] = yield Each("read_chunk", list({(one.batch_id, one.first) for one, _ in taken}))
    content = {(row[0], row[1]): row for row in chunks}
    edited = yield from _edited(chunks)
    until = ask.lease_until(now)
    leased, rows = [], []
    for one, count in taken:
        _, _, starts, blobs, payloads, states, _ = content[one.batch_id, one.first]
        offsets = offsets_of(one.pos, one.pos + count, one.picks)
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
            )
        )
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
                metadata=_metadata(one.metadata),
                trace=one.trace,
                single=bool(one.single),
                created_at=one.created_at,
                lease_until=until,
                exclusive=alone,
                closed=bool(one.closed),
                forced=None if policy.batch is None else "retry" if one.closed else forced.get(one.task),
            )
        )
    if rows:
        yield Many("insert_lease", rows)
    return leased


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
    one: _Segment,
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


def _metadata(text: str | None) -> dict[str, Any]:
    return {} if text is None else msgspec.json.decode(text)


def _all_open(states: bytes, offsets: Sequence[int]) -> bool:
    part = states[offsets[0] : offsets[-1] + 1] if isinstance(offsets, range) else bytes([states[i] for i in offsets])
    return not part.strip(_OPEN)
