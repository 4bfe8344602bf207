"""A process that is copied: its program is imported once, and every replica begins as a copy of it.

The program is `bootstrap/original.py`; it runs as the host's own user and never sees anybody's code.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Final

from stook.hosting.finishing import to_its_end

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Copy", "Original"]

_WORDS: Final = 4096
_END: Final = 5.0


class Copy:
    """A keeper that the host has not started itself. As much of `Popen` as is needed to see it end."""

    def __init__(self, pid: int, handle: int) -> None:
        self.pid = pid
        self._handle: int | None = handle

    def wait(self, timeout: float | None = None) -> None:
        """Blocks until it is gone. `subprocess.TimeoutExpired`."""
        if self._handle is None:
            return
        looking = select.poll()
        looking.register(self._handle, select.POLLIN)
        if not looking.poll(None if timeout is None else timeout * 1000):
            raise subprocess.TimeoutExpired("keeper", timeout or 0)
        self.let_go()

    def let_go(self) -> None:
        """Nobody waits for it any more."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def kill(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)


class Original:
    """On one loop."""

    def __init__(self, process: subprocess.Popen[bytes], asks: socket.socket) -> None:
        self._process = process
        self._asks = asks
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    async def start(cls, python: str, programs: Sequence[Path], *, env: Mapping[str, str], within: float) -> Original:
        """Once it has imported what it will be asked for. `programs`: its own, the keeper's, and that of the copies.
        `OSError` if there is no room for it, or it is not ready in time."""
        asks, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own, *others = map(str, programs)
        with theirs:
            try:
                process = subprocess.Popen(  # noqa: S603, ASYNC220 -- our own program; it is exec'ed within milliseconds
                    [python, "-u", "-I", own, str(theirs.fileno()), *others],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    env=dict(env),
                    cwd="/",
                )
            except BaseException:
                asks.close()
                raise
        asks.setblocking(False)  # noqa: FBT003 -- positional only
        made = cls(process, asks)
        try:
            async with asyncio.timeout(within):
                ready = await asyncio.get_running_loop().sock_recv(asks, _WORDS)
        except TimeoutError:
            await made.close()
            raise OSError(f"the program was not ready within {within:g} s") from None
        except BaseException:
            await to_its_end(made.close())
            raise
        if not ready:
            await made.close()
            raise OSError("the program ended before it was ready")
        return made

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None and self._asks.fileno() >= 0

    async def copy(self, control: int, line: int, out: int, err: int) -> Copy:
        """A keeper with these descriptors, which stay the caller's to close. `OSError`."""
        async with self._one_at_a_time:
            socket.send_fds(self._asks, [b"copy"], [control, line, out, err])
            made = asyncio.ensure_future(self._answer())
            try:
                await to_its_end(asyncio.wait({made}))
            except asyncio.CancelledError:
                if made.exception() is None:
                    made.result().let_go()
                raise
            return made.result()

    async def _answer(self) -> Copy:
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()

        def note() -> None:
            if not readable.done():
                readable.set_result(None)

        loop.add_reader(self._asks, note)
        try:
            await readable
        finally:
            loop.remove_reader(self._asks)
        words, handles, _, _ = socket.recv_fds(self._asks, _WORDS, 1)
        if not handles:
            raise OSError(words.decode(errors="replace") or "the process that is to be copied is gone")
        os.set_inheritable(handles[0], False)  # noqa: FBT003 -- positional only
        return Copy(int(words), handles[0])

    async def close(self) -> None:
        """It is gone on return; its copies are their holders'."""
        self._asks.close()
        try:
            await asyncio.to_thread(self._process.wait, _END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
