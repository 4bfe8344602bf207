"""Ends a throw-away PostgreSQL server once nobody uses it. Run by path: `python postgres_guard.py FOLDER`.

   FOLDER/users.lock   shared by every process that uses the server. The kernel lets go of it when a process dies,
                       however it dies, so a killed test run leaves no server behind.
   FOLDER/guard.lock   held by this process until the server and its folder are gone.

Returns as soon as the guard stands in the background, holding guard.lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import time
from pathlib import Path

__all__ = ["main", "remove"]

_GRACE = 10.0
"""Seconds a server gets to go after the signal that makes it drop everything; then it is killed."""


def main(folder: Path) -> None:
    guard = (folder / "guard.lock").open("w")
    fcntl.flock(guard, fcntl.LOCK_EX)
    if os.fork():
        return
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    with (folder / "users.lock").open() as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        remove(folder)


def remove(folder: Path) -> None:
    """Stop the server of `folder`, if one runs, at once and without a checkpoint, and delete the folder."""
    note = folder / "data" / "postmaster.pid"
    try:
        postmaster = int(note.read_text().split("\n", 1)[0])
        os.kill(postmaster, signal.SIGQUIT)
        # The server takes its note away last; its process may stay a while as a zombie.
        give_up = time.monotonic() + _GRACE
        while note.exists() and time.monotonic() < give_up:
            os.kill(postmaster, 0)
            time.sleep(0.01)
        if note.exists():
            os.kill(postmaster, signal.SIGKILL)
    except (OSError, ValueError):
        pass  # not started, or already gone
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
