"""What a run writes: into the log of its attempt, and into that of its deployment.

lines ──▶ the first ones at once ─┐
└────▶ of the rest the last ───┴─▶ attempt's log        however many there are, a few are held
└────▶ as many as the deployment's log takes ──▶ its followers
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from stook.worker.logs.line import encode_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from stook.core.log import LogLimits
    from stook.hosting.output import Stream
    from stook.worker.logs.captured import CapturedLog

__all__ = ["MOST_LINE", "DeploymentFeed", "RunLog"]

MOST_LINE: Final = 65_536
PER_SECOND: Final = 200.0
BURST: Final = 1000.0


class DeploymentFeed:
    """Of one deployment. `write` is given an execution's id and its lines, in their order."""

    def __init__(self, write: Callable[[str, Sequence[str]], Awaitable[None]]) -> None:
        self._write = write
        self._room = BURST
        self._at = time.monotonic()
        self._waiting: deque[tuple[str, list[str]]] = deque()
        self._left_out: dict[str, int] = {}

    def take(self, execution: str, lines: Sequence[bytes]) -> None:
        now = time.monotonic()
        self._room = min(BURST, self._room + PER_SECOND * (now - self._at))
        self._at = now
        kept = [line.decode(errors="replace") for line in lines[: int(self._room)]]
        self._room -= len(kept)
        if kept:
            self._waiting.append((execution, kept))
        if len(kept) < len(lines):
            self._left_out[execution] = self._left_out.get(execution, 0) + len(lines) - len(kept)

    async def flush(self) -> None:
        """One caller at a time."""
        left_out, self._left_out = self._left_out, {}
        for execution, count in left_out.items():
            self._waiting.append((execution, [f"… {count} lines left out here; the log of the run itself has more"]))
        while self._waiting:
            execution, lines = self._waiting.popleft()
            while self._waiting and self._waiting[0][0] == execution:
                lines += self._waiting.popleft()[1]
            await self._write(execution, lines)


class RunLog:
    """A `Sink`. `log` None: nothing is captured."""

    most = MOST_LINE

    def __init__(self, execution: str, log: CapturedLog | None, feed: DeploymentFeed) -> None:
        self._execution = execution
        self._log = log
        self._feed = feed
        self._direct = 0 if log is None else log.limits.lines
        self._last: deque[tuple[Stream, bytes]] = deque()
        self._last_bytes = 0
        self._skipped = 0

    def take(self, stream: Stream, lines: Sequence[bytes]) -> None:
        self._feed.take(self._execution, lines)
        log = self._log
        if log is None:
            return
        first, rest = lines[: self._direct], lines[self._direct :]
        self._direct -= len(first)
        for line in first:
            log.add(self._encoded(stream, line, log.limits))
        if not rest:
            return
        most = log.limits.lines // 2
        if len(rest) > most:
            self._skipped += len(rest) - most
            rest = rest[len(rest) - most :]
        for line in rest:
            self._last.append((stream, line))
            self._last_bytes += len(line)
        while len(self._last) > most or self._last_bytes > 2 * log.limits.bytes:
            self._last_bytes -= len(self._last.popleft()[1])
            self._skipped += 1

    def flush(self) -> None:
        """What is held is in the attempt's log."""
        log = self._log
        if log is None or not (self._last or self._skipped):
            return
        last, self._last, self._last_bytes = self._last, deque(), 0
        skipped, self._skipped = self._skipped, 0
        log.skip(skipped)
        for stream, line in last:
            log.add(self._encoded(stream, line, log.limits))

    @staticmethod
    def _encoded(stream: Stream, line: bytes, limits: LogLimits) -> bytes:
        text = line.removesuffix(b"\r").rpartition(b"\r")[2].decode(errors="replace")
        return encode_line(stream, text, most=limits.line_bytes)
