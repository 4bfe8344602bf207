"""What time does: due items become ready, lapsed leases come back, deadlines end things. Each verb takes a bounded
bite and says how much it did, so no sweep holds the store for long.

The clock is read again once the batches are locked: what others did while they were waited for came before."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

from stook.core.phase import Phase, Stop
from stook.core.states import State
from stook.store.script.batch_row import lock_batches, save_batches
from stook.store.script.close import close_if_done
from stook.store.script.flush import Flush
from stook.store.script.rank import virtual_time
from stook.store.script.segment_row import SegmentStatus, offsets_of
from stook.store.script.settle import SettleAnswer, write_flushes
from stook.store.script.settle_slice import Held, lose_slice
from stook.store.script.stop import stop_waiting
from stook.store.script.submit import PIECEMEAL, seal_row
from stook.store.statement import All, Each, Many, Notify, Now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stook.store.statement import Row, Script

__all__ = ["LeasesLost", "end_overdue", "expire_leases", "expire_waiting", "lose_workers", "next_due", "promote_due"]

_WAITING = bytes([State.queued, State.scheduled])


class LeasesLost(int):
    """How many leases came back; `items` says whose executions they held, by task and queue."""

    items: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, leases: int, items: Mapping[tuple[str, str], int]) -> Self:
        made = cls(leases)
        made.items = items
        return made


def promote_due(limit: int = 500) -> Script[int]:
    """Scheduled items whose time has come get their place in the fair order: those of one batch one after the other, so
    that a thousand due at once do not all stand at the front."""
    now: int = yield Now()
    due: list[Row] = yield All("due_segments", (now, limit))
    if not due:
        return 0
    batches = yield from lock_batches(batch_id for _, batch_id in due)
    now = yield Now()
    rows: list[Row] = yield Each("lock_due_segment", [(segment_id, now) for segment_id, _ in due])
    content: list[Row] = yield Each("read_state", list({(row[1], row[2]) for row in rows}))
    states = {(batch_id, first): found for batch_id, first, found in content}
    ranks: dict[bytes, int] = {}
    ready, topics = [], set()
    for segment_id, batch_id, first, pos, stop, picks in rows:
        batch = batches[batch_id]
        found = states[batch_id, first]
        batch.scheduled -= sum(found[offset] in _WAITING for offset in offsets_of(pos, stop, picks))
        if batch_id not in ranks:
            ranks[batch_id] = yield from virtual_time(batch)
        ready.append((segment_id, ranks[batch_id], now))
        ranks[batch_id] += stop - pos
        topics.add(f"task:{batch.task}")
    if ready:
        yield Many("ready_segment", ready)
        yield from save_batches(list(batches.values()))
        yield Notify(tuple(topics))
    return len(ready)


def expire_leases(limit: int = 100) -> Script[LeasesLost]:
    """Leases whose worker has not been heard of in time."""
    now: int = yield Now()
    rows: list[Row] = yield All("lapsed_leases", (now, limit))
    return (yield from _lose(rows, lapsed=True))


def lose_workers(workers: Sequence[str]) -> Script[LeasesLost]:
    """Workers known to be dead (their process is gone): their leases come back without waiting for the end."""
    rows: list[Row] = yield Each("worker_leases", [(worker,) for worker in workers])
    lost = yield from _lose(rows, lapsed=False)
    yield Many("delete_worker", [(worker,) for worker in workers])
    return lost


def _lose(rows: Sequence[Row], *, lapsed: bool) -> Script[LeasesLost]:
    items: Counter[tuple[str, str]] = Counter()
    if not rows:
        return LeasesLost.of(0, items)
    batches = yield from lock_batches(batch_id for _, batch_id, _ in rows)
    now: int = yield Now()
    leases: list[Row] = yield Each("lock_lease", sorted({(token,) for token, _, _ in rows}))
    flushes = {batch_id: Flush(batch, now) for batch_id, batch in batches.items()}
    lost = 0
    for row in leases:
        held = Held(*row)
        if lapsed and held.expires_at > now:
            continue
        lose_slice(flushes[held.batch_id], held)
        lost += 1
        batch = batches[held.batch_id]
        items[batch.task, batch.queue] += len(held.offsets)
    yield from write_flushes(list(flushes.values()), SettleAnswer([]))
    return LeasesLost.of(lost, items)


def expire_waiting(limit: int = 500) -> Script[int]:
    """Items that had to start by now and did not."""
    now: int = yield Now()
    due: list[Row] = yield All("expiring_segments", (now, limit))
    if not due:
        return 0
    batches = yield from lock_batches(batch_id for _, batch_id in due)
    now = yield Now()
    rows: list[Row] = yield Each("lock_expiring_segment", [(segment_id,) for segment_id, _ in due])
    content: list[Row] = yield Each("lock_state", list({(row[1], row[2]) for row in rows}))
    states = {(batch_id, first): found for batch_id, first, found in content}
    flushes = {batch_id: Flush(batch, now) for batch_id, batch in batches.items()}
    expired = 0
    for _, batch_id, first, pos, stop, picks, status in rows:
        flush = flushes[batch_id]
        found = flush.chunk_states(first, states[batch_id, first])
        offsets = [offset for offset in offsets_of(pos, stop, picks) if found[offset] in _WAITING]
        for offset in offsets:
            found[offset] = State.expired
        if offsets:
            flush.outcome(first, offsets, State.expired, round_=flush.batch.round, attempt=0)
        if status == SegmentStatus.scheduled:
            flush.batch.scheduled -= len(offsets)
        expired += len(offsets)
    yield Many("delete_segment", [(row[0],) for row in rows])
    yield from write_flushes(list(flushes.values()), SettleAnswer([]))
    return expired


def end_overdue(limit: int = 20) -> Script[int]:
    """Batches past their deadline expire; open batches whose producer has not been heard of in time are cancelled, or
    sealed where each of its commits was to count."""
    now: int = yield Now()
    overdue: list[Row] = yield All("overdue_batches", (now, limit))
    abandoned: list[Row] = yield All("abandoned_batches", (now, limit))
    batches = yield from lock_batches(batch_id for (batch_id,) in (*overdue, *abandoned))
    now = yield Now()
    ended = []
    for batch in batches.values():
        if batch.ended_phase or batch.stop in (Stop.expire.value, Stop.hard.value):
            continue
        if batch.deadline_at is not None and batch.deadline_at <= now:
            batch.reason, stop = "its deadline has passed", Stop.expire
        elif batch.phase == Phase.open.value and batch.open_until is not None and batch.open_until <= now:
            if batch.keyed & PIECEMEAL:
                yield from seal_row(batch, now)
                ended.append(batch)
                continue
            batch.reason, stop = "its submission was never finished", Stop.soft
        else:
            continue  # it went on while its lock was waited for
        yield from stop_waiting(batch, now, stop)
        yield from close_if_done(batch, now)
        ended.append(batch)
    yield from save_batches(ended)
    return len(ended)


def next_due() -> Script[int | None]:
    """When the next of these verbs will have something to do; None: nothing is timed."""
    rows: list[Row] = yield All("next_due")
    return min((at for (at,) in rows if at is not None), default=None)
