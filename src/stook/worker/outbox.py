"""From threads to the loop: any number of entries for one wake-up."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["Outbox"]


class Outbox:
    """`failed` is called with what an entry raises; the others are delivered all the same."""

    def __init__(self, loop: asyncio.AbstractEventLoop, failed: Callable[[BaseException], None]) -> None:
        self._loop = loop
        self._failed = failed
        self._entries: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._called = False

    def post(self, call: Callable[..., object], *given: Any) -> None:
        """`call(*given)` on the loop, soon, in the order of posting; nothing if the loop is closed."""
        self._entries.append((call, given))
        # The loop lowers the flag before it empties the box, so an entry that finds it raised is still taken.
        if not self._called:
            self._called = True
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._called = False
        entries = self._entries
        while entries:
            call, given = entries.popleft()
            try:
                call(*given)
            except Exception as error:  # noqa: BLE001 -- a mistake of ours: it must not stop the rest
                self._failed(error)
