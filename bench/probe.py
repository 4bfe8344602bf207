"""The side of a measurement that runs in a process of its own: it is asked for one mode and prints one line of figures.

Standard library only: it is imported in the environments of all peers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import inspect
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence

__all__ = [
    "Ask",
    "Figures",
    "Tally",
    "answer",
    "latency",
    "result",
    "row",
    "run_async",
    "say_ready",
    "slices",
    "timed_calls",
    "worker_beside",
]

T = TypeVar("T")
Figures = dict[str, float]

READY = "ready"


@dataclass(frozen=True, slots=True)
class Ask:
    """`target`: the DSN of a fresh, empty PostgreSQL database, or the path of an SQLite file that is not there yet."""

    mode: str
    n: int
    target: str


def answer(modes: Mapping[str, Callable[[Ask], Figures | Coroutine[Any, Any, Figures]]]) -> None:
    """Run the mode named on the command line (`MODE --target T --n N`) and print its figures as the last line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=sorted(modes))
    parser.add_argument("--target", default="")
    parser.add_argument("--n", type=int, default=0)
    options = parser.parse_args()
    ask = Ask(options.mode, options.n, options.target)
    figures = modes[ask.mode](ask)
    if inspect.iscoroutine(figures):
        figures = run_async(figures)
    print(json.dumps(figures), flush=True)


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """On uvloop where the environment has it: every peer gets the faster loop."""
    try:
        import uvloop  # noqa: PLC0415 - present in some environments only
    except ModuleNotFoundError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def row(index: int) -> dict[str, Any]:
    """The payload everybody carries: about 60 bytes of JSON."""
    return {"value": index, "x": "a" * 40}


def result(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What every handler returns, stored by those that store results."""
    return {"id": payload["value"], "ok": True}


def slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


class Tally:
    """Counts handler calls; a drain lasts from the first of them (`first_at`, seconds since the epoch) to the last
    completion that the database knows of."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.calls = 0
        self.first_at = 0.0
        self.last_at = 0.0
        self.done = asyncio.Event()

    def hit(self) -> None:
        """Once per handler call, on the event loop's thread."""
        if not self.calls:
            self.first_at = time.time()
        self.calls += 1
        if self.calls == self.n:
            self.last_at = time.time()
            self.done.set()

    def rate(self, completed: int, last_completed_at: float) -> Figures:
        """Items per second; fails loudly if the database does not know of all of them."""
        if completed != self.n:
            msg = f"{completed} of {self.n} items completed"
            raise RuntimeError(msg)
        return {"rate": self.n / (last_completed_at - self.first_at)}


async def timed_calls(n: int, once: Callable[[int], Awaitable[None]], idle: float = 0.02) -> Figures:
    """Call `once` n times, each on an idle system, after a few calls that warm it up."""
    for index in range(5):
        await once(index)
    gc.collect()
    taken: list[float] = []
    for index in range(n):
        await asyncio.sleep(idle)
        start = time.perf_counter()
        await once(index)
        taken.append(time.perf_counter() - start)
    return latency(taken)


def latency(seconds: Sequence[float]) -> Figures:
    ordered = sorted(seconds)
    return {
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
    }


@contextlib.contextmanager
def worker_beside(script: str, ask: Ask) -> Iterator[int]:
    """The same script in its mode `worker`, as a process of its own that has said it is ready: its id. Ended on the way
    out."""
    command = [sys.executable, "-P", script, "worker", "--target", ask.target, "--n", str(ask.n)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            if child.stdout.readline().strip() != READY:
                msg = f"the worker of {script} ended before it was ready"
                raise RuntimeError(msg)
            yield child.pid
        finally:
            child.terminate()
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                child.kill()


def say_ready() -> None:
    print(READY, flush=True)
