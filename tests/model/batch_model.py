"""What a store is for, in a few dicts: no chunks, no segments, no bytes, no locks. Compared with the real ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stook.core.phase import Counters, Stop, ended_state
from stook.core.states import TERMINAL, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["Batch", "Item", "Lease", "Model", "Refused"]

SECOND = 1_000_000
DELAY = 10
"""Seconds of back-off of every retry."""


class Refused(Exception):
    """The verb says `Conflict`."""


@dataclass
class Item:
    """`state` is queued (may run), scheduled, running or an end. Suspects wait for an idle worker, herd by herd."""

    index: int
    state: State
    priority: int
    due_at: int = 0
    expires_at: int | None = None
    key: str | None = None
    """The dedupe key it holds."""
    attempt: int = 1
    round: int = 1
    losses: int = 0
    asked: bool = False
    suspect: bool = False
    herd: object = None

    def waits(self, *, suspect: bool = False, herd: object = None, **changes: int) -> None:
        self.state, self.expires_at, self.asked = State.queued, None, False
        self.suspect, self.herd = suspect, herd
        for name, value in changes.items():
            setattr(self, name, value)


@dataclass
class Lease:
    batch: Batch
    items: dict[int, Item]
    worker: str
    alone: bool
    expires_at: int


@dataclass
class Batch:
    id: bytes
    priority: int
    max_attempts: int
    max_losses: int
    limit: int | None
    deadline_at: int | None
    open_until: int | None
    items: list[Item] = field(default_factory=list)
    consumed: int = 0
    sealed: bool = False
    phase: str = "open"
    stop: str | None = None
    ended: str | None = None
    round: int = 1
    retries: int = 0
    losses: int = 0
    settled: int = 0
    finished: int = 0
    probe: list[int] | None = None
    """[tried, left, failed, the index behind the last tried, states in scope]"""
    scope: frozenset[State] = frozenset()

    def counters(self) -> Counters:
        states = [item.state for item in self.items]
        names = ("succeeded", "failed", "cancelled", "expired", "scheduled", "suspended", "running")
        return Counters(total=len(states), **{name: states.count(State[name]) for name in names})

    @property
    def stopped(self) -> bool:
        return self.stop in ("hard", "expire")


class Model:
    def __init__(self) -> None:
        self.now = 0
        self.batches: dict[bytes, Batch] = {}
        self.leases: dict[int, Lease] = {}

    # ------------------------------------------------------------------------------------------ intake

    def append(
        self, batch: Batch, keys: Sequence[str | None], *, run_at: int | None, expires_at: int | None
    ) -> list[tuple[int, bytes, int]]:
        """An item for each of the dedupe keys. Those left out: (offset, batch, index) of who holds the key."""
        if batch.sealed or batch.phase not in ("open", "paused"):
            raise Refused
        later = run_at is not None and run_at > self.now
        state = State.scheduled if later else State.queued
        holders = {item.key: (one.id, item.index) for one in self.batches.values() for item in one.items if item.key}
        left_out = []
        for offset, key in enumerate(keys):
            if key in holders:
                left_out.append((offset, *holders[key]))
                continue
            item = Item(len(batch.items), state, batch.priority, run_at or 0, expires_at, key)
            batch.items.append(item)
            if key is not None:
                holders[key] = batch.id, item.index
        batch.consumed += len(keys)
        return left_out

    def seal(self, batch: Batch) -> None:
        batch.sealed = True
        if batch.phase == "open":
            batch.phase = "active"
        self._close(batch)

    # -------------------------------------------------------------------------------------------- work

    def room(self, batch: Batch) -> int:
        if batch.phase not in ("open", "active"):
            return 0
        return 10**9 if batch.limit is None else batch.limit - batch.counters().running

    def ready(self, *, suspect: bool) -> list[tuple[Batch, Item]]:
        """What may be claimed now."""
        return [
            (batch, item)
            for batch in self.batches.values()
            if self.room(batch) > 0
            for item in batch.items
            if item.state is State.queued
            and item.suspect == suspect
            and (item.expires_at is None or item.expires_at > self.now)
        ]

    def claimed(
        self, token: int, batch: Batch, indexes: Iterable[int], worker: str, until: int, *, alone: bool
    ) -> None:
        items = {index: batch.items[index] for index in indexes}
        for item in items.values():
            assert item.state is State.queued
            assert item.suspect == alone
            item.state = State.running
        self.leases[token] = Lease(batch, items, worker, alone, until)

    def settle(self, token: int, verdicts: Mapping[int, str]) -> tuple[bool, int]:
        """Whether the token was live, and how many of the items had ended before."""
        lease = self.leases.get(token)
        if lease is None:
            return False, 0
        stale, together = 0, object()
        for index, verdict in verdicts.items():
            item = lease.items.pop(index, None)
            if item is None:
                stale += 1
            else:
                self._verdict(lease, item, verdict, herd=together)
        if not lease.items:
            del self.leases[token]
        self._after(lease.batch)
        return True, stale

    def _verdict(self, lease: Lease, item: Item, verdict: str, herd: object) -> None:
        batch = lease.batch
        stopped = batch.stopped or item.asked
        end = State.expired if batch.stop == "expire" else State.cancelled
        match verdict:
            case "succeed":
                self._end(batch, item, end if stopped else State.succeeded)
            case "cancelled":
                self._end(batch, item, end)
            case "fail for good":
                self._end(batch, item, end if stopped else State.failed)
            case "fail" if item.attempt >= batch.max_attempts:
                self._end(batch, item, end if stopped else State.failed)
            case "fail" if stopped or batch.stop:
                self._end(batch, item, end)
            case "fail":
                batch.retries += 1
                item.waits(attempt=item.attempt + 1, losses=0, due_at=self.now + DELAY * SECOND)
                item.state = State.scheduled
            case "release" if stopped or batch.stop:
                self._end(batch, item, end)
            case "release":
                item.waits(suspect=lease.alone, herd=herd)
            case "lose":
                batch.losses += 1
                self._lost_alone(batch, item)
            case _:
                raise ValueError(verdict)

    def _lost_alone(self, batch: Batch, item: Item) -> None:
        stopped = batch.stopped or item.asked
        end = State.expired if batch.stop == "expire" else State.cancelled
        if item.losses + 1 >= batch.max_losses:
            self._end(batch, item, end if stopped else State.failed)
        elif stopped or batch.stop:
            self._end(batch, item, end)
        else:
            item.waits(suspect=True, herd=object(), losses=item.losses + 1)

    def lose(self, tokens: Iterable[int]) -> int:
        """Their workers are gone."""
        lost = [(token, self.leases.pop(token)) for token in list(tokens)]
        for token, lease in lost:
            batch, items = lease.batch, sorted(lease.items.values(), key=lambda item: item.index)
            batch.losses += 1
            if len(items) == 1 and lease.alone:
                self._lost_alone(batch, items[0])
                continue
            for place, item in enumerate(items):
                if batch.stop or item.asked:
                    self._end(batch, item, State.expired if batch.stop == "expire" else State.cancelled)
                else:
                    item.waits(suspect=True, herd=(token, place >= (len(items) + 1) // 2))
        for batch in {id(lease.batch): lease.batch for _, lease in lost}.values():
            self._after(batch)
        return len(lost)

    # ------------------------------------------------------------------------------------------- time

    def promote(self) -> None:
        for batch in self.batches.values():
            if batch.phase in ("open", "active"):
                for item in batch.items:
                    if item.state is State.scheduled and item.due_at <= self.now:
                        item.state = State.queued

    def expire_waiting(self) -> int:
        count = 0
        for batch in self.batches.values():
            for item in batch.items:
                due = item.expires_at is not None and item.expires_at <= self.now
                if due and item.state in (State.queued, State.scheduled):
                    self._end(batch, item, State.expired)
                    count += 1
            self._after(batch)
        return count

    def end_overdue(self) -> int:
        count = 0
        for batch in self.batches.values():
            if batch.phase == "closed" or batch.stopped:
                continue
            if batch.deadline_at is not None and batch.deadline_at <= self.now:
                self._stop(batch, "expire")
                count += 1
            elif batch.phase == "open" and batch.open_until is not None and batch.open_until <= self.now:
                self._stop(batch, "soft")
                count += 1
        return count

    # ------------------------------------------------------------------------------------------ people

    def cancel(self, batch: Batch, *, hard: bool) -> None:
        if batch.phase == "closed":
            raise Refused
        if batch.stop is None or (hard and batch.stop != "hard"):
            self._stop(batch, "hard" if hard else "soft")

    def _stop(self, batch: Batch, why: str) -> None:
        batch.stop, batch.phase, batch.probe, batch.sealed = why, "cancelling", None, True
        for item in batch.items:
            if item.state in (State.queued, State.scheduled):
                self._end(batch, item, State.expired if why == "expire" else State.cancelled)
        self._close(batch)

    def cancel_items(self, batch: Batch, indexes: Collection[int]) -> tuple[list[int], list[int]]:
        """Those that ended, and those that were asked to."""
        ended, asked = [], []
        for index in sorted(set(indexes) & set(range(len(batch.items)))):
            item = batch.items[index]
            if item.state is State.running:
                item.asked = True
                asked.append(index)
            elif item.state not in TERMINAL:
                self._end(batch, item, State.cancelled)
                ended.append(index)
        self._after(batch)
        return ended, asked

    def pause(self, batch: Batch) -> None:
        if batch.phase not in ("open", "active", "paused"):
            raise Refused
        batch.phase = "paused"

    def resume(self, batch: Batch) -> None:
        if batch.phase not in ("open", "active", "paused"):
            raise Refused
        batch.phase = "active" if batch.sealed else "open"

    def retry(self, batch: Batch, states: Collection[State], indexes: Collection[int] | None, probe: int | None) -> int:
        if (batch.stop is not None and batch.phase != "closed") or batch.probe is not None:
            raise Refused
        chosen = self._in_scope(batch, states, indexes, 0)[:probe]
        self._reopen(batch, chosen)
        if chosen and len(chosen) == probe:
            batch.probe = [probe, probe, 0, chosen[-1].index + 1]
            batch.scope, batch.indexes = frozenset(states), indexes
        return len(chosen)

    def _in_scope(
        self, batch: Batch, states: Collection[State], indexes: Collection[int] | None, after: int
    ) -> list[Item]:
        return [
            item for item in batch.items[after:] if item.state in states and (indexes is None or item.index in indexes)
        ]

    def _reopen(self, batch: Batch, chosen: list[Item]) -> None:
        if not chosen:
            return
        batch.round += 1
        batch.ended = batch.stop = None
        if batch.phase != "paused":
            batch.phase = "active" if batch.sealed else "open"
        if batch.deadline_at is not None and batch.deadline_at <= self.now:
            batch.deadline_at = None
        for item in chosen:
            item.waits(attempt=1, losses=0, round=batch.round, priority=batch.priority)

    def delete(self, batch: Batch) -> None:
        if batch.phase != "closed":
            raise Refused
        del self.batches[batch.id]

    # --------------------------------------------------------------------------------------------- ends

    def _end(self, batch: Batch, item: Item, state: State) -> None:
        item.state, item.key = state, None
        batch.settled += 1
        if batch.probe is not None and item.round == batch.round:
            batch.probe[1] -= 1
            batch.probe[2] += state is not State.succeeded

    def _after(self, batch: Batch) -> None:
        if batch.probe is not None and batch.probe[1] <= 0:
            tried, _, failed, after = batch.probe
            batch.probe = None
            if failed * 2 <= tried:
                self._reopen(batch, self._in_scope(batch, batch.scope, batch.indexes, after))
        self._close(batch)

    def _close(self, batch: Batch) -> None:
        done = all(item.state in TERMINAL for item in batch.items)
        if batch.sealed and done and batch.probe is None and batch.phase != "closed":
            stop = None if batch.stop is None else Stop(batch.stop)
            batch.phase, batch.ended = "closed", ended_state(batch.counters(), stop).value
            batch.finished += 1
