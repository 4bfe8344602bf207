"""Starts one program, keeps it within its limits, and leaves nothing of it behind.

    python -I -S keeper.py CONTROL LINE [TURNS]         as the host runs it; copies of bootstrap/original.py call `main`

    host ──spec, term, kill──▶ keeper ──fork, limits, exec──▶ program ──▶ whatever it starts
         ◀─────exit, once────           (each orphan of the program's becomes a child of the keeper's)

CONTROL is a socket to the host. Its end is the host's end: then everything is killed. LINE is the socket that the
program talks through, -1 for none; it finds it under the number 3, and TURNS, a pipe, under 4. Standard library only.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PID_SHIFT", "main", "mark_of"]

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
SHORTEST, LONGEST = 0.05, 0.4
"""Seconds between two looks at the program: short while it changes, long while it does not."""
LAST_WAIT = 10.0
"""Seconds for what was killed to be gone."""
RLIMIT_LOCKS = 10
"""No kernel obeys it since Linux 2.4: it is where a keeper's mark is kept (`hosting/orphans.py`)."""
PID_SHIFT = 40
_SIZE = struct.Struct(">I")
_children_known = os.path.exists("/proc/thread-self/children")


def main(control_fd: int, theirs: list[int], program_here: Callable[[], None] | None = None) -> None:
    """`theirs`: what the program has from 3 on. `program_here`: what the program is, where this interpreter has it
    loaded already; else it is exec'ed."""
    control = socket.socket(fileno=control_fd)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    spec = receive(control)
    if spec is None:
        return
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    failing, failed = os.pipe()
    program = os.fork()
    if program == 0:
        try:
            become(spec, theirs, libc, os.getppid(), program_here)
        except BaseException as error:
            os.write(failed, f"{type(error).__name__}: {error}".encode()[:4000])
        finally:
            os._exit(127)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.close(failed)
    for fd in theirs:
        os.close(fd)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    why_not = b""
    while piece := os.read(failing, 4096):
        why_not += piece
    Watch(control, wake, program, spec).run(why_not.decode(errors="replace"))


def become(
    spec: dict[str, Any], theirs: list[int], libc: Any, keeper: int, program_here: Callable[[], None] | None
) -> None:
    """Never returns but by an exception."""
    os.setsid()
    for name, most in spec["rlimits"].items():
        which = getattr(resource, name)
        _, hard = resource.getrlimit(which)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (wanted, wanted))
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # when memory is short, this goes before the host
    except OSError:
        pass
    be_marked(mark_of(keeper))
    if spec["uid"] is not None:
        os.setgroups([])
        os.setgid(spec["uid"])
        os.setuid(spec["uid"])
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != keeper:
        os._exit(1)
    os.umask(0o077)
    os.chdir(spec["cwd"])
    signals_as_ever()
    keep = {0, 1, 2}
    for number, fd in enumerate([fcntl.fcntl(one, fcntl.F_DUPFD, 16) for one in theirs], 3):
        os.dup2(fd, number)
        keep.add(number)
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in keep:
            try:
                os.set_inheritable(fd, False) if program_here is None else os.close(fd)  # noqa: FBT003 -- positional only
            except OSError:
                pass
    if program_here is None:
        os.execve(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606 -- what it is for
    else:
        run_here(spec, program_here)


def be_marked(mark: int) -> None:
    try:
        resource.setrlimit(RLIMIT_LOCKS, (mark, mark))
    except (ValueError, OSError):  # below another keeper: its own mark is there
        pass


def run_here(spec: dict[str, Any], program: Callable[[], None]) -> None:
    """As an interpreter runs its script, and ends with it."""
    os.environ.clear()
    os.environ.update(spec["env"])
    sys.argv = spec["argv"]
    status = 0
    try:
        program()
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        os._exit(status)


def signals_as_ever() -> None:
    """An interpreter ignores some, which what it starts would ignore too."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


class Watch:
    def __init__(self, control: socket.socket, wake: int, program: int, spec: dict[str, Any]) -> None:
        self.control, self.wake, self.program = control, wake, program
        self.memory, self.tasks = spec["memory"], spec["tasks"]
        self.status: Any = None
        self.reason: str | None = None
        self.most = 0
        self.pause = SHORTEST

    def run(self, why_not: str) -> None:
        last = -1
        while self.status is None:
            ready = select.select([self.control.fileno(), self.wake], [], [], self.pause)[0]
            if self.wake in ready:
                os.read(self.wake, 4096)
            if self.control.fileno() in ready:
                self.obey()
            self.reap()
            if ready:
                continue
            used = self.look()
            changed = abs(used - last) > max(last, 1 << 20) // 32
            last = used
            self.pause = SHORTEST if changed else min(LONGEST, self.pause * 2)
        gone = self.kill_all()
        told = {"status": self.status, "reason": self.reason, "memory": self.most, "gone": gone}
        if why_not:
            told["reason"] = "start"
            told["detail"] = why_not
        try:
            send(self.control, told)
            self.control.settimeout(LAST_WAIT)
            while self.control.recv(4096):  # orders that come too late: unread, they would cost the host our last word
                pass
        except OSError:
            pass

    def obey(self) -> None:
        order = receive(self.control)
        if order is None:  # the host is gone
            self.kill_all()
            os._exit(1)
        if order["op"] == "term":
            for pid in self.all():
                strike(pid, signal.SIGTERM)
        else:
            self.reason = self.reason or order.get("reason")
            self.kill_all()

    def look(self) -> int:
        """Kills it all if it has outgrown its limits; the bytes of memory it has."""
        memory = tasks = 0
        for pid in self.all():
            try:
                with open(f"/proc/{pid}/status", "rb") as file:
                    text = file.read()
            except OSError:
                continue
            for name, value in (line.split(b":", 1) for line in text.splitlines() if b":" in line):
                if name in (b"RssAnon", b"RssShmem"):
                    memory += int(value.split()[0]) << 10
                elif name == b"Threads":
                    tasks += int(value)
        self.most = max(self.most, memory)
        if self.memory and memory > self.memory:
            self.reason = "memory"
        elif self.tasks and tasks > self.tasks:
            self.reason = "tasks"
        else:
            return memory
        self.kill_all()
        return memory

    def all(self) -> list[int]:
        return below(os.getpid())

    def kill_all(self) -> bool:
        """True when nothing of it is left. What forks while it is being killed is stopped first, until nobody does."""
        until = time.monotonic() + LAST_WAIT
        while time.monotonic() < until:
            stopped: set[int] = set()
            for _ in range(100):
                new = set(self.all()) - stopped
                if not new:
                    break
                for pid in new:
                    strike(pid, signal.SIGSTOP)
                stopped |= new
            for pid in stopped:
                strike(pid, signal.SIGKILL)
            self.reap()
            if not stopped:
                return True
            time.sleep(0.002)
        return False

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.program:
                self.status = os.waitstatus_to_exitcode(status)


def mark_of(pid: int) -> int:
    """Its number, and when it was started, so that a number used again is not taken for it; 0: it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == b"Z" else pid << PID_SHIFT | int(fields[19])


def below(root: int) -> list[int]:
    """Everything that descends from a process, nearest first."""
    found: list[int] = []
    ahead = [root]
    tree = None if _children_known else whole_tree()
    while ahead:
        pid = ahead.pop()
        for one in children(pid) if tree is None else tree.get(pid, ()):
            found.append(one)
            ahead.append(one)
    return found


def children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
        except OSError:
            continue
    return found


def whole_tree() -> dict[int, list[int]]:
    """By parent, where the kernel does not list children."""
    tree: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
            tree.setdefault(parent, []).append(int(name))
    return tree


def strike(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def receive(sock: socket.socket) -> Any:
    head = exactly(sock, _SIZE.size)
    body = None if head is None else exactly(sock, _SIZE.unpack(head)[0])
    return None if body is None else json.loads(body)


def exactly(sock: socket.socket, size: int) -> bytearray | None:
    data = bytearray()
    while len(data) < size:
        try:
            piece = sock.recv(size - len(data))
        except OSError:
            return None
        if not piece:
            return None
        data += piece
    return data


def send(sock: socket.socket, frame: dict[str, Any]) -> None:
    body = json.dumps(frame).encode()
    sock.sendall(_SIZE.pack(len(body)) + body)


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(one) for one in sys.argv[2:] if one != "-1"])
