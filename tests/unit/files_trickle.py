"""Streams that stand for files in tests: cut anywhere, or larger than memory should ever be."""

from __future__ import annotations

from itertools import cycle

__all__ = ["Endless", "Trickle"]


class Trickle:
    """`data` in pieces of the given sizes, over and over, as a slow disk or an unzipper may hand it out."""

    name = "in.txt"

    def __init__(self, data, sizes=(1 << 20,)):
        self._rest = data
        self._sizes = cycle(sizes)

    def read(self, size):
        size = min(size, next(self._sizes))
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


class Endless:
    """`start`, then `part` until `total` bytes are out, then `end`."""

    name = "in.txt"

    def __init__(self, start, part, end, total):
        self._rest = start
        self._part = part * (65_536 // len(part) + 1)
        self._end = end
        self._left = total

    def read(self, size):
        while len(self._rest) < size and self._left > 0:
            self._rest += self._part
            self._left -= len(self._part)
            if self._left <= 0:
                self._rest += self._end
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece
