"""Where a deployment's worker gets its work: what the host has no room for stays queued, for other hosts too."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from stook.worker.source import Claimed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.hosting.room import Room, Share
    from stook.worker.source import AttemptLogs, Claim, Remember, Renewed, Settled, Settlement, Source

__all__ = ["SharedSource"]


class SharedSource:
    """Implements `Source`. `places`: how many processes so many executions may need beyond those that are at work."""

    def __init__(self, inner: Source, room: Room, share: Share, places: Callable[[int], int]) -> None:
        self._inner = inner
        self._room = room
        self._share = share
        self._places = places

    async def claim(self, claim: Claim) -> Claimed:
        needed = self._places(claim.items)
        if not needed:
            return await self._inner.claim(claim) if self._share.may_go_on() else Claimed([], limited=True)
        granted = self._share.take(needed)
        if not granted:
            return Claimed([], limited=True)
        items = claim.items if granted == needed else granted
        try:
            return await self._inner.claim(msgspec.structs.replace(claim, items=items))
        finally:
            self._share.claimed(granted)

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        try:
            return await self._inner.settle(settlements)
        finally:
            self._room.ring_soon()

    def renew(self, worker: str, tokens: Sequence[int], lease: float) -> Renewed:
        return self._inner.renew(worker, tokens, lease)

    async def keep_logs(self, logs: Sequence[AttemptLogs]) -> None:
        await self._inner.keep_logs(logs)

    async def remember(self, writes: Sequence[Remember]) -> Sequence[int]:
        return await self._inner.remember(writes)

    async def wait(self, tasks: Sequence[str], timeout: float) -> bool:
        """While there is no room, for that; news of work would only be heard again and again."""
        if self._share.waits is None:
            return await self._inner.wait(tasks, timeout)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._share.bell.wait()
                return True
        return False
