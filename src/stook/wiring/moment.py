"""Something that happens once, awaited from any loop and any thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Moment"]


class Moment:
    """`await moment` in coroutines, `moment.wait()` elsewhere; at once where it has happened."""

    def __init__(self) -> None:
        self._future: concurrent.futures.Future[None] = concurrent.futures.Future()

    def __await__(self) -> Generator[object, None, None]:
        return self._waited().__await__()

    @property
    def happened(self) -> bool:
        return self._future.done()

    def happen(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    def wait(self, timeout: float | None = None) -> bool:
        """False after `timeout` seconds."""
        concurrent.futures.wait((self._future,), timeout)
        return self._future.done()

    async def _waited(self) -> None:
        # Whoever is cancelled while waiting must not take the moment from the others.
        await asyncio.shield(asyncio.wrap_future(self._future))
