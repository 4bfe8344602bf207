"""A child's standard output and error: pipes that its worker reads, and what one item wrote must not be taken for the
next one's. So before it says that an item has ended, a child waits until the pipes are empty.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import sys
import termios
from array import array
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Streams"]

LONGEST: Final = 2.0
"""Seconds that are waited for the worker, which may be starved."""
IN_VAIN: Final = 0.02
"""The same, when the time before it was in vain: a process that the handler left behind goes on writing."""
FIRST_PAUSE: Final = 0.00002
LONGEST_PAUSE: Final = 0.001
_LINE_BUFFERED: Final = 1


class Streams:
    """Lines leave the process when they are whole, also those of C code: a process that is killed has said them."""

    def __init__(self) -> None:
        self._out, self._err = os.dup(1), os.dup(2)
        self._unread = array("i", [0])
        self._patience = LONGEST
        self._flush_all = _prepare_libc()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, ValueError, OSError):
                stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]

    def drain(self) -> None:
        """Returns when what was written has been read, or after some time in vain. Once per item: without output it
        costs a few microseconds."""
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except Exception:  # noqa: BLE001, S110 -- whatever a handler has put in their place
            pass
        self._flush_all(None)
        if self._waits():
            self._wait()

    def _wait(self) -> None:
        pause, until = FIRST_PAUSE, monotonic() + self._patience
        while self._waits():
            if monotonic() >= until:
                self._patience = IN_VAIN
                return
            sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self._patience = LONGEST

    def _waits(self) -> bool:
        unread = self._unread
        try:
            fcntl.ioctl(self._out, termios.FIONREAD, unread)
            if unread[0]:
                return True
            fcntl.ioctl(self._err, termios.FIONREAD, unread)
        except OSError:
            return False  # not known here: what comes late counts as the next item's
        return unread[0] != 0


def _prepare_libc() -> Callable[[None], object]:
    """Makes C's standard output leave by lines; returns what empties its buffers, without letting other threads in."""
    try:
        libc = ctypes.PyDLL(None)
        libc.setvbuf.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t]
        libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, _LINE_BUFFERED, 0)
        libc.fflush.argtypes = [ctypes.c_void_p]
    except (OSError, AttributeError, ValueError):
        return lambda _: None
    return libc.fflush
