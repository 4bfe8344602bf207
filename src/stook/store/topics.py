"""Waking waiters of topics, from any thread, each on its own loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Topics"]


class Topics:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    @contextlib.contextmanager
    def listen(self, topics: Iterable[str]) -> Iterator[asyncio.Event]:
        """An event that is set at the first notification of any of the topics while the context is open."""
        event = asyncio.Event()
        listener = (asyncio.get_running_loop(), event)
        names = tuple(topics)
        with self._lock:
            for name in names:
                self._listeners.setdefault(name, set()).add(listener)
        try:
            yield event
        finally:
            with self._lock:
                for name in names:
                    left = self._listeners[name]
                    left.discard(listener)
                    if not left:
                        del self._listeners[name]

    def notify(self, topics: Iterable[str]) -> None:
        with self._lock:
            wake = set().union(*(self._listeners.get(name, ()) for name in topics))
        for loop, event in wake:
            with contextlib.suppress(RuntimeError):  # its loop has closed meanwhile
                loop.call_soon_threadsafe(event.set)
