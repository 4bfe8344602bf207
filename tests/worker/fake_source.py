"""A source in memory: leases, fencing, retries, losses and halves as the engine has them, without its clock.

Back-offs take no time: a retry is claimable at once, and what it asked for is in `troubles`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.errors import StoreUnavailable
from stook.core.ids import execution_id
from stook.core.log import AttemptLogs, read_lines
from stook.core.memo import Memo, MemoError
from stook.core.payload import encode
from stook.core.policy import TaskPolicy
from stook.worker.source import Claimed, Renewed, Settled, Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stook.core.extras import ItemExtras
    from stook.core.log import LogLine, LogPart
    from stook.core.wait import Wait
    from stook.worker.source import Claim, Remember, Settlement, Trouble

__all__ = ["FakeBatch", "FakeSource", "Segment"]


@dataclass
class FakeBatch:
    id: bytes
    payloads: list[bytes]
    states: list[str]
    results: list[bytes | None]
    runs: list[int]
    """How often each item was claimed."""
    troubles: list[list[Trouble]]
    losses: list[int]
    memos: list[dict[str, Memo]]
    """What each item remembers."""
    waiting: list[tuple[Wait, ...]]
    """What each suspended item waits for."""

    def values(self):
        return [None if raw is None else raw.decode() for raw in self.results]

    def only(self, index: int = 0) -> Trouble:
        assert len(self.troubles[index]) == 1, self.troubles[index]
        return self.troubles[index][0]


@dataclass
class Segment:
    batch: FakeBatch
    task: str
    policy: TaskPolicy
    offsets: list[int]
    attempt: int = 1
    closed: bool = False
    exclusive: bool = False
    forced: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    lane: str = ""
    project: str = ""
    extras: dict[int, ItemExtras] = field(default_factory=dict)
    window_closes_in: float | None = None
    woken: bool = False


class FakeSource:
    def __init__(self) -> None:
        self.batches: list[FakeBatch] = []
        self.ready: deque[Segment] = deque()
        self.leases: dict[int, Segment] = {}
        self.claims: list[Claim] = []
        self.settlements: list[Settlement] = []
        self.renewals: list[tuple[tuple[int, ...], float]] = []
        self.claim_errors: list[BaseException] = []
        self.settle_errors: list[BaseException] = []
        self.renew_errors: list[BaseException] = []
        self.kept: list[AttemptLogs] = []
        self.keep_errors: list[BaseException] = []
        self.refuses: Callable[[Settlement], bool] = lambda _: False
        self.refusal: type[Exception] = ValueError
        self.settle_gate: asyncio.Event | None = None
        self.remembered: list[list[Remember]] = []
        """What each call was told."""
        self.remember_errors: list[BaseException] = []
        self.remember_gate: asyncio.Event | None = None
        self.announced: float | None = None
        self.limit: int | None = None
        """Of items leased at one time."""
        self.stale = 0
        self._asked: dict[int, set[int]] = {}
        self._suspended: dict[tuple[bytes, int], Segment] = {}
        self._tokens = count(1)
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._lock = threading.Lock()

    # ------------------------------------------------------------------------------------------------- for tests

    def submit(
        self,
        payloads: Iterable[Any],
        *,
        task: str = "t",
        policy: TaskPolicy | None = None,
        per_slice: int = 512,
        **segment: Any,
    ) -> FakeBatch:
        raws = [encode(payload) for payload in payloads]
        size = len(raws)
        number = len(self.batches) + 1
        batch = FakeBatch(
            number.to_bytes(12, "big") + b"\0\0\0\0",
            raws,
            ["queued"] * size,
            [None] * size,
            [0] * size,
            [[] for _ in raws],
            [0] * size,
            [{} for _ in raws],
            [() for _ in raws],
        )
        self.batches.append(batch)
        for at in range(0, size, per_slice):
            offsets = list(range(at, min(size, at + per_slice)))
            self.ready.append(Segment(batch, task, policy or TaskPolicy(), offsets, **segment))
        self._changed.set()
        return batch

    def said(self, batch: FakeBatch, offset: int = 0) -> list[LogLine]:
        """What is in its log, as the store would have it: later parts go before earlier ones of the same number."""
        parts: dict[tuple[int, int], LogPart] = {}
        bodies: dict[tuple[int, int, int], bytes] = {}
        for one in [*self.kept, *self.settlements]:
            if one.batch_id == batch.id:
                for part in one.parts if isinstance(one, AttemptLogs) else one.logs:
                    if part.leader is None:
                        bodies[one.token, part.offset, part.part] = part.body
                    if part.offset == offset:
                        parts[one.token, part.part] = part
        own = execution_id(batch.id, offset)
        return [
            line
            for (token, number), part in sorted(parts.items())
            for line in read_lines(bodies[token, offset if part.leader is None else part.leader, number])
            if line.of in (None, own)
        ]

    async def ended(self, batch: FakeBatch) -> None:
        """Every item of the batch has come to its end, or waits."""
        while set(batch.states) & {"queued", "running"}:
            self._ended.clear()
            await self._ended.wait()

    async def until(self, condition: Callable[[], Any]) -> None:
        """`condition` holds after something was claimed, settled or renewed."""
        while not condition():
            self._ended.clear()
            await self._ended.wait()

    def wake(self, batch: FakeBatch, offset: int = 0, **values: Any) -> None:
        """All that the item waits for has come: each key's value, or its `MemoError`; None of those not named."""
        with self._lock:
            assert batch.states[offset] == "suspended"
            for wait in batch.waiting[offset]:
                value = values.get(wait.key)
                error = value if isinstance(value, MemoError) else None
                raw = b"null" if error is not None else encode(value)
                batch.memos[offset][wait.key] = Memo(wait.key, wait.kind, raw, error, wait.code)
            batch.waiting[offset] = ()
            woken = self._suspended.pop((batch.id, offset))
            alike = [one for one in self.ready if one.batch is batch and one.woken and one.lane == woken.lane]
            if alike:
                alike[0].offsets = sorted([*alike[0].offsets, offset])
                batch.states[offset] = "queued"
            else:
                self._queue(replace(woken, woken=True), [offset])

    def cancel(self, batch: FakeBatch, *offsets: int) -> None:
        for token, segment in self.leases.items():
            if segment.batch is batch:
                asked = set(offsets or segment.offsets) & set(segment.offsets)
                if asked:
                    self._asked.setdefault(token, set()).update(asked)

    def lose(self, batch: FakeBatch) -> None:
        """The leases lapse: what was held is queued again."""
        with self._lock:
            for token, segment in list(self.leases.items()):
                if segment.batch is batch:
                    del self.leases[token]
                    self._queue(segment, segment.offsets)

    # ---------------------------------------------------------------------------------------------- the protocol

    async def claim(self, claim: Claim) -> Claimed:
        self.claims.append(claim)
        if self.claim_errors:
            raise self.claim_errors.pop(0)
        with self._lock:
            busy = sum(len(one.offsets) for one in self.leases.values())
            room = claim.items if self.limit is None else min(claim.items, self.limit - busy)
            slices = self._lease(msgspec.structs.replace(claim, items=room))
            limited = room < claim.items and any(one.task in claim.tasks for one in self.ready)
        suspects = any(one.exclusive and one.task in claim.tasks for one in self.ready)
        self._ended.set()
        return Claimed(slices, suspects=suspects, wait=self.announced, limited=limited)

    def _lease(self, claim: Claim) -> list[Slice]:
        suspects = [one for one in self.ready if one.exclusive and one.task in claim.tasks]
        if suspects and claim.idle:
            self.ready.remove(suspects[0])
            return [self._slice(suspects[0])]
        found: list[Slice] = []
        left = claim.items
        for segment in list(self.ready):
            if segment.task not in claim.tasks or segment.exclusive:
                continue
            if left <= 0 or len(found) == claim.slices:
                break
            take = len(segment.offsets) if segment.closed else min(left, len(segment.offsets))
            taken = replace(segment, offsets=segment.offsets[:take])
            segment.offsets = segment.offsets[take:]
            if not segment.offsets:
                self.ready.remove(segment)
            left -= take
            found.append(self._slice(taken))
        return found

    def _slice(self, segment: Segment) -> Slice:
        token = next(self._tokens)
        self.leases[token] = segment
        batch, offsets = segment.batch, segment.offsets
        for offset in offsets:
            assert batch.states[offset] == "queued", "one item is in one place"
            batch.states[offset] = "running"
            batch.runs[offset] += 1
        run = offsets == list(range(offsets[0], offsets[-1] + 1))
        return Slice(
            token=token,
            batch_id=batch.id,
            first=0,
            offsets=range(offsets[0], offsets[-1] + 1) if run else offsets,
            payload=b"[" + b",".join(batch.payloads[offset] for offset in offsets) + b"]",
            task=segment.task,
            attempt=segment.attempt,
            round=1,
            priority=0,
            policy=segment.policy,
            created_at=1_700_000_000_000_000,
            lease_until=0,
            exclusive=segment.exclusive,
            closed=segment.closed,
            forced=segment.forced,
            metadata=segment.metadata,
            lane=segment.lane,
            project=segment.project,
            extras=segment.extras,
            window_closes_in=segment.window_closes_in,
            memos={one: list(batch.memos[one].values()) for one in offsets if batch.memos[one]},
        )

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        if self.settle_gate is not None:
            await self.settle_gate.wait()
        if self.settle_errors:
            raise self.settle_errors.pop(0)
        for one in settlements:
            if self.refuses(one):
                raise self.refusal("refused")
        lost = []
        with self._lock:
            for one in settlements:
                self.settlements.append(one)
                if one.token in self.leases:
                    self._settle(one, self.leases[one.token])
                else:
                    lost.append(one.token)
        self._ended.set()
        return Settled(lost=lost, stale=self.stale)

    def _settle(self, one: Settlement, lease: Segment) -> None:  # noqa: C901, PLR0912 -- one branch per kind of trouble
        batch = lease.batch
        assert list(one.offsets) == sorted(one.offsets)
        assert len(one.offsets) == len(one.results) == len(one.durations)
        settled = [*one.offsets, *(trouble.offset for trouble in one.troubles)]
        assert len(set(settled)) == len(settled)
        assert set(settled) <= set(lease.offsets), "each item once"
        lease.offsets = [offset for offset in lease.offsets if offset not in set(settled)]
        if not lease.offsets:
            del self.leases[one.token]
        for offset, result in zip(one.offsets, one.results, strict=True):
            batch.states[offset], batch.results[offset] = "succeeded", result
        halves: dict[int, list[int]] = {}
        for trouble in one.troubles:
            batch.troubles[trouble.offset].append(trouble)
            for key in trouble.forget:
                del batch.memos[trouble.offset][key]
            match trouble.kind:
                case "failed" if trouble.retryable and lease.attempt < lease.policy.max_attempts:
                    again = replace(lease, attempt=lease.attempt + 1, closed=trouble.singly)
                    self._queue(again, [trouble.offset])
                case "failed":
                    batch.states[trouble.offset] = "failed"
                case "suspended":
                    batch.states[trouble.offset] = "suspended"
                    batch.waiting[trouble.offset] = trouble.waits
                    slept = "".join(f"|{wait.key}" for wait in trouble.waits) if lease.policy.batch else ""
                    self._suspended[batch.id, trouble.offset] = replace(
                        lease, closed=False, forced=None, lane=lease.lane + slept
                    )
                case "released":
                    self._queue(lease, [trouble.offset])
                case "cancelled":
                    batch.states[trouble.offset] = "cancelled"
                case "lost":
                    batch.losses[trouble.offset] += 1
                    if batch.losses[trouble.offset] >= lease.policy.max_losses:
                        batch.states[trouble.offset] = "failed"
                    else:
                        self._queue(replace(lease, exclusive=True), [trouble.offset])
                case "bisected":
                    halves.setdefault(trouble.halves, []).append(trouble.offset)
        for half in halves.values():
            self._queue(replace(lease, closed=True, forced="bisect"), half)

    def _queue(self, like: Segment, offsets: list[int]) -> None:
        for offset in offsets:
            like.batch.states[offset] = "queued"
        self.ready.append(replace(like, offsets=sorted(offsets)))
        self._changed.set()

    async def remember(self, writes: Sequence[Remember]) -> Sequence[int]:
        self.remembered.append(list(writes))
        if self.remember_gate is not None:
            await self.remember_gate.wait()
        if self.remember_errors:
            raise self.remember_errors.pop(0)
        lost = []
        with self._lock:
            for one in writes:
                lease = self.leases.get(one.token)
                if lease is None or one.offset not in lease.offsets:
                    lost.append(one.token)
                    continue
                for memo in one.memos:
                    if memo.kind == "state":
                        lease.batch.memos[one.offset].pop(memo.key, None)
                    lease.batch.memos[one.offset].setdefault(memo.key, memo)
        self._ended.set()
        return lost

    async def keep_logs(self, logs: Sequence[AttemptLogs]) -> None:
        if self.keep_errors:
            raise self.keep_errors.pop(0)
        self.kept += [one for one in logs if one.token in self.leases]
        self._ended.set()

    def renew(self, worker: str, tokens: Sequence[int], lease: float) -> Renewed:
        self.renewals.append((tuple(tokens), lease))
        if self.renew_errors:
            raise self.renew_errors.pop(0)
        lost = [token for token in tokens if token not in self.leases]
        return Renewed(lost, [(token, sorted(asked)) for token, asked in self._asked.items() if token in tokens])

    async def wait(self, tasks: Sequence[str], timeout: float) -> bool:
        self._changed.clear()
        if any(one.task in tasks and not one.exclusive for one in self.ready):
            return True
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            return False
        return True


def unavailable() -> StoreUnavailable:
    return StoreUnavailable("the database does not answer")
