"""Commands, each in a process of its own that is forked from one that has everything imported and nothing open: to
start an interpreter for each would take most of the time.

test ── words, folder, environment, its three files ─▶ this program ── fork ─▶ `python -m stook WORDS`
     ◀── pid, then the exit code ─────────────────────┘                        from its first line on
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import pickle
import pkgutil
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
import time

__all__ = ["Warm"]

_LONGEST = 1 << 20
_PLACES = 3


class Warm:
    """One at a time. It ends with the process that made it."""

    def __init__(self, environment):
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()])

    def run(self, words, folder, environment, patience):
        """As `subprocess.run`, with nothing on standard input and what is said taken as text."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull) as nothing:  # noqa: PTH123
            asked = pickle.dumps((words, str(folder), environment))
            socket.send_fds(self._control, [asked], [nothing.fileno(), out.fileno(), err.fileno()])
            pid = int(self._control.recv(_LONGEST))
            self._control.settimeout(patience)
            try:
                code = int(self._control.recv(_LONGEST))
            except TimeoutError:
                os.kill(pid, 9)
                self._control.settimeout(None)
                self._control.recv(_LONGEST)
                raise subprocess.TimeoutExpired(words, patience) from None
            finally:
                self._control.settimeout(None)
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read().decode())
        return subprocess.CompletedProcess(words, code, *said)

    def close(self):
        self._control.close()
        self._process.wait()


def _forked(control):
    """Returns in each child, with its words; in the parent never."""
    while True:
        asked, files, _, _ = socket.recv_fds(control, _LONGEST, _PLACES)
        if not asked:
            sys.exit()
        pid = os.fork()
        if pid == 0:
            words, folder, environment = pickle.loads(asked)  # noqa: S301 - from the tests that started this program
            control.close()
            for place, file in enumerate(files):
                os.dup2(file, place)
                os.close(file)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            return words, folder
        for file in files:
            os.close(file)
        control.send(str(pid).encode())
        control.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())


def _main(control):
    import stook

    for found in pkgutil.walk_packages(stook.__path__, "stook."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    importlib.import_module("uvloop")
    gc.collect()
    gc.freeze()
    words, folder = _forked(control)
    time.tzset()
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", errors="backslashreplace", buffering=1)  # noqa: SIM115
    sys.argv = ["stook", *words]
    sys.path[0] = folder
    try:
        runpy.run_module("stook", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        # What an interpreter does at its end, but for taking apart what it shares with its parent.
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(end.code)


if __name__ == "__main__":
    _main(socket.socket(fileno=int(sys.argv[1])))
