"""Waking waiters of topics, from any thread, each on its own loop.

mark ──▶ look ── nothing ──▶ wait since the mark ── rings ──▶ mark ──▶ look …
                    ▲ rang meanwhile: the wait returns at once
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Topics"]

_REMEMBERED: Final = 10_000


class Topics:
    """Rings are numbered; a mark is the number of the last one. The last ring of each of the newest topics is
    remembered, and of the others that they rang: who marked before that wakes once for nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self._rings = 0
        self._rang: dict[str, int] = {}
        self._all_rang = 0

    def mark(self) -> int:
        return self._rings

    def notify(self, topics: Iterable[str]) -> None:
        with self._lock:
            self._rings += 1
            wake = set()
            for name in topics:
                self._rang.pop(name, None)
                self._rang[name] = self._rings
                wake |= self._listeners.get(name, set())
            while len(self._rang) > _REMEMBERED:
                self._all_rang = max(self._all_rang, self._rang.pop(next(iter(self._rang))))
        _wake(wake)

    def notify_all(self) -> None:
        """Something may have been missed: everybody looks."""
        with self._lock:
            self._rings += 1
            self._all_rang = self._rings
            wake = set().union(*self._listeners.values())
        _wake(wake)

    async def wait(self, topics: Iterable[str], timeout: float, since: int) -> bool:
        """Whether one of `topics` rang since the mark, or does within `timeout` seconds."""
        with self._listen(tuple(topics), since) as heard:
            if not heard.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timeout):
                        await heard.wait()
            return heard.is_set()

    @contextlib.contextmanager
    def _listen(self, topics: tuple[str, ...], since: int) -> Iterator[asyncio.Event]:
        heard = asyncio.Event()
        listener = (asyncio.get_running_loop(), heard)
        with self._lock:
            if max(self._all_rang, *(self._rang.get(name, 0) for name in topics)) > since:
                heard.set()
            for name in topics:
                self._listeners.setdefault(name, set()).add(listener)
        try:
            yield heard
        finally:
            with self._lock:
                for name in topics:
                    left = self._listeners[name]
                    left.discard(listener)
                    if not left:
                        del self._listeners[name]


def _wake(listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    for loop, heard in listeners:
        with contextlib.suppress(RuntimeError):  # its loop has closed meanwhile
            loop.call_soon_threadsafe(heard.set)
