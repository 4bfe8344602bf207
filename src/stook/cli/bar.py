"""The progress bar on a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from stook.cli.figures import count, duration, one_line
from stook.cli.rate import Rate
from stook.core.states import BatchState

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.script.read.batch_view import BatchView

__all__ = ["BarDisplay"]


class BarDisplay:
    """`12,345 of 100,000  ━━━━━╸      4,512/s  19 s left  37 failed`. What handlers print appears above it."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(stderr=True, highlight=False) if console is None else console
        self._clock = clock
        self._rate = Rate()
        self._progress = Progress(
            TextColumn("{task.fields[done]}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[speed]}", markup=False),
            TextColumn("{task.fields[failed]}", style="red", markup=False),
            console=self._console,
            auto_refresh=False,
            transient=True,
            expand=True,
        )
        self._task = self._progress.add_task("", total=None, done="", speed="", failed="")

    def say(self, text: str) -> None:
        self._console.print(f"stook: {one_line(text)}", markup=False, soft_wrap=True)

    def update(self, view: BatchView, total: int) -> None:
        counters = view.counters
        done = counters.terminal
        self._rate.add(self._clock(), done)
        self._progress.update(
            self._task,
            completed=done,
            total=total,
            done=f"{count(done)} of {count(total)}",
            speed=self._speed(view, total - done),
            failed=f"{count(counters.failed)} failed" if counters.failed else "",
        )
        self._progress.start()
        self._progress.refresh()

    def _speed(self, view: BatchView, missing: int) -> str:
        if view.state is BatchState.paused:
            return one_line(f"paused: {view.reason}" if view.reason else "paused", 60)
        left = self._rate.left(missing)
        waiting = f"{count(view.counters.scheduled)} due later  " if view.counters.scheduled else ""
        return f"{waiting}{self._rate.per_second:,.0f}/s" + ("" if left is None else f"  {duration(left)} left")

    def close(self) -> None:
        self._progress.stop()
