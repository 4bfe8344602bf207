"""What hosted code has started and nobody keeps any more, because its keeper was killed.

Each keeper writes who it is into a limit that the kernel keeps for old times' sake and obeys no longer: all that the
program starts inherits it, in a session of its own or not, whoever its parent is by now.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

from stook.hosting.bootstrap.keeper import PID_SHIFT, mark_of

__all__ = ["end_orphans"]

_ROUNDS: Final = 100
_LINE: Final = b"Max file locks"


def end_orphans() -> int:
    """Blocks. Kills what has the mark of a keeper that is gone, in this pid namespace; returns how many that were."""
    depth = _depth("self")
    ended: set[int] = set()
    for _ in range(_ROUNDS):
        found = [pid for pid in _processes() if _is_orphan(pid, depth)]
        if not found:
            break
        for pid in found:  # what forks is stopped first: nothing new comes while it is killed
            _strike(pid, signal.SIGSTOP)
        for pid in found:
            _strike(pid, signal.SIGKILL)
        ended.update(found)
    return len(ended)


def _processes() -> list[int]:
    return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]


def _is_orphan(pid: int, depth: int) -> bool:
    mark = _mark(pid)
    if mark is None or mark >> PID_SHIFT == 0 or _depth(str(pid)) != depth:
        return False
    return mark_of(mark >> PID_SHIFT) != mark


def _mark(pid: int) -> int | None:
    """None: it has none, or is gone."""
    try:
        text = Path(f"/proc/{pid}/limits").read_bytes()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(_LINE):
            soft = line[len(_LINE) :].split()[0]
            return int(soft) if soft.isdigit() else None
    return None


def _depth(pid: str) -> int:
    """How many pid namespaces it is in: in another than ours, its keeper's number means another process."""
    try:
        text = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return 0
    return next((len(line.split()) for line in text.splitlines() if line.startswith(b"NSpid:")), 1)


def _strike(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
