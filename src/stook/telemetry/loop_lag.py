"""How late an event loop is: what blocks it shows here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from prometheus_client import Histogram

from stook.telemetry.distribution import LATENCIES

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["LoopLag"]

EVERY: Final = 0.5
"""Seconds between two looks."""


class LoopLag:
    """Looks as long as anybody who said `start` has not said `stop`; all of them on one loop."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "stook_loop_lag_seconds",
            "How late the event loop did what was due, looked at twice a second.",
            buckets=LATENCIES,
            registry=registry,
        )
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = 0

    def start(self) -> None:
        self._wanted += 1
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(EVERY, self._look, loop, loop.time() + EVERY)

    def stop(self) -> None:
        self._wanted = max(0, self._wanted - 1)
        if not self._wanted and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        self._seconds.observe(max(0.0, now - due))
        self._timer = loop.call_later(EVERY, self._look, loop, now + EVERY)
