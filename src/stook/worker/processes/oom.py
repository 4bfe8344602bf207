"""Whether the kernel has been ending processes for want of memory: its counters, looked at now and then."""

from __future__ import annotations

from pathlib import Path

__all__ = ["OomKills", "counter_files"]


class OomKills:
    """Sums the counters in `files` (lines `oom_kill N`); files that are not there count nothing."""

    def __init__(self, files: tuple[Path, ...] | None = None) -> None:
        self._files = counter_files() if files is None else files
        self._total = self._read()
        self._rose_at: int | None = None

    def look(self, now: int) -> None:
        """Notes a rise since the last look as of `now`, in nanoseconds."""
        before, self._total = self._total, self._read()
        if self._total > before:
            self._rose_at = now

    def rose_since(self, moment: int) -> bool:
        return self._rose_at is not None and self._rose_at >= moment

    def _read(self) -> int:
        total = 0
        for file in self._files:
            try:
                text = file.read_text()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))
        return total


def counter_files(root: Path = Path("/")) -> tuple[Path, ...]:
    """The machine's counter and those of this process's own memory cgroup, versions 1 and 2."""
    files = [root / "proc/vmstat"]
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        inside = path.lstrip("/")
        if not controllers:
            files.append(root / "sys/fs/cgroup" / inside / "memory.events")
        elif "memory" in controllers.split(","):
            files.append(root / "sys/fs/cgroup/memory" / inside / "memory.oom_control")
    return tuple(files)
