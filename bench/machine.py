"""What the figures were measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Machine", "this_machine"]


@dataclass(frozen=True, slots=True)
class Machine:
    cpu: str
    cores: int
    memory_gib: int
    python: str
    postgres: str
    date: str
    load: float

    def lines(self) -> list[str]:
        """For people; `load` is the average of the minute before the run, and other people's work if it is high."""
        return [
            f"CPU: {self.cpu}, {self.cores} cores",
            f"Memory: {self.memory_gib} GiB",
            f"Python: {self.python}",
            f"PostgreSQL: {self.postgres}",
            f"Date: {self.date}",
            f"Load before the run: {self.load:.2f}",
        ]


def this_machine(postgres: str) -> Machine:
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        python=platform.python_version(),
        postgres=postgres,
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        load=os.getloadavg()[0],
    )


def _cpu() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
