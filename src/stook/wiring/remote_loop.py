"""The engine as a handle of another event loop sees it: every call runs on the portal's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stook.engine.service import Engine
    from stook.store.script.read.item_row import ItemRow
    from stook.wiring.portal import Portal

__all__ = ["PortalBackend"]


class PortalBackend:
    """Implements `stook.client.backend.Backend` for coroutines that run anywhere."""

    def __init__(self, engine: Engine, portal: Portal) -> None:
        self._engine = engine
        self._portal = portal

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._engine, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._portal.await_(method(*args, **kwargs))

        return call

    def results(self, batch_id: bytes, after: int = 0) -> AsyncIterator[list[ItemRow]]:
        return self._portal.aiterate(self._engine.results(batch_id, after))

    def settled(self, batch_id: bytes, after: int = 0, *, live: bool = True) -> AsyncIterator[list[ItemRow]]:
        return self._portal.aiterate(self._engine.settled(batch_id, after, live=live))
