"""Outcomes become durable: states, counters, results, failures and retries in one transaction per flush.

Lock order: batches by id, then leases by token with the states of their chunks. Only the holder of a live token
settles; an item that has already ended another way is counted as stale and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.phase import Phase, Stop, over_threshold
from stook.store.script.batch_row import lock_batches, save_batches
from stook.store.script.close import close_if_done
from stook.store.script.dedupe import DEDUPE_KEYS, free_keys
from stook.store.script.flush import Flush
from stook.store.script.log import log_rows, write_logs
from stook.store.script.pause import note_pause
from stook.store.script.plain_settle import settle_plainly
from stook.store.script.probe import after_probe
from stook.store.script.rank import virtual_time
from stook.store.script.remember import write_memos
from stook.store.script.settle_slice import Held, settle_slice
from stook.store.script.stop import stop_waiting
from stook.store.script.suspend import suspend, tell_parents
from stook.store.statement import Each, Many, Notify, Now, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.core.outcome import Settlement
    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["SettleAnswer", "settle"]


class SettleAnswer(msgspec.Struct):
    lost: list[int]
    stale: int = 0
    closed: list[bytes] = msgspec.field(default_factory=list)
    paused: list[bytes] = msgspec.field(default_factory=list)


def settle(settlements: Sequence[Settlement], draw: Callable[[], float], *, last: bool = False) -> Script[SettleAnswer]:
    """Every batch named is locked, so settlements of one batch follow each other and number its outcomes. `last`: one
    of them may well be the last of its batch."""
    if not last and (yield from settle_plainly(settlements)):
        return SettleAnswer([])
    batches = yield from lock_batches(one.batch_id for one in settlements)
    now: int = yield Now()
    rows: list[Row] = yield Each("lock_lease", sorted({(one.token,) for one in settlements}))
    held = {row[0]: Held(*row) for row in rows}
    answer = SettleAnswer([])
    flushes = {batch_id: Flush(batch, now) for batch_id, batch in batches.items()}
    logs: list[tuple[object, ...]] = []
    for one in settlements:
        lease, flush = held.get(one.token), flushes.get(one.batch_id)
        if lease is None or flush is None or lease.batch_id != one.batch_id:
            answer.lost.append(one.token)
        else:
            answer.stale += settle_slice(flush, lease, one, draw)
            if one.logs:
                offsets = range(lease.lo, lease.hi)
                logs += log_rows(
                    lease.token, lease.batch_id, lease.first, offsets, lease.round, lease.attempt, one.logs
                )
    yield from write_flushes(list(flushes.values()), answer)
    if logs:
        yield from write_logs(logs)
    return answer


def write_flushes(flushes: Sequence[Flush], answer: SettleAnswer) -> Script[None]:
    """Writes what the flushes gathered, then lets each batch go on, pause or end."""
    touched = [flush for flush in flushes if flush.touched]
    if not touched:
        return
    if any(flush.suspended for flush in touched):
        yield from suspend(touched)
    yield from _write(touched)
    for flush in touched:
        yield from tell_parents(flush)
        batch = flush.batch
        yield from free_keys(batch, flush.ended if batch.keyed & DEDUPE_KEYS else ())
        yield from after_probe(batch, flush.now, ended=flush.probed, failed=flush.probe_failed)
        if flush.failed:
            yield from _threshold(batch, flush.now, answer)
        if (yield from close_if_done(batch, flush.now)):
            answer.closed.append(batch.id)
    yield from save_batches([flush.batch for flush in touched])
    yield Notify(tuple(f"batch:{flush.batch.id.hex()}" for flush in touched))


def _write(flushes: Sequence[Flush]) -> Script[None]:
    rows: list[tuple[object, ...]]
    yield Many("update_state", [row for flush in flushes for row in flush.state_rows()])
    if rows := [row for flush in flushes for row in flush.forgotten]:
        yield Many("delete_memo", rows)
    yield from write_memos(row for flush in flushes for row in flush.memos)
    if rows := [row for flush in flushes for row in flush.losses]:
        yield Many("insert_loss", rows)
    if rows := [row for flush in flushes for row in flush.outcomes]:
        yield Many("insert_outcome", rows)
    if rows := [row for flush in flushes for row in flush.failures]:
        yield Many("insert_failure", rows)
        yield Many("upsert_failure_group", [row for flush in flushes for row in flush.group_rows()])
    if rows := [row for flush in flushes for row in flush.leases_done]:
        yield Many("delete_lease", rows)
    if rows := [row for flush in flushes for row in flush.leases_left()]:
        yield Many("shrink_lease", rows)
    segments: list[tuple[object, ...]] = []
    topics: set[str] = set()
    for flush in flushes:
        if flush.segments:
            rank = yield from virtual_time(flush.batch)
            segments.extend(one.columns(flush.batch, now=flush.now, rank=rank) for one in flush.segments)
            topics.update((f"task:{flush.batch.task}", "timer"))
    if segments:
        yield Many("insert_segment", segments)
        yield Notify(tuple(topics))


def _threshold(batch: BatchRow, now: int, answer: SettleAnswer) -> Script[None]:
    if batch.phase not in (Phase.active.value, Phase.open.value) or batch.terminal == batch.total:
        return
    policy = batch.task_policy.failures
    total = 0 if batch.sealed_at is None else batch.total  # a ratio is of what there will be, not of what came so far
    why = over_threshold(policy, failed=batch.failed, total=total, streak=batch.streak)
    if why is None:
        return
    batch.reason = why
    match policy.then:
        case "pause":
            batch.phase = Phase.paused.value
            batch.streak = 0
            answer.paused.append(batch.id)
            yield Run("hold_segments", (batch.id, 1))
            yield from note_pause(batch, now)
        case "fail":
            yield from stop_waiting(batch, now, Stop.threshold)
