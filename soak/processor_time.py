"""What a process and those it has started have cost so far."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["ProcessorTime", "processor_time"]

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class ProcessorTime(NamedTuple):
    """Seconds, in the kernel and outside of it."""

    own: float
    started: float
    """Of all below it: those that live, and those that were waited for."""


def processor_time(pid: int) -> ProcessorTime:
    times: dict[int, tuple[int, int]] = {}
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            one = int(entry.name)
            below.setdefault(int(words[1]), []).append(one)
            times[one] = int(words[11]) + int(words[12]), int(words[13]) + int(words[14])
    own, ended = times[pid]
    ahead = list(below.get(pid, ()))
    while ahead:
        one = ahead.pop()
        ended += sum(times[one])
        ahead += below.get(one, ())
    return ProcessorTime(own / _TICKS, ended / _TICKS)
