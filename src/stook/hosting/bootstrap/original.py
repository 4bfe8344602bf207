"""A program with all that it imports, and nobody's code: for each that is asked for, a copy of it under a keeper.

    python -u -I original.py ASKS KEEPER PROGRAM        as the host runs it

    host ──control, line, stdout, stderr──▶ original ──fork──▶ keeper ──fork──▶ program.main()
         ◀─────pid, and a handle on it─────

ASKS is a socket to the host, of whole messages; its end is the host's end. KEEPER is bootstrap/keeper.py, PROGRAM a
file that begins with `main`. What took seconds to import is there in milliseconds, in memory that all copies share
until they write to it. Standard library only, beside what PROGRAM imports.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import socket
import sys
from typing import Any

__all__ = ["main"]

FDS = 4
"""With each request: control, line, standard output, standard error."""


def main() -> None:
    asks = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(asks.fileno(), False)  # noqa: FBT003 -- positional only
    keeper, program = loaded("stook_keeper", sys.argv[2]), loaded("stook_program", sys.argv[3])
    gc.collect()
    gc.freeze()  # nobody looks through what was there before: looking would write to it
    signal.signal(signal.SIGCHLD, reap)
    asks.send(b"ready")
    while True:
        _, fds, _, _ = socket.recv_fds(asks, 16, FDS)
        if len(fds) != FDS:  # the host is gone
            os._exit(0)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # until there is a handle, its number stays its own
        try:
            copy = os.fork()
            if copy == 0:
                asks.close()
                begin(fds, keeper, program)
            handle = os.pidfd_open(copy)  # type: ignore[attr-defined,unused-ignore]
            socket.send_fds(asks, [str(copy).encode()], [handle])
            os.close(handle)
        except OSError as error:
            asks.send(str(error).encode() or b"it cannot be copied")
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        for fd in fds:
            os.close(fd)


def begin(fds: list[int], keeper: Any, program: Any) -> None:
    """Never returns."""
    try:
        control, line, out, err = fds
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        os.setsid()
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        keeper.main(control, [line], program.main)
    finally:
        os._exit(1)


def reap(*_: object) -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def loaded(name: str, path: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
