"""What a process and those it starts write to standard output and error, by lines.

    pipe ──▶ lines ──▶ sink: the log of whatever runs; between two runs, nothing

It is always read, so that nobody waits for us, and what is held of it is bounded, however much it is.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import termios
from array import array
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Output", "Pipes", "Sink", "Stream"]

Stream = Literal["stdout", "stderr"]

CHUNK: Final = 1 << 16
_NAMES: Final[tuple[Stream, Stream]] = ("stdout", "stderr")


class Sink(Protocol):
    """`most` bytes of a line are kept."""

    most: int

    def take(self, stream: Stream, lines: Sequence[bytes]) -> None:
        """Whole lines, without their ends."""
        ...


class Pipes:
    """`theirs` are what the process writes to: they are closed here once it has them."""

    def __init__(self) -> None:
        out, err = os.pipe(), os.pipe()
        self.ours = (out[0], err[0])
        self.theirs = (out[1], err[1])
        for fd in self.ours:
            os.set_blocking(fd, False)

    def close(self) -> None:
        for fd in (*self.ours, *self.theirs):
            os.close(fd)


class Output:
    """On the event loop. `sink` None: what comes is dropped. `may_read` is asked before anything is taken: if it says
    no, all of it stays in the pipes until `go_on`."""

    def __init__(self, pipes: Pipes) -> None:
        for fd in pipes.theirs:
            os.close(fd)
        self._fds = pipes.ours
        self._loop = asyncio.get_running_loop()
        self._rest = [bytearray(), bytearray()]
        self._beyond = [0, 0]
        """Bytes of an unfinished line that are cut off already."""
        self._open = [True, True]
        self._sink: Sink | None = None
        self._waits = False
        self.may_read: Callable[[], bool] | None = None
        self._listen()

    def turn_to(self, sink: Sink | None) -> None:
        """Everything written before is the old sink's, an unfinished line too."""
        self.drain()
        self.finish()
        self._sink = sink

    def finish(self) -> None:
        """A line that was begun is one."""
        for index in (0, 1):
            self._finish(index)

    def go_on(self) -> None:
        """Nothing is in the way of reading any more."""
        if self._waits:
            self._waits = False
            self._listen()

    @property
    def unfinished(self) -> bool:
        """A line has been begun."""
        return bool(self._rest[0] or self._rest[1])

    def drain(self) -> None:
        """Takes what the pipes hold now, not what is written meanwhile."""
        unread = array("i", [0])
        for index in (0, 1):
            if self._open[index]:
                fcntl.ioctl(self._fds[index], termios.FIONREAD, unread)
                left = unread[0]
                while left > 0 and self._open[index]:
                    left -= self._read(index) or left

    def close(self) -> None:
        self.turn_to(None)
        for index in (0, 1):
            self._close(index)

    def _listen(self) -> None:
        for index in (0, 1):
            if self._open[index]:
                self._loop.add_reader(self._fds[index], self._ready, index)

    def _ready(self, index: int) -> None:
        if self.may_read is None or self.may_read():
            self._read(index)
            return
        self._waits = True
        for one in (0, 1):
            if self._open[one]:
                self._loop.remove_reader(self._fds[one])

    def _read(self, index: int) -> int:
        try:
            data = os.read(self._fds[index], CHUNK)
        except BlockingIOError:
            return 0
        if not data:
            self._finish(index)
            self._close(index)
            return 0
        if self._sink is not None:
            self._take(index, self._sink, data)
        return len(data)

    def _take(self, index: int, sink: Sink, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = self._whole(index) + lines[0]
            sink.take(_NAMES[index], lines)
        held = self._rest[index]
        room = max(0, sink.most - len(held))
        held += rest[:room]
        self._beyond[index] += max(0, len(rest) - room)

    def _whole(self, index: int) -> bytes:
        held, self._rest[index] = bytes(self._rest[index]), bytearray()
        beyond, self._beyond[index] = self._beyond[index], 0
        return held if not beyond else held + b" \xe2\x80\xa6 [%d bytes cut] " % beyond

    def _finish(self, index: int) -> None:
        if self._rest[index]:
            line = self._whole(index)
            if self._sink is not None:
                self._sink.take(_NAMES[index], [line])

    def _close(self, index: int) -> None:
        if self._open[index]:
            self._open[index] = False
            self._loop.remove_reader(self._fds[index])
            os.close(self._fds[index])
