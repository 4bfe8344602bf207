"""Four numbers that a child and its worker share in memory: what a child that was killed can still say."""

from __future__ import annotations

import mmap
from typing import Final

__all__ = ["Cells"]

SIZE: Final = 4 * 8


class Cells:
    """`fd` is a file of at least `SIZE` bytes that both sides map.

    The child writes the number of the item it runs (0: none), when it began, and how many lines it has logged; the
    worker writes that the child has been condemned. A write is one aligned store: it is seen whole or not at all, also
    after SIGKILL.
    """

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, SIZE)
        self._cells = memoryview(self._map).cast("Q")

    def begin(self, number: int, now: int) -> None:
        self._cells[1] = now
        self._cells[3] = 0
        self._cells[0] = number

    def end(self) -> None:
        self._cells[0] = 0

    def running(self) -> tuple[int, int]:
        """(number, `perf_counter_ns` of its beginning); the number is 0 between items."""
        while True:
            number = self._cells[0]
            began = self._cells[1]
            if self._cells[0] == number:
                return number, began

    def note_lines(self, count: int) -> None:
        self._cells[3] = count

    @property
    def lines(self) -> int:
        """Of the running item, or of the one it was running when it died."""
        return self._cells[3]

    def condemn(self) -> None:
        self._cells[2] = 1

    @property
    def condemned(self) -> bool:
        """SIGTERM comes from the worker and means this child; from elsewhere it is the worker's to act on."""
        return self._cells[2] == 1

    def close(self) -> None:
        self._cells.release()
        self._map.close()
