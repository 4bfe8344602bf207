"""stook from the shell prompt: how long people wait before anything happens."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.probe import Ask, Figures, answer
from bench.subjects.noop import rows

if TYPE_CHECKING:
    from collections.abc import Callable

STOOK = str(Path(sys.executable).with_name("stook"))
STARTS = 5
HANDLER = """
import time

called = False

async def handle(row):
    global called
    if not called:
        called = True
        with open("first", "w") as file:
            file.write(str(time.time()))
    return row["value"]
"""


def best(measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(STARTS))


def seconds(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def first_execution(n: int) -> float:
    with tempfile.TemporaryDirectory(prefix="stook-bench-") as name:
        folder = Path(name)
        (folder / "handler.py").write_text(HANDLER)
        (folder / "rows.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in rows(n)))
        start = time.time()
        subprocess.run(
            [STOOK, "run", "handler.py:handle", "--input", "rows.jsonl", "--output", "out.jsonl"],
            check=True,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        if len((folder / "out.jsonl").read_text().splitlines()) != n:
            msg = "results are missing"
            raise RuntimeError(msg)
        return float((folder / "first").read_text()) - start


def start(ask: Ask) -> Figures:
    nothing = best(lambda: seconds(sys.executable, "-c", "pass"))
    imported = best(lambda: seconds(sys.executable, "-c", "import stook"))
    return {
        "import_ms": 1000 * (imported - nothing),
        "help_ms": 1000 * best(lambda: seconds(STOOK, "--help")),
        "first_execution_s": best(lambda: first_execution(ask.n)),
    }


if __name__ == "__main__":
    answer({"start": start})
