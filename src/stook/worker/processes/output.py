"""What a child writes to its standard output and error, read by a thread of its own in the worker.

    child ──pipe──▶ lines ──▶ the log of the item that runs
                      └─────▶ the worker's own output and error, as much as they take

It is always read, however much it is and whatever becomes of it: nothing here waits for anybody, so no child does.
Whose it is, is sure: a child does not go on to its next item before the pipes are empty (`streams`).
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from stook.worker.logs.line import encode_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.core.log import LogLimits
    from stook.worker.logs.captured import CapturedLog

__all__ = ["ChildOutput", "Pipes"]

CHUNK: Final = 1 << 16
MOST_AT_END: Final = 16 * 2**20
"""Bytes that are read of a dead child: a process that it left behind may go on writing for ever."""
PIECE: Final = 4096
"""A pipe that is writable takes so much without blocking."""
PATIENCE: Final = 20
"""Milliseconds that the worker's own output may refuse to take more; then what comes is not passed on."""
_NAMES: Final = ("stdout", "stderr")


class Pipes(NamedTuple):
    """The child writes to `out` and `err`, the worker reads from `ends`."""

    ends: tuple[int, int]
    out: int
    err: int

    @classmethod
    def open(cls) -> Pipes:
        out, err = os.pipe(), os.pipe()
        for fd in (out[0], err[0]):
            os.set_blocking(fd, False)
        return cls((out[0], err[0]), out[1], err[1])

    def close_child_side(self) -> None:
        os.close(self.out)
        os.close(self.err)

    def close(self) -> None:
        self.close_child_side()
        for fd in self.ends:
            os.close(fd)


class ChildOutput:
    """`running()` is the number of the item that runs, 0 for none; `log_of(number)` its log. Both from any thread."""

    def __init__(
        self,
        pipes: Pipes,
        *,
        limits: LogLimits,
        running: Callable[[], int],
        log_of: Callable[[int], CapturedLog | None],
    ) -> None:
        pipes.close_child_side()
        self._ends = pipes.ends
        self._limits = limits
        self._running = running
        self._log_of = log_of
        self._lock = threading.Lock()
        self._rest = [bytearray(), bytearray()]
        self._beyond = [0, 0]
        """Bytes of an unfinished line that are cut off already."""
        self._owner = 0
        self._passed = [_own(fd) for fd in (1, 2)]
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, name="stook output", daemon=True)
        self._thread.start()

    def end(self, number: int) -> None:
        """What the item wrote is in its log when this returns, also an unfinished line."""
        with self._lock:
            if self._owner == number:
                self._finish_lines()

    def finish(self) -> None:
        """The process is gone: reads what it left, and closes. Blocks for a moment."""
        os.write(self._wake[1], b"\0")
        self._thread.join()
        for stream in (0, 1):
            left = MOST_AT_END
            while left > 0 and (data := self._read(stream)):
                left -= len(data)
        with self._lock:
            self._finish_lines()
        for fd in (*self._ends, *self._wake, *(fd for fd in self._passed if fd is not None)):
            os.close(fd)

    # ------------------------------------------------------------------------------------------------------ inside

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wake[0], select.POLLIN)
        for fd in self._ends:
            poll.register(fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._wake[0]:
                    return
                if self._read(self._ends.index(fd)) == b"":
                    poll.unregister(fd)

    def _read(self, stream: int) -> bytes | None:
        """What could be read; empty: there will be no more; None: there is nothing now."""
        with self._lock:
            # Looked at before reading: what is in the pipe keeps the child at the item that wrote it.
            number = self._running()
            try:
                data = os.read(self._ends[stream], CHUNK)
            except BlockingIOError:
                return None
            if data:
                self._take(stream, number, data)
        if data:
            self._pass_on(stream, data)
        return data

    def _take(self, stream: int, number: int, data: bytes) -> None:
        if number != self._owner:
            self._finish_lines()
            self._owner = number
        log = self._log_of(number) if number else None
        if log is None:
            return
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = self._whole(stream) + lines[0]
            self._add(log, stream, lines)
        self._hold(stream, rest)

    def _hold(self, stream: int, rest: bytes) -> None:
        held, most = self._rest[stream], self._limits.line_bytes
        held += rest
        returned = held.rfind(b"\r", 0, -1)
        if returned >= 0:  # a terminal would have written over it
            del held[: returned + 1]
            self._beyond[stream] = 0
        if len(held) > most:
            self._beyond[stream] += len(held) - most
            del held[most:]

    def _whole(self, stream: int) -> bytes:
        """What was held of a line; as much more as was cut off is counted with it."""
        held, self._rest[stream] = bytes(self._rest[stream]), bytearray()
        beyond, self._beyond[stream] = self._beyond[stream], 0
        return held if not beyond else held + b" \xe2\x80\xa6 [%d bytes cut] " % beyond

    def _finish_lines(self) -> None:
        log = self._log_of(self._owner) if self._owner else None
        for stream in (0, 1):
            if self._rest[stream]:
                line = self._whole(stream)
                if log is not None:
                    self._add(log, stream, [line])

    def _add(self, log: CapturedLog, stream: int, lines: Sequence[bytes]) -> None:
        half = (self._limits.lines + 1) // 2
        if len(lines) > 2 * half:
            self._add(log, stream, lines[:half])
            log.skip(len(lines) - 2 * half)
            lines = lines[-half:]
        for line in lines:
            # What a terminal would still show of a line that was written over.
            text = line.removesuffix(b"\r").rpartition(b"\r")[2].decode(errors="replace")
            log.add(encode_line(_NAMES[stream], text, most=self._limits.line_bytes))

    def _pass_on(self, stream: int, data: bytes) -> None:
        fd = self._passed[stream]
        if fd is None:
            return
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        for at in range(0, len(data), PIECE):
            ready = poll.poll(PATIENCE)
            if not ready or not ready[0][1] & select.POLLOUT:
                return
            with contextlib.suppress(OSError):
                os.write(fd, data[at : at + PIECE])


def _own(fd: int) -> int | None:
    try:
        return os.dup(fd)
    except OSError:
        return None  # it was started without
