"""Several clients at once: those that submit are coroutines of one process, those that work a process each."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from typing import TYPE_CHECKING

from bench.probe import run_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
    from multiprocessing.synchronize import Barrier

    Start = Callable[[], Coroutine[None, None, None]]
    Client = Callable[[Start], Coroutine[None, None, int]]

__all__ = ["rate_of_processes", "rate_of_senders"]

# Forked from a process with nothing open: what it has imported need not be imported again by each.
_context = multiprocessing.get_context("fork")
PATIENCE = 60.0


async def rate_of_senders(parts: Iterable[Sequence[object]], send: Sequence[Callable[..., Awaitable[object]]]) -> float:
    """Items per second. Each sender takes the next part as soon as its last one is durable."""
    waiting = iter(list(parts))
    count = 0

    async def client(one: Callable[..., Awaitable[object]]) -> None:
        nonlocal count
        for part in waiting:
            await one(part)
            count += len(part)

    start = time.perf_counter()
    await asyncio.gather(*(client(one) for one in send))
    return count / (time.perf_counter() - start)


def rate_of_processes(n: int, clients: int, client: Client) -> float:
    """Items per second, from everybody's start to the last one's end. A client connects, awaits `start`, works until
    nothing is left, and returns how many it had finished; `RuntimeError` unless they are n together."""
    barrier = _context.Barrier(clients + 1)
    answers = _context.SimpleQueue()
    processes = [_context.Process(target=_run, args=(client, barrier, answers), daemon=True) for _ in range(clients)]
    for process in processes:
        process.start()
    barrier.wait(PATIENCE)
    start = time.perf_counter()
    finished = sum(answers.get() for _ in processes)
    taken = time.perf_counter() - start
    for process in processes:
        process.join()
    if finished != n:
        msg = f"{finished} of {n} items were finished"
        raise RuntimeError(msg)
    return n / taken


def _run(client: Client, barrier: Barrier, answers: multiprocessing.SimpleQueue[int]) -> None:
    async def start() -> None:
        await asyncio.to_thread(barrier.wait, PATIENCE)

    finished = 0
    try:
        finished = run_async(client(start))
    finally:
        answers.put(finished)
