"""Where a deployment's worker gets its work: what the host has no room for stays queued, for other hosts too."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from stook.worker.source import Claimed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.hosting.room import Room, Share
    from stook.worker.source import AttemptLogs, Claim, Remember, Renewed, Settled, Settlement, Source

__all__ = ["SharedSource"]


class SharedSource:
    """Implements `Source`."""

    def __init__(self, inner: Source, room: Room, share: Share) -> None:
        self._inner = inner
        self._room = room
        self._share = share

    async def claim(self, claim: Claim) -> Claimed:
        granted = self._share.take(claim.items)
        if not granted:
            return Claimed([], limited=True)
        try:
            return await self._inner.claim(msgspec.structs.replace(claim, items=granted))
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
