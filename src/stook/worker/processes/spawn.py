"""Starts a child: a fresh interpreter, told where to find this package and the line to its worker.

A fresh one, not a fork: a fork would take along threads' locks, database handles and the loop in whatever state they
are. Started by the worker itself, not by a fork server: the kernel then ends it with its worker, and its exit status
is exact. It costs an interpreter's start and the imports, once per child and once per death.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from stook.worker.processes.cells import SIZE, Cells

if TYPE_CHECKING:
    from typing import IO

__all__ = ["ending", "spawn"]

_PROGRAM = """
import json, sys
sys.path[:] = json.loads({path!r})
from stook.worker.processes.child import main
main({link}, {cells}, {parent})
"""


def spawn(out: int | None = None, err: int | None = None) -> tuple[subprocess.Popen[bytes], socket.socket, Cells]:
    """The process, the worker's end of the line, and the memory they share. `out` and `err` are what it writes to as
    its standard output and error; without them, the worker's own.

    To be called in the thread of the worker's loop: Linux ends the child when the thread that started it ends.
    """
    ours, theirs = socket.socketpair()
    with theirs, tempfile.TemporaryFile() as file:
        file.truncate(SIZE)
        program = _PROGRAM.format(
            path=json.dumps(sys.path), link=theirs.fileno(), cells=file.fileno(), parent=os.getpid()
        )
        process = _start(program, theirs, file, out, err)
        return process, ours, Cells(file.fileno())


def _start(
    program: str, line: socket.socket, file: IO[bytes], out: int | None, err: int | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 -- this interpreter, our own program
        [sys.executable, *_flags(), "-c", program],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        pass_fds=(line.fileno(), file.fileno()),
    )


def _flags() -> list[str]:
    """What changes how code behaves, from how this interpreter was started."""
    optimised = ["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []
    options = [f"-X{name}" if value is True else f"-X{name}={value}" for name, value in sys._xoptions.items()]  # noqa: SLF001 -- the documented way to read them
    return [*optimised, *options, *(f"-W{one}" for one in sys.warnoptions)]


def ending(status: int, *, out_of_memory: bool) -> str:
    """How a process ended, in words, from what `Popen.wait` returned."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        name = f" ({signal.Signals(-status).name})"
    except ValueError:
        name = ""
    text = f"killed by signal {-status}{name}"
    if -status == signal.SIGKILL and out_of_memory:
        text += "; the kernel's OOM killer ended a process at that time: give it less at once or more memory"
    return text
