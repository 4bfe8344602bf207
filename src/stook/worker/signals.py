"""How a running handler learns that it should stop. Set from any thread, once; read and awaited from any."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AsyncSignal", "Reason", "Signal", "SyncSignal"]

Reason = Literal["cancelled", "shutdown", "timeout", "lease_lost"]

_lock = threading.Lock()


class Signal:
    """`reason` is None until the signal is set; the first reason stays."""

    __slots__ = ("_reason", "_watchers")

    def __init__(self) -> None:
        self._reason: Reason | None = None
        self._watchers: list[Callable[[], None]] | None = None

    @property
    def reason(self) -> Reason | None:
        return self._reason

    def is_set(self) -> bool:
        return self._reason is not None

    def set(self, reason: Reason) -> None:
        with _lock:  # one for all signals: they are set a few times in a worker's life, and made for every item
            if self._reason is not None:
                return
            self._reason = reason
            watchers, self._watchers = self._watchers, None
        for watcher in watchers or ():
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Calls `watcher` once: when the signal is set, in the thread that sets it, or now if it already is."""
        with _lock:
            if self._reason is None:
                self._watchers = [*(self._watchers or ()), watcher]
                return
        watcher()

    def unwatch(self, watcher: Callable[[], None]) -> None:
        with _lock:
            self._watchers = [one for one in self._watchers or () if one is not watcher] or None


class AsyncSignal(Signal):
    __slots__ = ()

    async def wait(self) -> Reason:
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(woken.set)

        self.watch(wake)
        try:
            await woken.wait()
        finally:
            self.unwatch(wake)
        assert self._reason is not None
        return self._reason


class SyncSignal(Signal):
    __slots__ = ()

    def wait(self, timeout: float | None = None) -> Reason | None:
        """Blocks until the signal is set; None when `timeout` seconds pass before."""
        woken = threading.Event()
        self.watch(woken.set)
        try:
            woken.wait(timeout)
        finally:
            self.unwatch(woken.set)
        return self._reason
