"""What lets a process begin one run after another without asking: a byte in a pipe for each run that lies ready on its
line. It takes one before it begins; what it has not taken can be taken back, and then was never begun.

    host ──frames──▶ line                      a byte is a number: a run begins if it is the round that both are in,
         ──bytes───▶ pipe ──one at a time──▶   and is passed over if it is not
         ◀─what nobody has taken──┘

The round goes on by one with each run that has written something: then the process waits until its host has read that,
and has given out new bytes. So whatever lies in its pipes of output was written by the run that is under way.
"""

from __future__ import annotations

import os
from typing import Final

__all__ = ["Turns"]

_ROUNDS: Final = 255
_OVER: Final = 0
"""Of a run that is passed over in any round."""
_MOST: Final = 1 << 16


class Turns:
    def __init__(self) -> None:
        self.theirs, self._write = os.pipe()
        # Of its own: whether reads wait is the same for all who share one, and the process's have to.
        self._read = os.open(f"/proc/self/fd/{self.theirs}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(self._write, False)
        self._round = 1
        self._last = b""
        self._open = True

    def handed_over(self) -> None:
        """The process has its end."""
        os.close(self.theirs)
        self.theirs = -1

    def give(self, count: int) -> None:
        """For so many runs, in the order in which they lie on the line."""
        if self._open:
            os.write(self._write, bytes((self._round,)) * count)

    def take_back(self, most: int) -> int:
        """How many of the last runs, `most` at most, have not begun. They never will."""
        left = bytearray(self._unread())
        places = [place for place, one in enumerate(left) if one == self._round]
        taken = places[max(0, len(places) - most) :]
        for place in taken:
            left[place] = _OVER
        if self._open and left:
            os.write(self._write, left)
        return len(taken)

    def next_round(self) -> None:
        """What was given and not taken will not begin."""
        self._round = self._round % _ROUNDS + 1

    def close(self) -> None:
        if not self._open:
            return
        self._last = self._unread()
        self._open = False
        for fd in (self._read, self._write, self.theirs):
            if fd >= 0:
                os.close(fd)

    def _unread(self) -> bytes:
        if not self._open:
            last, self._last = self._last, b""
            return last
        try:
            return os.read(self._read, _MOST)
        except BlockingIOError:
            return b""
