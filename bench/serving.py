"""`stook serve` as people start it, beside a probe."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Served", "serving"]

STOOK = str(Path(sys.executable).with_name("stook"))
START_S = 30.0


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    key: str
    """Of the first admin."""
    pid: int


@contextlib.contextmanager
def serving(
    store: str, *, address_space: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """On a store that has no key yet. `address_space`: bytes that the process may map, as `ulimit -v` says it.
    RuntimeError with its own words where it does not start."""
    with tempfile.TemporaryDirectory(prefix="stook-bench-") as folder:
        ready, log = Path(folder) / "ready", Path(folder) / "log"
        command = [STOOK, "serve", "--store", store, "--port", "0", "--ready-file", str(ready)]
        if address_space is not None:
            command = ["sh", "-c", f'ulimit -v {address_space // 1024} && exec "$@"', "sh", *command]
        with log.open("wb") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | dict(environment or {}),
            )
        try:
            until = time.monotonic() + START_S
            while not ready.exists():
                if child.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"stook serve did not start: {log.read_text()[-2000:]}")
                time.sleep(0.02)
            told = json.loads(ready.read_text())
            yield Served(told["url"], told["key"], child.pid)
        finally:
            child.terminate()
            try:
                child.wait(timeout=30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
