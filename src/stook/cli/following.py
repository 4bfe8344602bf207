"""Looking at a batch until there is nothing more to see."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from stook.core.payload import decode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.cli.progress import Display
    from stook.client.backend import Backend
    from stook.store.script.read.batch_view import BatchView

__all__ = ["Changes", "announced_total", "follow"]

_FIRST: Final = 0.01
_LONGEST: Final = 0.2
"""Seconds between two looks, which cost the same for every size of batch."""


async def follow(
    engine: Backend,
    batch_id: bytes,
    display: Display,
    *,
    done: Callable[[BatchView], bool],
    wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> BatchView:
    """Shows each look at the batch until `done` says so. Short ones are looked at more often."""
    pause = _FIRST
    while True:
        view = await engine.show(batch_id)
        display.update(view, max(view.counters.total, announced_total(view)))
        if view.state.terminal or done(view):
            return view
        await wait(pause)
        pause = min(_LONGEST, pause * 1.2)


def announced_total(view: BatchView) -> int:
    """What `stook run` said it would submit; 0 for a batch that came another way, or has all its items."""
    if view.metadata is None or view.sealed_at is not None:
        return 0
    items = decode(view.metadata.encode()).get("items")
    return items if isinstance(items, int) else 0


class Changes:
    """A display for programs: each look that differs from the one before."""

    def __init__(self, changed: Callable[[BatchView], None]) -> None:
        self._changed = changed
        self._last: BatchView | None = None

    def say(self, text: str) -> None:
        pass

    def update(self, view: BatchView, total: int) -> None:  # noqa: ARG002 - as `Display` has it
        if view != self._last:
            self._last = view
            self._changed(view)

    def close(self) -> None:
        pass
