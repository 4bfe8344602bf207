"""Work for workers of this process, straight from the store."""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING, Final

from stook.core.errors import PayloadTooLarge, StoreError, StoreUnavailable
from stook.core.fingerprint import fingerprint
from stook.core.memo import MemoError
from stook.core.outcome import Settlement, Trouble
from stook.core.work import Claim, Claimed, Remember, Renewed, Settled, Slice
from stook.store.script.claim import LATER, Ask, claim
from stook.store.script.log import keep_logs
from stook.store.script.plain_claim import Plain
from stook.store.script.remember import remember
from stook.store.script.renew import look, renew
from stook.store.script.settle import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.log import AttemptLogs
    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["LocalSource", "topics_of"]

MOST_SINGLES: Final = 10_000
"""One that is forgotten costs its settlement a statement more."""


class LocalSource:
    """Implements `stook.worker.source.Source`, for one worker. `still`: the store's clock is moved by hand, so that
    nobody waits for what a claim announces for later. `project`: only its work is claimed; else that of all."""

    def __init__(self, store: Store, blobs: Blobs, *, still: bool = False, project: str | None = None) -> None:
        self._store = store
        self._blobs = blobs
        self._still = still
        self._project = project
        self.announced: int | None = None
        """Microseconds after which a claim may bring something that it does not yet; the least since it was cleared."""
        self._plain = Plain()
        self._singles: dict[int, None] = {}
        """Tokens of what may be all there is of its batch, oldest first; those whose worker died are never settled."""
        self._mark: int | None = None
        """Before the first claim since the last wait."""

    async def claim(self, claim_: Claim) -> Claimed:
        if self._mark is None:
            self._mark = self._store.mark()
        lease = round(claim_.lease * 1_000_000)
        ask = Ask(
            worker=claim_.worker,
            tasks=claim_.tasks,
            items=claim_.items,
            slices=claim_.slices,
            idle=claim_.idle,
            hurried=claim_.hurried,
            lease_until=lambda now: now + lease,
            tokens=lambda: secrets.randbits(62),
            project=self._project,
            plain=self._plain,
            pivot=lambda: secrets.token_hex(4),
        )
        claimed = await self._store.write(claim, ask)
        self._singles.update((one.token, None) for one in claimed.slices if one.single)
        while len(self._singles) > MOST_SINGLES:
            del self._singles[next(iter(self._singles))]
        if any(one.blobs or one.memo_blobs for one in claimed.slices):
            claimed.slices = [
                one for one in claimed.slices if not (one.blobs or one.memo_blobs) or await self._is_resolved(one)
            ]
        if claimed.wait is not None:
            wait = round(claimed.wait * 1_000_000)
            self.announced = wait if self.announced is None else min(self.announced, wait)
            if (self._still or claim_.hurried) and claimed.wait > LATER:
                claimed.wait = None  # what other claims hold is free in a moment, whatever the clock says
        return claimed

    async def _is_resolved(self, work: Slice) -> bool:
        """With all bodies in place. Items whose body is lost fail as attempts do, their neighbours run."""
        lost = await self._blobs.resolve_slice(work) if work.blobs else {}
        for offset, place, batch_id in work.memo_blobs:
            if offset in work.offsets:
                await self._resolve_memo(work, offset, place, batch_id)
        work.memo_blobs = ()
        if lost:
            troubles = [_unreadable(offset, error) for offset, error in lost.items()]
            await self.settle([Settlement(work.token, work.batch_id, (), [], (), troubles)])
        return bool(work.offsets)

    async def _resolve_memo(self, work: Slice, offset: int, place: int, batch_id: bytes) -> None:
        """A child's large result lies with the child. One that is lost is an error that the parent can catch."""
        memo = work.memos[offset][place]
        try:
            memo.value = await self._blobs.get(batch_id, memo.value)
        except StoreUnavailable:
            raise
        except StoreError as error:
            memo.value, memo.error = b"null", MemoError("failed", type(error).__name__, str(error))

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        for one in settlements:
            await self._blobs.store_results(one)
        single = any(one.token in self._singles for one in settlements)
        answer = await self._store.write(settle, settlements, random.random, last=single)
        for one in settlements:
            self._singles.pop(one.token, None)
        return Settled(lost=answer.lost, stale=answer.stale, closed=answer.closed)

    def renew(self, worker: str, tokens: Sequence[int], lease: float) -> Renewed:  # noqa: ARG002 - tokens say it all
        """With `lease` 0 it only looks for cancellations and lost leases."""
        if lease > 0:
            length = round(lease * 1_000_000)
            answer = self._store.write_blocking(renew, tokens, lambda now: now + length)
        else:
            answer = self._store.write_blocking(look, tokens)
        return Renewed(lost=answer.lost, cancelled=answer.cancelled)

    async def remember(self, writes: Sequence[Remember]) -> Sequence[int]:
        """`PayloadTooLarge` for a value above the limit: then nothing is written."""
        largest = max((len(memo.value) for one in writes for memo in one.memos), default=0)
        if largest > self._blobs.most:
            raise PayloadTooLarge(largest, self._blobs.most)
        return await self._store.write(remember, writes)

    async def keep_logs(self, logs: Sequence[AttemptLogs]) -> None:
        await self._store.write(keep_logs, logs)

    async def wait(self, tasks: Sequence[str], timeout: float) -> bool:
        since, self._mark = self._mark, None
        try:
            return await self._store.wait(topics_of(tasks), timeout, since)
        except StoreError:
            return False


def topics_of(tasks: Sequence[str]) -> tuple[str, ...]:
    """What rings when there may be work for a worker of these tasks."""
    return (*(f"task:{task}" for task in tasks), "quota", "signal")


def _unreadable(offset: int, error: StoreError) -> Trouble:
    name = type(error).__name__
    return Trouble(
        offset=offset,
        kind="failed",
        type=name,
        message=str(error),
        fingerprint=fingerprint(name, str(error), None),
        code="payload_lost",
    )
