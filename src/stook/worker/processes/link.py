"""The worker's end of the line to a child, on the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.worker.processes.frames import Frames, FromChild, to_bytes

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable

    from stook.worker.processes.frames import FromWorker

__all__ = ["Link"]

CHUNK: Final = 1 << 18


class Link:
    """`take` is called with each frame. A child that is gone is noticed by its process, not here: sends are silent."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop, take: Callable[[FromChild], None]) -> None:
        sock.setblocking(False)  # noqa: FBT003
        self._sock = sock
        self._loop = loop
        self._take = take
        self._frames = Frames(FromChild)
        self._unsent = bytearray()
        self._open = True
        loop.add_reader(sock, self.drain)

    def send(self, frame: FromWorker) -> None:
        if not self._open:
            return
        waiting = bool(self._unsent)
        self._unsent += to_bytes(frame)
        if not waiting:
            self._write()

    def drain(self) -> None:
        """Takes what has arrived; after the child's death, everything it ever sent."""
        while self._open:
            try:
                data = self._sock.recv(CHUNK)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b""
            if not data:
                self._loop.remove_reader(self._sock)
                return
            for frame in self._frames.feed(data):
                self._take(frame)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()

    def _write(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            sent = len(self._unsent)
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._sock, self._write)
        else:
            self._loop.remove_writer(self._sock)
