"""Which topics rang, so that what rings between a look and the next wait is not missed.

look ── nothing ──▶ wait ── rings ──▶ look …
           ▲ rings here: the wait returns at once
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING, Final, TypeVar

from stook.store.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Heard"]

K = TypeVar("K")
_REMEMBERED: Final = 10_000


class Heard:
    """Waiters of the same topics share one memory: of two that look at once, one may hear only the next ring. Rings
    may be lost by contract, so it must not be relied on, only be rare."""

    def __init__(self) -> None:
        self._topics = Topics()
        self._lock = threading.Lock()
        self._count = 0
        self._all_rang = 0
        self._rang: dict[str, int] = {}
        self._left: dict[tuple[str, ...], int] = {}
        self._waiting: Counter[str] = Counter()

    def ring(self, topics: Iterable[str]) -> None:
        """From any thread."""
        names = tuple(topics)
        with self._lock:
            self._count += 1
            for name in names:
                _remember(self._rang, name, self._count)
        self._topics.notify(names)

    def ring_all(self) -> None:
        """Something may have been missed: everybody looks."""
        with self._lock:
            self._count += 1
            self._all_rang = self._count
            names = tuple(self._waiting)
        self._topics.notify(names)

    async def wait(self, topics: tuple[str, ...], timeout: float) -> bool:
        with self._topics.listen(topics) as heard:
            if self._rang_since(topics):
                return True
            try:
                async with asyncio.timeout(timeout):
                    await heard.wait()
            except TimeoutError:
                return False
            finally:
                self._leave(topics)
        return True

    def _rang_since(self, topics: tuple[str, ...]) -> bool:
        """Whether any of them rang since the last wait for these ended. If not, one begins."""
        with self._lock:
            last = self._left.get(topics, self._count)
            if max((self._rang.get(name, 0) for name in topics), default=0) > last or self._all_rang > last:
                _remember(self._left, topics, self._count)
                return True
            self._waiting.update(topics)
            return False

    def _leave(self, topics: tuple[str, ...]) -> None:
        with self._lock:
            _remember(self._left, topics, self._count)
            self._waiting.subtract(topics)
            for name in topics:
                if self._waiting[name] <= 0:
                    del self._waiting[name]


def _remember(memory: dict[K, int], key: K, value: int) -> None:
    """The newest stand last; the oldest are forgotten."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > _REMEMBERED:
        del memory[next(iter(memory))]
