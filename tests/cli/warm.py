"""Commands, each in a process of its own that is forked from one that has everything imported and nothing open: to
start an interpreter for each would take most of the time.

test ── words, folder, environment, its three files ─▶ this program ── fork ─▶ `python -m stook WORDS`
     ◀── pid ─────────────────────────────────────────┘                        from its first line on
     ◀── exit code, on a pipe of the process's own, once it has ended
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import os
import pickle
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

__all__ = ["Warm", "WarmProcess", "warm"]

_LONGEST = 1 << 20


@functools.cache
def warm():
    """The one of this process."""
    made = Warm({name: value for name, value in os.environ.items() if not name.startswith("STOOK_")})
    atexit.register(made.close)
    return made


class Warm:
    """It ends with the process that made it; what it has started does not."""

    def __init__(self, environment):
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()])

    def start(self, words, folder, environment, out, err, *, session=False):
        """As `subprocess.Popen`, with nothing on standard input."""
        ended, tell = os.pipe()
        with open(os.devnull) as nothing:  # noqa: PTH123
            asked = pickle.dumps((words, str(folder), environment, session))
            socket.send_fds(self._control, [asked], [nothing.fileno(), out.fileno(), err.fileno(), tell])
        os.close(tell)
        return WarmProcess(words, int(self._control.recv(_LONGEST)), ended)

    def talk(self, words, folder, environment):
        """One in a session of its own, whose `stdout` and `stderr` are text to read."""
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()
        with open(to_out, "wb") as theirs, open(to_err, "wb") as theirs_too:  # noqa: PTH123
            made = self.start(words, folder, environment, theirs, theirs_too, session=True)
        made.stdout, made.stderr = open(out), open(err)  # noqa: PTH123, SIM115
        return made

    def run(self, words, folder, environment, patience):
        """As `subprocess.run`, with nothing on standard input and what is said taken as text."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with self.start(words, folder, environment, out, err) as process:
                code = process.wait(patience)
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read().decode())
        return subprocess.CompletedProcess(words, code, *said)

    def close(self):
        self._control.close()
        self._process.wait()


class WarmProcess:
    """What of `subprocess.Popen` tests use. Left as a context, it is killed if it still runs."""

    def __init__(self, words, pid, ended):
        self.args, self.pid, self.returncode = words, pid, None
        self.stdout = self.stderr = None
        self._ended = ended

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.poll() is None:
            self.kill()
        self.wait()

    def poll(self):
        return self._look(0)

    def wait(self, timeout=None):
        if self._look(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, timeout=None):
        """What it still says, on both, until it has ended."""
        until = None if timeout is None else time.monotonic() + timeout
        said = ["", ""]

        def hear(place, file):
            with file:
                said[place] = file.read()

        both = enumerate((self.stdout, self.stderr))
        files = [(place, file) for place, file in both if file is not None and not file.closed]
        hearing = [threading.Thread(target=hear, args=one, daemon=True) for one in files]
        for one in hearing:
            one.start()
        for one in hearing:
            one.join(None if until is None else until - time.monotonic())
            if one.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout)
        self.wait(None if until is None else until - time.monotonic())
        return said

    def send_signal(self, sign):
        if self.poll() is None:
            os.kill(self.pid, sign)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds):
        if self.returncode is None and select.select([self._ended], [], [], seconds)[0]:
            said = os.read(self._ended, 16)
            os.close(self._ended)
            assert said, "what it was forked from is gone"
            self.returncode = int(said)
        return self.returncode


def _forked(control):
    """Returns in each child, with its words; in the parent never."""
    running = {}  # its pidfd: pid, the pipe
    while True:
        for ready in select.select([control, *running], [], [])[0]:
            if ready is control:
                asked, files, _, _ = socket.recv_fds(control, _LONGEST, 4)
                if not asked:
                    sys.exit()
                *places, tell = files
                pid = os.fork()
                if pid == 0:
                    for theirs in (control.detach(), tell, *running, *(pipe for _, pipe in running.values())):
                        os.close(theirs)
                    return _as_asked(places, *pickle.loads(asked))  # noqa: S301 - from the tests that started this
                for place in places:
                    os.close(place)
                running[os.pidfd_open(pid)] = pid, tell
                control.send(str(pid).encode())
            else:
                pid, tell = running.pop(ready)
                os.write(tell, str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
                os.close(tell)
                os.close(ready)


def _as_asked(places, words, folder, environment, session):
    for place, file in enumerate(places):
        os.dup2(file, place)
        os.close(file)
    if session:
        os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in environment
    return words, folder


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
