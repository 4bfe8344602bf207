"""Claims from afar: an answer that was lost on its way is given again when it is asked for again."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreError
from stook.core.work import Renewed
from stook.engine.source import LocalSource, topics_of
from stook.store.script.renew import look, renew
from stook.wire.work import packed_work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.core.work import Claim, Slice
    from stook.engine.blobs import Blobs
    from stook.store.port import Store

__all__ = ["WorkerClaims"]

MOST_KEPT: Final = 1000
MOST_BYTES: Final = 64 * 2**20
GOOD_FOR: Final = 0.5
"""Of its lease: an answer that is older would come too late to be worked on in time."""


class _Asked:
    """One claim and what it is given. `size` is the answer's, once it is there."""

    def __init__(self, request: str, until: float, answer: asyncio.Task[bytes]) -> None:
        self.request = request
        self.until = until
        self.answer = answer
        self.size = 0


class WorkerClaims:
    """The last claim of each worker is kept, within bounds, until its next: a worker has one under way at a time. What
    is not kept any more, or was given by another server, comes back when its lease runs out. `gave` hears of what is
    given for the first time."""

    def __init__(self, store: Store, blobs: Blobs, gave: Callable[[Sequence[Slice]], None]) -> None:
        self._store = store
        self._gave = gave
        self._blobs = blobs
        self._sources: dict[str, LocalSource] = {}
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._bytes = 0
        self._life = secrets.token_hex(4)
        """Marks are of one process."""

    def source(self, project: str) -> LocalSource:
        """That gives work of this project alone."""
        found = self._sources.get(project)
        if found is None:
            found = self._sources[project] = LocalSource(self._store, self._blobs, project=project)
        return found

    async def claim(self, project: str, request: str, claim: Claim) -> bytes:
        """A packed `Work`. It goes on when whoever asked is gone: who asks again finds it."""
        now = asyncio.get_running_loop().time()
        asked = self._asked.get(claim.worker)
        if asked is None or asked.request != request or asked.until <= now:
            self._drop(claim.worker)
            answer = asyncio.create_task(self._claim(project, claim), name="stook-claim")
            asked = self._asked[claim.worker] = _Asked(request, now + claim.lease * GOOD_FOR, answer)
        try:
            packed = await asyncio.shield(asked.answer)
        except Exception:
            if self._asked.get(claim.worker) is asked:
                self._drop(claim.worker)
            raise
        if self._asked.get(claim.worker) is asked and not asked.size:
            asked.size = len(packed)
            self._bytes += asked.size
            self._bound(now)
        return packed

    async def renew(self, tokens: Sequence[int], lease: float) -> Renewed:
        """`Source.renew` on the loop: a server's is not blocked by handlers."""
        if lease > 0:
            length = round(lease * 1_000_000)
            answer = await self._store.write(renew, tokens, lambda now: now + length)
        else:
            answer = await self._store.write(look, tokens)
        return Renewed(lost=answer.lost, cancelled=answer.cancelled)

    async def close(self) -> None:
        """Claims under way end: what they take is known to their workers, or comes back with its lease."""
        await asyncio.gather(*(one.answer for one in self._asked.values()), return_exceptions=True)
        self._asked.clear()

    async def wait(self, tasks: Sequence[str], timeout: float, since: str) -> bool:
        """Whether work may have become claimable since that mark, or does within `timeout` seconds."""
        life, _, mark = since.partition(":")
        known = int(mark) if life == self._life and mark.isdecimal() else None
        try:
            return await self._store.wait(topics_of(tasks), timeout, known)
        except StoreError:
            return False

    async def _claim(self, project: str, claim: Claim) -> bytes:
        mark = f"{self._life}:{self._store.mark()}"
        claimed = await self.source(project).claim(claim)
        self._gave(claimed.slices)
        return packed_work(claimed, mark)

    def _bound(self, now: float) -> None:
        """The oldest go first, and those of no use any more."""
        while self._asked:
            worker, oldest = next(iter(self._asked.items()))
            if len(self._asked) <= MOST_KEPT and self._bytes <= MOST_BYTES and oldest.until > now:
                return
            self._drop(worker)

    def _drop(self, worker: str) -> None:
        dropped = self._asked.pop(worker, None)
        if dropped is not None:
            self._bytes -= dropped.size
