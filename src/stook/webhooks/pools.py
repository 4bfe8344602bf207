"""Open connections, a small pool for each place that is called.

A pool looks at all its connections at every request, at each of them once for each: with hundreds in one, that would
keep the loop from everything else for tens of milliseconds a request.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpcore

from stook.webhooks.pinned import PinnedBackend

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

__all__ = ["Pools"]

_CONNECTIONS: Final = 8
"""That are kept open to one place."""
_PLACES: Final = 64
"""To which connections are kept open."""


@dataclass(eq=False)
class _Place:
    pool: httpcore.AsyncConnectionPool
    users: int = 0
    left: float = 0.0
    """When the last of them went, on the loop's clock."""


class Pools:
    """`idle` seconds that a connection is kept for. Requests to hosts that are not `pinned` fail."""

    def __init__(self, tls: ssl.SSLContext, *, idle: float) -> None:
        self._tls = tls
        self._idle = idle
        self._backend = PinnedBackend()
        self._places: OrderedDict[tuple[bytes, bytes, int | None], _Place] = OrderedDict()
        """The one used longest ago first."""

    @contextlib.asynccontextmanager
    async def to(self, url: httpcore.URL) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        """For one request, its answer read within the context."""
        key = (url.scheme, url.host, url.port)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place(self._new_pool())
        self._places.move_to_end(key)
        place.users += 1
        try:
            await self._forget_idle()
            yield place.pool
        finally:
            place.users -= 1
            place.left = asyncio.get_running_loop().time()

    async def close(self) -> None:
        while self._places:
            await self._places.popitem()[1].pool.aclose()

    async def _forget_idle(self) -> None:
        now = asyncio.get_running_loop().time()
        for key, place in list(self._places.items()):
            if place.users:
                continue
            if now - place.left <= self._idle and len(self._places) <= _PLACES:
                return
            if self._places.pop(key, None) is place:
                await place.pool.aclose()

    def _new_pool(self) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=None,  # the slots of the deliverer are the limit
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=self._idle,
            retries=0,
            network_backend=self._backend,
        )
