"""The same request twice has one answer: idempotency keys of whatever is asked for from outside."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreError
from stook.core.request_state import Busy, Mismatch, Stored
from stook.engine.names import check_name
from stook.store.script.request import begin_request, finish_request, forget_request, keep_requests
from stook.store.script.ticket import Ticket

if TYPE_CHECKING:
    from stook.store.port import Store

__all__ = ["Busy", "Mismatch", "Requests", "Stored", "Ticket"]

BEAT: Final = 5.0
"""Seconds between two signs of life of the requests under way."""


class Requests:
    """Of one project. While a request is under way here, its key is kept alive; when this process dies, another may
    begin again under it some seconds later. Use it on one loop, `close` it there."""

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project
        self._under_way: set[str] = set()
        self._beating: asyncio.Task[None] | None = None

    async def begin(self, key: str, method: str, path: str, digest: str) -> Stored | Mismatch | Busy | Ticket:
        """A ticket: act with it, then `finish` or `forget`. Else what to answer: what was answered before, that the key
        stands for another request, or that the first one under it is still being worked on. `digest` stands for the
        body."""
        check_name("Idempotency-Key", key)
        ticket = Ticket(self._project, key, secrets.randbits(63))
        answer = await self._store.write(begin_request, self._project, key, method, path, digest, ticket.owner)
        if answer is not None:
            return answer
        self._under_way.add(key)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat(), name="stook-requests")
        return ticket

    async def finish(self, ticket: Ticket, status: int, body: bytes) -> None:
        """Whoever brings the key within a day of its beginning gets this answer. Of several the first counts."""
        await self._store.write(finish_request, *ticket, status, body)
        self._under_way.discard(ticket.key)

    async def forget(self, ticket: Ticket) -> None:
        """It had no answer worth keeping: the key is free at once, unless something was done under it, or answered."""
        self._under_way.discard(ticket.key)
        await self._store.write(forget_request, *ticket)

    async def close(self) -> None:
        """What is under way gives no further sign of life."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)

    async def keep_alive(self) -> None:
        """A sign of life of what is under way; what has been answered elsewhere is no longer."""
        keys = sorted(self._under_way)
        live = set(await self._store.write(keep_requests, self._project, keys))
        self._under_way.difference_update(key for key in keys if key not in live)

    async def _beat(self) -> None:
        while self._under_way:
            await asyncio.sleep(BEAT)
            if self._under_way:
                with contextlib.suppress(StoreError):
                    await self.keep_alive()
