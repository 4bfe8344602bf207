"""Who this process is, and whether another of the same machine still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

__all__ = ["host", "is_alive", "process"]


def host() -> str:
    """The same for processes that can see each other by pid: one boot of one machine, one pid namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}/{boot}/{space}"


def process(pid: int | None = None) -> str:
    """A pid and when it started, so that a pid used again is not taken for the process that had it before."""
    number = os.getpid() if pid is None else pid
    return f"{number}:{_started(number)}"


def is_alive(mark: str) -> bool:
    """Whether the process `process()` named still runs; only for marks of this `host()`."""
    pid = int(mark.split(":", 1)[0])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process(pid) == mark


def _started(pid: int) -> str:
    try:
        content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "?"
    fields = content.rpartition(")")[2].split()
    return "gone" if fields[0] == "Z" else fields[19]
