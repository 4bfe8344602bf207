"""stook as its users have it: an app, its defaults, a handler that does nothing. What both databases are asked."""

from __future__ import annotations

import threading
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec

from bench.probe import Ask, Figures, Tally, result, row, timed_calls
from stook import App

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stook import Batch, Task

__all__ = ["check", "drain", "latency", "noop_of", "progress", "rows", "size_of_items"]

LOOKS = 200
PARTS_CHECKED = 16


def noop_of(app: App, hit: Callable[[], None]) -> Task[Any, Any, dict[str, Any]]:
    @app.task("noop")
    async def noop(payload: dict[str, Any]) -> dict[str, Any]:
        hit()
        return result(payload)

    return noop


def rows(n: int) -> Iterator[dict[str, Any]]:
    return map(row, range(n))


def check(batch: Batch[Any], n: int) -> None:
    """Its results are there: a few of them are read."""
    for index in {min(part * n // PARTS_CHECKED, n - 1) for part in range(PARTS_CHECKED + 1)}:
        found = batch.result(index=index).value
        if found != result(row(index)):
            msg = f"the result of item {index} is {found}"
            raise RuntimeError(msg)


def drain(ask: Ask, store: str, ready: Callable[[], None] = lambda: None) -> Figures:
    """Until the batch is known to be closed. `ready` is called between submit and drain."""
    tally = Tally(ask.n)
    with App("bench", store=store) as app:
        batch = noop_of(app, tally.hit).map(rows(ask.n))
        ready()
        with app.working():
            view = batch.wait()
            closed_at = time.time()
        check(batch, ask.n)
    return tally.rate(view.counters.succeeded, closed_at)


async def latency(ask: Ask, store: str) -> Figures:
    """The worker is in this process."""
    with App("bench", store=store) as app:
        noop = noop_of(app, lambda: None)
        with app.working():
            return await timed_calls(ask.n, lambda index: once(noop, index))


async def once(noop: Task[Any, Any, dict[str, Any]], index: int) -> None:
    """As a program without a loop of its own does it; nothing else runs on this one."""
    found = noop.submit(row(index)).result(timeout=30)
    assert found == result(row(index))


def progress(ask: Ask, store: str) -> Figures:
    half = threading.Event()
    calls = 0

    def hit() -> None:
        nonlocal calls
        calls += 1
        if calls == ask.n // 2:
            half.set()

    with App("bench", store=store) as app:
        batch = noop_of(app, hit).map(rows(ask.n))
        with app.working():
            half.wait()
        counters = batch.show().counters
        if not ask.n // 2 <= counters.succeeded < ask.n:
            msg = f"{counters} is not half settled"
            raise RuntimeError(msg)
        taken: list[float] = []
        for _ in range(LOOKS):
            start = time.perf_counter()
            batch.show()
            taken.append(time.perf_counter() - start)
    return {"progress_ms": 1000 * median(taken)}


def size_of_items(n: int) -> int:
    """Bytes of payloads and results as they are stored."""
    encode = msgspec.json.Encoder().encode
    return sum(len(encode(one)) + len(encode(result(one))) for one in rows(n))
