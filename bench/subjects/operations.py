"""What operators do to a batch, while a worker works on it: how long each call takes, and how soon the worker heeds it.

all fail ──▶ retry failed ──▶ pause ──▶ resume ──▶ cancel ──▶ delete
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from bench.subjects.noop import rows
from stook import App

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.probe import Ask, Figures
    from stook import Batch

__all__ = ["operations", "operations_of"]

RUN = 0.02
"""Seconds a handler takes once it does not fail."""
PACE = 2.0
"""Seconds in which the worker learns how long handlers take now: until then it has thousands claimed, as for those that
take no time."""
SILENCE = 0.5
"""Seconds without a start, after which there will be none."""


class Handler:
    """Fails at once until it is told to work; then it notes when it is called."""

    def __init__(self) -> None:
        self.works = False
        self.first = self.last = 0.0
        self.called = threading.Event()

    def begin(self) -> bool:
        if self.works:
            self.last = time.perf_counter()
            if not self.called.is_set():
                self.first = self.last
                self.called.set()
        return self.works

    def first_call(self, change: Callable[[], object]) -> tuple[float, float]:
        """Seconds until the change was made, and until the first call after its beginning."""
        self.called.clear()
        start = time.perf_counter()
        change()
        made = time.perf_counter()
        if not self.called.wait(60):
            msg = "no handler was called"
            raise RuntimeError(msg)
        return made - start, self.first - start

    def last_call(self, change: Callable[[], object]) -> tuple[float, float]:
        """Seconds until the change was made, and until the last call after its beginning."""
        start = time.perf_counter()
        change()
        made = time.perf_counter()
        while self.called.wait(SILENCE):
            self.called.clear()
            time.sleep(SILENCE)
        return made - start, max(0.0, self.last - start)


def operations(ask: Ask, store: str) -> Figures:
    return operations_of(ask, store, lambda batch: batch)


def operations_of(ask: Ask, store: str, handle_of: Callable[[Batch[Any]], Batch[Any]]) -> Figures:
    """The batch is operated on by `handle_of` it."""
    handler = Handler()
    with App("bench", store=store) as app:

        @app.task("item", max_attempts=1)
        async def item(_: dict[str, Any]) -> None:
            if not handler.begin():
                raise ValueError("not yet")
            await asyncio.sleep(RUN)

        batch = handle_of(item.map(rows(ask.n)))
        figures: Figures = {}
        effects: list[float] = []
        with app.working():
            failed = batch.wait().counters.failed
            if failed != ask.n:
                msg = f"{failed} of {ask.n} items failed"
                raise RuntimeError(msg)
            handler.works = True
            for name, change, seen in (
                ("retry_failed_s", batch.retry, handler.first_call),
                ("pause_s", batch.pause, handler.last_call),
                ("resume_s", batch.resume, handler.first_call),
                ("cancel_s", batch.cancel, handler.last_call),
            ):
                figures[name], effect = seen(change)
                effects.append(effect)
                if seen == handler.first_call:
                    time.sleep(PACE)
            batch.wait()
            start = time.perf_counter()
            batch.delete()
            figures["delete_s"] = time.perf_counter() - start
    return figures | {"first_effect_s": max(effects)}
