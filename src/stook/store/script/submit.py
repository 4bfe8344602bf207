"""Taking items in: create (once per key), append (at an offset), seal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.chunk import Placing
from stook.core.errors import Conflict, DuplicateKeys, KeyConflict, OptionError
from stook.core.extras import write_extras
from stook.core.phase import Phase
from stook.store.script.batch_row import BatchRow, lock_batch, save_batches
from stook.store.script.charge import charge
from stook.store.script.chunk_lane import add_lanes
from stook.store.script.close import close_if_done
from stook.store.script.dedupe import CALLER_KEYS, hold_keys
from stook.store.script.external_ids import take_external_ids
from stook.store.script.hosted_place import HostedPlace, put_place
from stook.store.script.outbox import write_news
from stook.store.script.rank import front_of, next_rank
from stook.store.script.segment_row import NewSegment, SegmentStatus
from stook.store.script.tags import TAGGED, add_tags
from stook.store.statement import All, Each, Many, Notify, Now

if TYPE_CHECKING:
    from stook.core.chunk import Chunk
    from stook.store.statement import Row, Script

__all__ = [
    "PIECEMEAL",
    "Appended",
    "Created",
    "NewBatch",
    "append",
    "create_batch",
    "new_row",
    "seal",
    "seal_row",
    "submit",
]


PIECEMEAL: Final = 256
"""Bit of `batch.keyed`: what one commit of its submission has brought stays, whatever becomes of the rest. Given up, it
is sealed and not cancelled."""


class NewBatch(msgspec.Struct, kw_only=True):
    id: bytes
    project: str
    task: str
    queue: str
    name: str
    policy: str
    """A `TaskPolicy` as JSON."""
    key: str | None = None
    digest: str | None = None
    single: bool = False
    priority: int = 0
    max_concurrency: int | None = None
    metadata: str | None = None
    webhooks: Sequence[str] = ()
    """Endpoints of its project that it names."""
    deadline_at: int | None = None
    open_until: int | None = None
    trace: str | None = None
    """As in `core.work.Slice`."""
    keyed: int = 0
    """Bits of `batch.keyed` for what the caller writes beside it."""
    hosted: HostedPlace | None = None
    """Where it is of hosted code: of which."""


class Created(msgspec.Struct):
    """`created` is False when the key's batch was already there: `id` is its, `total` what it has so far, `consumed`
    how many items of the input were added or left out: its submission goes on behind them."""

    id: bytes
    created: bool
    total: int = 0
    consumed: int = 0
    sealed: bool = False
    existing: Sequence[tuple[int, bytes, int]] = ()
    """As in `Appended`."""


class Appended(msgspec.Struct):
    total: int
    existing: Sequence[tuple[int, bytes, int]] = ()
    """(offset in the appended items, batch, index) of items whose dedupe key an unfinished execution holds: these were
    not added."""


def create_batch(new: NewBatch) -> Script[Created]:
    """An open batch. The same key again: the same batch; with another digest `KeyConflict`, nothing changed."""
    earlier = yield from _of_key(new)
    if earlier is not None:
        return earlier
    yield from _check_webhooks(new)
    now: int = yield Now()
    yield Many("insert_batch", [new_row(new, now).columns()])
    yield from _put_beside(new)
    return Created(new.id, created=True)


def _of_key(new: NewBatch) -> Script[Created | None]:
    if new.key is None:
        return None
    rows = yield All("find_batch_key", (new.project, new.key))
    if not rows:
        return None
    batch_id, digest, total, consumed, sealed_at = rows[0]
    if digest != new.digest:
        raise KeyConflict(
            f"key {new.key!r} already stands for a batch with other content",
            hint="use another key, or the same content",
        )
    return Created(batch_id, created=False, total=total, consumed=consumed, sealed=sealed_at is not None)


def _check_webhooks(new: NewBatch) -> Script[None]:
    if not new.webhooks:
        return
    rows: list[Row] = yield Each("find_webhook_endpoint", [(one, new.project) for one in new.webhooks])
    there = {row[0] for row in rows}
    for one in new.webhooks:
        if one not in there:
            raise OptionError(
                f"webhooks: there is no endpoint {one!r}", hint="`stook webhooks list` shows those of the project"
            )


def append(
    batch_id: bytes,
    chunks: Sequence[Chunk],
    *,
    at: int | None = None,
    run_at: int | None = None,
    expires_at: int | None = None,
    priority: int | None = None,
    keyed: int = 0,
    open_until: int | None = None,
) -> Script[Appended]:
    """Adds `chunks`, which follow on the first `at` items of the input (None: on all it has consumed). What it has
    consumed is passed over, so a producer may send the same chunks again after a lost answer, which does not repeat
    what was left out; a gap is a `Conflict`. `DuplicateKeys` changes nothing. `keyed` as in `NewBatch`; so long it now
    waits for more, `open_until`."""
    batch = yield from lock_batch(batch_id)
    batch.keyed |= keyed
    batch.open_until = open_until or batch.open_until
    now: int = yield Now()
    if batch.sealed_at is not None or batch.phase not in (Phase.open.value, Phase.paused.value):
        raise Conflict(f"batch {batch.public_id} takes no more items", hint="submit a new batch")
    passed = 0 if at is None else _consumed_before(batch, chunks, at)
    fresh = list(chunks[passed:])
    if not fresh:
        return Appended(batch.total)
    count = sum(chunk.count for chunk in fresh)
    yield from _note_consumed(batch, fresh)
    fresh, held = yield from hold_keys(batch, fresh, now)
    if fresh:
        level = batch.priority if priority is None else priority
        rank = yield from next_rank(batch, level)
        yield from _add(batch, fresh, now, rank, run_at=run_at, expires_at=expires_at, priority=level)
    batch.consumed += count
    yield from save_batches([batch])
    before = sum(chunk.count for chunk in chunks[:passed])
    return Appended(batch.total, [(before + offset, holder, index) for offset, holder, index in held])


def _note_consumed(batch: BatchRow, chunks: Sequence[Chunk]) -> Script[None]:
    """Before anything is left out of them."""
    rows, at = [], batch.consumed
    for chunk in chunks:
        if chunk.digests is not None:
            rows.append((batch.id, at, chunk.digests))
        at += chunk.count
    if rows:
        yield Many("insert_consumed_block", rows)


def _consumed_before(batch: BatchRow, chunks: Sequence[Chunk], at: int) -> int:
    """How many of the chunks."""
    if at > batch.consumed:
        raise Conflict(f"batch {batch.public_id} has consumed {batch.consumed} items, these begin at {at}")
    passed = 0
    while passed < len(chunks) and at < batch.consumed:
        at += chunks[passed].count
        passed += 1
    if at > batch.consumed:
        raise Conflict(f"batch {batch.public_id} has consumed {batch.consumed} items, which is within a chunk of these")
    return passed


def seal(batch_id: bytes) -> Script[None]:
    """No more items. Sealing twice is once. An empty batch ends here, successfully."""
    batch = yield from lock_batch(batch_id)
    now: int = yield Now()
    if batch.sealed_at is None:
        yield from seal_row(batch, now)
        yield from save_batches([batch])


def submit(
    new: NewBatch,
    chunks: Sequence[Chunk],
    *,
    run_at: int | None = None,
    expires_at: int | None = None,
) -> Script[Created]:
    """Create, append and seal in one transaction: visible whole or not at all. `ExternalIdsHeld`, of hosted code, says
    whose."""
    if any(chunk.dedupe for chunk in chunks):
        created = yield from create_batch(new)
        if not created.created:
            return created
        appended = yield from append(new.id, chunks, run_at=run_at, expires_at=expires_at)
        yield from seal(new.id)
        count = sum(chunk.count for chunk in chunks)
        return Created(
            new.id, created=True, total=appended.total, consumed=count, sealed=True, existing=appended.existing
        )
    earlier = yield from _of_key(new)
    if earlier is not None:
        return earlier
    yield from _check_webhooks(new)
    if new.hosted is not None:
        yield from take_external_ids(new.project, new.id, chunks)
    batch = new_row(new, 0)  # nobody else knows it yet: it needs no lock, and is written once
    rank, charged = (yield from front_of(batch, new.priority)) if chunks else (0, False)
    now: int = yield Now()
    batch.created_at = now
    if chunks:
        yield from _add(batch, chunks, now, rank, run_at=run_at, expires_at=expires_at, charged=charged)
        batch.consumed = batch.total
    else:
        hooks: list[Row] = yield All("read_webhook_hook", (batch.project,))  # it ends here
        batch.hooks = hooks[0][0] if hooks else 0
    yield from seal_row(batch, now)
    yield Many("insert_batch", [batch.columns()])
    yield from _put_beside(new)
    yield from write_news([batch])
    return Created(new.id, created=True, total=batch.total, consumed=batch.consumed, sealed=True)


def seal_row(batch: BatchRow, now: int) -> Script[None]:
    """The caller holds the row and saves it."""
    batch.sealed_at, batch.open_until = now, None
    if batch.phase == Phase.open.value:
        batch.phase = Phase.active.value
    yield from close_if_done(batch, now)


def _put_beside(new: NewBatch) -> Script[None]:
    """In statements of their own, which are only made for those who trace, or host code."""
    if new.trace is not None:
        yield Many("set_batch_trace", [(new.id, new.trace)])
    if new.hosted is not None:
        yield from put_place(new.id, new.project, new.hosted, single=new.single)


def new_row(new: NewBatch, now: int) -> BatchRow:
    return BatchRow(
        id=new.id,
        project=new.project,
        task=new.task,
        queue=new.queue,
        name=new.name,
        key=new.key,
        digest=new.digest,
        single=int(new.single),
        keyed=new.keyed,
        phase=Phase.open.value,
        ended=None,
        priority=new.priority,
        policy=new.policy,
        max_concurrency=new.max_concurrency,
        total=0,
        consumed=0,
        succeeded=0,
        failed=0,
        cancelled=0,
        expired=0,
        scheduled=0,
        suspended=0,
        settled=0,
        retries=0,
        losses=0,
        streak=0,
        round=1,
        rank=0,
        stop=None,
        reason=None,
        probe=None,
        metadata=new.metadata,
        created_at=now,
        sealed_at=None,
        started_at=None,
        finished_at=None,
        ramp_at=None,
        deadline_at=new.deadline_at,
        open_until=new.open_until,
        webhooks=msgspec.json.encode(new.webhooks).decode() if new.webhooks else None,
    )


def _add(
    batch: BatchRow,
    chunks: Sequence[Chunk],
    now: int,
    rank: int,
    *,
    run_at: int | None,
    expires_at: int | None,
    priority: int | None = None,
    charged: bool = True,
) -> Script[None]:
    """`charged`: the project may limit what is submitted."""
    if charged:
        yield from charge(batch, chunks, now)
    level = batch.priority if priority is None else priority
    topics: set[str] = set()
    chunk_rows, states, segments = [], [], []
    keys: list[tuple[bytes, str, int]] = []
    tags: list[tuple[int, Sequence[Sequence[str]]]] = []
    laned: list[tuple[int, Chunk]] = []
    for chunk in chunks:
        first = batch.total
        keyed = None if chunk.keys is None else msgspec.json.encode(chunk.keys).decode()
        chunk_rows.append(
            (batch.id, first, chunk.count, chunk.starts, keyed, chunk.blobs, chunk.payloads, write_extras(chunk.extras))
        )
        content = bytearray(chunk.count)
        for one in chunk.placings or (Placing(range(chunk.count)),):
            due_at = run_at if one.run_at is None else one.run_at
            later = due_at is not None and due_at > now
            segment = NewSegment(
                first=first,
                offsets=one.offsets,
                priority=level if one.priority is None else one.priority,
                round=1,
                attempt=1,
                status=SegmentStatus.scheduled if later else SegmentStatus.ready,
                due_at=due_at if later else None,
                lane=one.lane,
                cost=one.cost,
            )
            ends = expires_at if one.expires_at is None else one.expires_at
            segments.append(segment.columns(batch, now=now, rank=rank, expires_at=ends))
            topics.add("timer" if later else f"task:{batch.task}")
            if later:
                for offset in one.offsets:
                    content[offset] = 1
                batch.scheduled += len(one.offsets)
            else:
                rank += len(one.offsets)
        states.append((batch.id, first, bytes(content)))
        if chunk.keys is not None:
            keys.extend((batch.id, key, first + offset) for offset, key in enumerate(chunk.keys))
        if chunk.tags is not None:
            tags.append((first, chunk.tags))
        laned.append((first, chunk))
        batch.total += chunk.count
    batch.rank = rank
    batch.known_open = batch.total - batch.terminal
    if keys:
        batch.keyed |= CALLER_KEYS
        yield from _add_keys(keys)
    if tags and (yield from add_tags(batch.id, tags)):
        batch.keyed |= TAGGED
    yield from add_lanes(batch, laned)
    yield Many("insert_chunk", chunk_rows)
    yield Many("insert_state", states)
    yield Many("insert_segment", segments)
    yield Notify(tuple(topics))


def _add_keys(keys: list[tuple[bytes, str, int]]) -> Script[None]:
    """Inserting finds the duplicates; only when there are some is it looked up whose they are."""
    added: list[Row] = yield Each("insert_item_key", keys)
    if len(added) == len(keys):
        return
    rows: list[Row] = yield Each("find_item_key", [(batch_id, key) for batch_id, key, _ in keys])
    holder: dict[str, int] = {row[0]: row[1] for row in rows}
    raise DuplicateKeys([(key, index, holder[key]) for _, key, index in keys if holder[key] != index][:100])
