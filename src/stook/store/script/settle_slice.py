"""One lease's part of a flush: the table moves its items, the policy decides about those that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from stook.core.decide import Fails, Quarantine, Requeue, RetryAt, after_failure, after_loss
from stook.core.fingerprint import fingerprint
from stook.core.memo import stored_key
from stook.core.outcome import Trouble
from stook.core.picks import as_range, remaining
from stook.core.states import Event, State, move
from stook.store.script.remember import MEMOS, memo_rows
from stook.store.script.segment_row import BISECTED, NewSegment, SegmentStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.core.outcome import Settlement
    from stook.store.script.flush import Flush

__all__ = ["Held", "lose_slice", "settle_slice"]

NEVER_QUARANTINED = 1_000_000
"""`max_losses` from which on nobody looks for the item that kills workers: what is lost comes back as it was."""
_RUNNING = bytes([State.queued, State.scheduled])
_SUCCEEDED = bytes([State.succeeded])


class Held(msgspec.Struct, gc=False):
    """A live lease and the states of its chunk: columns of `lock_lease.sql`."""

    token: int
    worker: str
    batch_id: bytes
    first: int
    lo: int
    hi: int
    picks: bytes | None
    priority: int
    round: int
    attempt: int
    losses: int
    alone: int
    closed: int
    expires_at: int
    claimed_at: int
    lane: str
    cost: str | None
    states: bytes

    @property
    def offsets(self) -> Sequence[int]:
        return as_range(self.lo, self.hi, self.picks)


def settle_slice(flush: Flush, lease: Held, settlement: Settlement, draw: Callable[[], float]) -> int:
    """Adds the settlement to the flush; returns how many of its items had ended already."""
    flush.claimed(lease.claimed_at)
    states = flush.chunk_states(lease.first, lease.states)
    open_now = flush.open_left.get(lease.token)
    whole = _whole_success(lease, settlement, states, flush.batch.stop) if open_now is None else False
    if whole:
        lo, hi = lease.lo, lease.hi
        states[lo:hi] = _SUCCEEDED * (hi - lo)
        _succeed(flush, lease, range(lo, hi), settlement.results, settlement.durations, settlement.blobs)
        flush.leases_done.append((lease.token,))
        flush.open_left[lease.token] = ()
        return 0
    still = set(lease.offsets if open_now is None else open_now)
    gone: set[int] = set()
    stale = _successes(flush, lease, settlement, states, still, gone)
    for trouble in settlement.troubles:
        if trouble.offset not in still or trouble.offset in gone:
            stale += 1
            continue
        gone.add(trouble.offset)
        _trouble(flush, lease, trouble, states, draw)
    left = remaining(lease.offsets if open_now is None else open_now, gone)
    flush.open_left[lease.token] = left
    if not left:
        flush.leases_done.append((lease.token,))
    return stale


def _whole_success(lease: Held, settlement: Settlement, states: bytearray, stop: str | None) -> bool:
    count = lease.hi - lease.lo
    return (
        lease.picks is None
        and not settlement.troubles
        and stop not in ("hard", "expire")
        and len(settlement.offsets) == count
        and settlement.offsets[0] == lease.lo
        and settlement.offsets[-1] == lease.hi - 1
        and (isinstance(settlement.offsets, range) or settlement.offsets == list(range(lease.lo, lease.hi)))
        and not states[lease.lo : lease.hi].strip(_RUNNING)
    )


def _successes(
    flush: Flush, lease: Held, settlement: Settlement, states: bytearray, still: set[int], gone: set[int]
) -> int:
    """Items that succeeded, in offset order; those whose cancellation was asked for end cancelled."""
    good: list[tuple[int, int]] = []
    stopped: list[int] = []
    stale = 0
    for place, offset in enumerate(settlement.offsets):
        if offset not in still or offset in gone:
            stale += 1
            continue
        gone.add(offset)
        end = _after(flush, states[offset], Event.succeed)
        states[offset] = end
        if end is State.succeeded:
            good.append((offset, place))
        else:
            stopped.append(offset)
    if good:
        good.sort()
        referenced = set(settlement.blobs)
        _succeed(
            flush,
            lease,
            [offset for offset, _ in good],
            [settlement.results[place] for _, place in good],
            [settlement.durations[place] for _, place in good],
            [at for at, (_, place) in enumerate(good) if place in referenced] if referenced else (),
        )
    for state in (State.cancelled, State.expired):
        if ended := sorted(offset for offset in stopped if states[offset] == state):
            flush.outcome(lease.first, ended, state, round_=lease.round, attempt=lease.attempt)
            flush.count_probe(lease.round, len(ended), failed=len(ended))
    return stale


def _after(flush: Flush, byte: int, event: Event) -> State:
    """The state of an item in a live lease after `event`: it is running, whatever the byte of its last durable state
    says, unless its cancellation was asked for, alone or with its whole batch."""
    now = State.cancelling if byte == State.cancelling or flush.batch.stop in ("hard", "expire") else State.running
    after = move(now, event)
    assert after is not None, "every outcome moves a running execution"
    if after is State.cancelled and flush.batch.stop == "expire":
        return State.expired
    return after


def _succeed(
    flush: Flush,
    lease: Held,
    offsets: Sequence[int],
    results: list[bytes],
    durations: Sequence[int],
    blobs: Sequence[int],
) -> None:
    flush.outcome(
        lease.first,
        offsets,
        State.succeeded,
        round_=lease.round,
        attempt=lease.attempt,
        results=results,
        durations=durations,
        blobs=blobs,
    )
    flush.count_probe(lease.round, len(offsets))


def _trouble(flush: Flush, lease: Held, trouble: Trouble, states: bytearray, draw: Callable[[], float]) -> None:
    policy = flush.batch.task_policy
    if trouble.memos or trouble.forget:
        _note_memos(flush, lease.first + trouble.offset, trouble)
    match trouble.kind:
        case "cancelled":
            overdue = flush.batch.stop == "expire"
            _end(flush, lease, trouble, states, State.expired if overdue else State.cancelled)
        case "released" | "bisected":
            bisected = trouble.kind == "bisected"
            half = trouble.halves if bisected else 0
            _back(flush, lease, trouble.offset, states, Event.release, half=half, grouped=bisected)
        case "lost":
            _lose(flush, lease, trouble, states)
        case "failed":
            decision = after_failure(
                policy=policy.retry,
                max_attempts=policy.max_attempts,
                attempt=lease.attempt,
                retryable=trouble.retryable,
                retry_after=trouble.retry_after,
                now=flush.now,
                draw=draw(),
            )
            match decision:
                case Fails():
                    _fail(flush, lease, trouble, states, nth=0)
                case RetryAt(due_at):
                    _retry(flush, lease, trouble, states, due_at)
                case _:
                    assert_never(decision)
        case "suspended":
            _suspend(flush, lease, trouble, states)
        case _:
            assert_never(trouble.kind)


def _lose(flush: Flush, lease: Held, trouble: Trouble, states: bytearray) -> None:
    """The process died that ran it, and nothing else."""
    policy = flush.batch.task_policy
    most = policy.max_losses if policy.rerun_lost else 1
    verdict = after_loss(alone=True, losses=lease.losses, max_losses=most)
    flush.batch.losses += 1
    match verdict:
        case Quarantine(losses):
            _fail(flush, lease, trouble, states, nth=losses)
        case Requeue(losses):
            index = lease.first + trouble.offset
            flush.failure(index, trouble, round_=lease.round, attempt=lease.attempt, nth=losses, final=False)
            _back(flush, lease, trouble.offset, states, Event.lose, losses=losses, grouped=True)
        case _:
            assert_never(verdict)


def _note_memos(flush: Flush, index: int, trouble: Trouble) -> None:
    batch = flush.batch
    batch.keyed |= MEMOS
    flush.forgotten += [(batch.id, index, stored_key(key)) for key in trouble.forget]
    flush.memos += memo_rows(batch.id, index, trouble.memos, flush.now)


def _suspend(flush: Flush, lease: Held, trouble: Trouble, states: bytearray) -> None:
    """In a batch that is being stopped there is nothing to wait for: to its end."""
    end = _after(flush, states[trouble.offset], Event.suspend)
    if end is State.suspended and flush.batch.stop is None:
        states[trouble.offset] = end
        flush.suspended.append((lease, trouble))
    else:
        _end(flush, lease, trouble, states, State.expired if end is State.expired else State.cancelled)


def _fail(flush: Flush, lease: Held, trouble: Trouble, states: bytearray, *, nth: int) -> None:
    end = _after(flush, states[trouble.offset], Event.fail)
    final = end is State.failed
    index = lease.first + trouble.offset
    flush.failure(index, trouble, round_=lease.round, attempt=lease.attempt, nth=nth, final=final)
    _end(flush, lease, trouble, states, end)


def _end(flush: Flush, lease: Held, trouble: Trouble, states: bytearray, end: State) -> None:
    states[trouble.offset] = end
    flush.outcome(
        lease.first,
        [trouble.offset],
        end,
        round_=lease.round,
        attempt=lease.attempt,
        durations=(trouble.duration,),
    )
    flush.count_probe(lease.round, 1, failed=1)


def _retry(flush: Flush, lease: Held, trouble: Trouble, states: bytearray, due_at: int) -> None:
    index = lease.first + trouble.offset
    flush.failure(index, trouble, round_=lease.round, attempt=lease.attempt, nth=0, final=False)
    end = _after(flush, states[trouble.offset], Event.retry)
    if end is not State.scheduled or flush.batch.stop is not None:
        _end(flush, lease, trouble, states, State.expired if end is State.expired else State.cancelled)
        return
    states[trouble.offset] = end
    flush.batch.retries += 1
    flush.again(
        lease.first,
        trouble.offset,
        NewSegment(
            first=lease.first,
            offsets=(),
            priority=lease.priority,
            round=lease.round,
            attempt=lease.attempt + 1,
            status=SegmentStatus.scheduled,
            closed=trouble.singly,
            alone=trouble.singly,
            due_at=due_at,
            lane=lease.lane,
            cost=lease.cost,
        ),
    )


def _back(
    flush: Flush,
    lease: Held,
    offset: int,
    states: bytearray,
    event: Event,
    *,
    losses: int | None = None,
    half: int = 0,
    grouped: bool = False,
) -> None:
    """To the queue again, at no attempt's cost; of a batch that is being stopped: to its end."""
    end = _after(flush, states[offset], event)
    if end is not State.queued or flush.batch.stop is not None:
        end = State.expired if end is State.expired else State.cancelled
        states[offset] = end
        flush.outcome(lease.first, [offset], end, round_=lease.round, attempt=lease.attempt)
        flush.count_probe(lease.round, 1, failed=1)
        return
    states[offset] = end
    suspect = losses is not None or bool(lease.alone)
    flush.again(
        lease.first,
        offset,
        NewSegment(
            first=lease.first,
            offsets=(),
            priority=lease.priority,
            round=lease.round,
            attempt=lease.attempt,
            losses=lease.losses if losses is None else losses,
            status=SegmentStatus.suspect if suspect else SegmentStatus.ready,
            closed=BISECTED if grouped else lease.closed,
            alone=losses is not None,
            group=(lease.token, half) if half else None,
            lane=lease.lane,
            cost=lease.cost,
        ),
    )


def lose_slice(flush: Flush, lease: Held) -> None:
    """A lapsed lease: its worker is gone. Its items come back as suspects, in halves; one that was alone with its
    worker has lost it on its own, and after `max_losses` of that it is quarantined."""
    flush.claimed(lease.claimed_at)
    states = flush.chunk_states(lease.first, lease.states)
    offsets = list(lease.offsets)
    flush.leases_done.append((lease.token,))
    flush.open_left[lease.token] = ()
    flush.batch.losses += 1
    flush.losses.extend((lease.batch_id, lease.first + offset, lease.token) for offset in offsets)
    policy = flush.batch.task_policy
    if not policy.rerun_lost:
        for offset in offsets:
            _fail(flush, lease, _gone(offset), states, nth=1)
        return
    if policy.max_losses >= NEVER_QUARANTINED:
        for offset in offsets:
            _back(flush, lease, offset, states, Event.lose)
        return
    if len(offsets) > 1:
        middle = (len(offsets) + 1) // 2
        for place, offset in enumerate(offsets):
            _back(flush, lease, offset, states, Event.lose, losses=lease.losses, half=1 + (place >= middle))
        return
    verdict = after_loss(alone=bool(lease.alone), losses=lease.losses, max_losses=policy.max_losses)
    match verdict:
        case Quarantine(losses):
            _fail(flush, lease, _lost(offsets[0], losses), states, nth=losses)
        case Requeue(losses):
            _back(flush, lease, offsets[0], states, Event.lose, losses=losses)
        case _:
            assert_never(verdict)


def _lost(offset: int, losses: int) -> Trouble:
    return _worker_lost(offset, f"its worker died {losses} times while running it alone")


def _gone(offset: int) -> Trouble:
    return _worker_lost(offset, "its worker died while running it, and its task is not run twice")


def _worker_lost(offset: int, message: str) -> Trouble:
    return Trouble(
        offset=offset,
        kind="lost",
        type="WorkerLost",
        message=message,
        code="worker_lost",
        fingerprint=fingerprint("WorkerLost", message, None),
    )
