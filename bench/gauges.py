"""What a probe reads off the machine it runs on. Linux only."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CoresBusy", "cpu_seconds", "resident_mib"]


class CoresBusy:
    """Of all cores and everybody on them, since it was made."""

    def __init__(self) -> None:
        self._start = _ticks()

    def share(self) -> float:
        """0 to 1; 0 before the kernel has counted anything (it counts a hundred times a second)."""
        busy, total = (now - then for now, then in zip(_ticks(), self._start, strict=True))
        return busy / total if total else 0.0


def resident_mib(pid: int | None = None) -> float:
    """Of this process, or of another. FileNotFoundError once that has ended."""
    pages = int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    """Of a process, its threads included, without what it has started."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_name[11:13])) / os.sysconf("SC_CLK_TCK")


def _ticks() -> tuple[int, int]:
    """Spent at work, and altogether. Waiting for a disk is no work."""
    user, nice, system, idle, iowait, *rest = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
    busy = user + nice + system + sum(rest)
    return busy, busy + idle + iowait
