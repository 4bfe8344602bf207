"""What one attempt has said, within its limits: its first lines, its last lines, and how many were dropped between.

add ──▶ first half ──cut──▶ parts 0, 1, 2 … ──▶ stored, each once
└─▶ ring of the second half ──cut──▶ TAIL ──▶ stored, and stored again when it has changed
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from stook.core.log import TAIL
from stook.worker.logs.line import dropped_line, numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.log import LogLimits

__all__ = ["CapturedLog", "Piece"]

FIRST_WAIT: Final = 2.0
"""Seconds after which what was said is worth storing although the attempt goes on."""
LONGEST_WAIT: Final = 30.0
"""The last lines of an attempt that says too much are not stored again and again so often."""


class Piece(NamedTuple):
    """A part, without whose it is. `tagged` counts the lines that are about one execution of a group alone."""

    part: int
    last: int
    lines: int
    dropped: int
    body: bytes
    tagged: dict[str, int]


class CapturedLog:
    """Used from any thread. `shared` by the members of a group: then every piece is kept until the end."""

    hears_stderr = False

    def __init__(self, limits: LogLimits, *, shared: bool = False) -> None:
        self.limits = limits
        self.shared = shared
        self._lock = threading.Lock()
        self._room = (limits.lines + 1) // 2
        self._room_bytes = (limits.bytes + 1) // 2
        self._tail_lines = limits.lines - self._room
        self._tail_most = limits.bytes - self._room_bytes
        self._number = 0
        self._dropped = 0
        self._new: list[tuple[bytes, str | None]] = []
        self._pieces: list[Piece] = []
        self._next_part = 0
        self._tail: deque[tuple[bytes, str | None]] = deque()
        self._tail_bytes = 0
        self._tail_stored: dict[int, int] = {}
        """By token: the last line of the tail as it was stored."""
        self._stored: dict[int, int] = {}
        """By token: the parts below this number are stored."""
        self._due = monotonic() + FIRST_WAIT
        self._wait = FIRST_WAIT

    def add(self, line: bytes, of: str | None = None) -> None:
        """`line` as `encode_line` makes it."""
        with self._lock:
            self._add(line, of)

    def skip(self, count: int) -> None:
        """So many lines were said that are not there."""
        if count > 0:
            with self._lock:
                self._number += count
                self._dropped += count

    def cut(self) -> list[Piece]:
        """Everything that may not be stored yet."""
        with self._lock:
            self._seal()
            tail = self._tail_piece()
            return self._pieces if tail is None else [*self._pieces, tail]

    def due(self, token: int, now: float) -> list[Piece]:
        """What should be stored by now under this token. For a shared log, each token's."""
        with self._lock:
            if now < self._due:
                return []
            self._seal()
            found = [piece for piece in self._pieces if piece.part >= self._stored.get(token, 0)]
            tail = self._tail_piece()
            if tail is not None and tail.last > self._tail_stored.get(token, 0):
                found.append(tail)
            return found

    def stored(self, token: int, pieces: Sequence[Piece], now: float) -> None:
        with self._lock:
            for piece in pieces:
                if piece.part == TAIL:
                    self._tail_stored[token] = piece.last
                    self._wait = min(2 * self._wait, LONGEST_WAIT)
                else:
                    self._stored[token] = max(self._stored.get(token, 0), piece.part + 1)
            if not self.shared:
                self._pieces = [piece for piece in self._pieces if piece.part >= self._stored.get(token, 0)]
            self._due = now + self._wait

    # ------------------------------------------------------------------------------------------------------ inside

    def _add(self, line: bytes, of: str | None) -> None:
        self._number += 1
        line = numbered(line, self._number)
        if self._room > 0 and len(line) <= self._room_bytes:
            self._room -= 1
            self._room_bytes -= len(line)
            self._new.append((line, of))
            return
        self._room = 0
        self._tail.append((line, of))
        self._tail_bytes += len(line)
        while self._tail and (len(self._tail) > self._tail_lines or self._tail_bytes > self._tail_most):
            self._tail_bytes -= len(self._tail.popleft()[0])
            self._dropped += 1

    def _seal(self) -> None:
        if self._new:
            self._pieces.append(_piece(self._next_part, _number_of(self._new[-1][0]), 0, self._new))
            self._next_part += 1
            self._new = []

    def _tail_piece(self) -> Piece | None:
        if not self._tail and not self._dropped:
            return None
        made = _piece(TAIL, self._number, self._dropped, list(self._tail))
        if self._dropped:
            ended = dropped_line(self._number, self._dropped)
            body = made.body[:-1] + (b"," if self._tail else b"") + ended + b"]"
            made = made._replace(body=body)
        return made


def _number_of(line: bytes) -> int:
    return int(line[len(b'{"line":') : line.index(b",")])


def _piece(part: int, last: int, dropped: int, lines: Sequence[tuple[bytes, str | None]]) -> Piece:
    tagged = Counter(of for _, of in lines if of is not None)
    return Piece(part, last, len(lines), dropped, b"[" + b",".join(line for line, _ in lines) + b"]", dict(tagged))
