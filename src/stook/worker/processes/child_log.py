"""What an item says through its logger, on its way from the child to its worker: the first lines at once, of the rest
the last ones at its end. So one that talks without end fills neither the line nor the worker.

A child that dies takes the kept ones along; how many there were, its worker knows from the cells.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from stook.worker.processes.frames import Logged

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.core.log import LogLimits

__all__ = ["ChildLog"]


class ChildLog:
    hears_stderr = True

    def __init__(
        self, number: int, limits: LogLimits, send: Callable[[Logged], None], note: Callable[[int], None]
    ) -> None:
        self.limits = limits
        self._item = number
        self._send = send
        self._note = note
        self._lock = threading.Lock()
        self._said = 0
        self._room = (limits.lines + 1) // 2
        self._room_bytes = (limits.bytes + 1) // 2
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._dropped = 0
        self._ended = False

    def add(self, line: bytes, of: str | None = None) -> None:  # noqa: ARG002 - groups do not run in children
        with self._lock:
            if self._ended:
                return
            self._said += 1
            self._note(self._said)
            if self._room > 0 and len(line) <= self._room_bytes:
                self._room -= 1
                self._room_bytes -= len(line)
                self._send(Logged(self._item, [line], 0))
                return
            self._room = 0
            self._kept.append(line)
            self._kept_bytes += len(line)
            limits = self.limits
            while self._kept and (len(self._kept) > limits.lines // 2 or self._kept_bytes > limits.bytes // 2):
                self._kept_bytes -= len(self._kept.popleft())
                self._dropped += 1

    def end(self) -> None:
        """Nothing that is said from now on belongs to the item."""
        with self._lock:
            self._ended = True
            if self._kept or self._dropped:
                self._send(Logged(self._item, list(self._kept), self._dropped))
