"""How far a batch is, as it goes: a bar on a terminal, a line every few seconds anywhere else."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, Protocol

from stook.cli.dispatch import say
from stook.cli.figures import count, duration, plural, share
from stook.cli.rate import Rate
from stook.core.states import BatchState

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.script.read.batch_view import BatchView

__all__ = ["Display", "LineDisplay", "Quiet", "choose_display", "status_line"]

EVERY: Final = 5.0
"""Seconds between two lines."""


class Display(Protocol):
    """Everything goes to standard error."""

    def say(self, text: str) -> None:
        """A line that stays."""
        ...

    def update(self, view: BatchView, total: int) -> None:
        """`total` is how many executions it will have once all are submitted."""
        ...

    def close(self) -> None:
        """Leaves the terminal as it was; twice is fine."""
        ...


class Quiet:
    def say(self, text: str) -> None:
        pass

    def update(self, view: BatchView, total: int) -> None:
        pass

    def close(self) -> None:
        pass


class LineDisplay:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rate = Rate()
        self._told = clock()

    def say(self, text: str) -> None:
        say(text)

    def update(self, view: BatchView, total: int) -> None:
        now = self._clock()
        self._rate.add(now, view.counters.terminal)
        if now - self._told >= EVERY:
            self._told = now
            say(status_line(view, total, self._rate))

    def close(self) -> None:
        pass


def status_line(view: BatchView, total: int, rate: Rate) -> str:
    counters = view.counters
    done = counters.terminal
    parts = [f"{count(done)} of {count(total)} done ({share(done, total)})"]
    if view.state is BatchState.paused:
        parts.append(f"paused: {view.reason}" if view.reason else "paused")
    elif done < total:
        parts.append(f"{rate.per_second:,.0f}/s")
        left = rate.left(total - done)
        if left is not None:
            parts.append(f"{duration(left)} left")
    if counters.failed:
        parts.append(f"{count(counters.failed)} failed")
    if counters.scheduled:
        parts.append(f"{plural(counters.scheduled, 'waits', 'wait')} to be due")
    return ", ".join(parts)


def choose_display(*, quiet: bool) -> Display:
    if quiet:
        return Quiet()
    if sys.stderr.isatty():
        from stook.cli.bar import BarDisplay

        return BarDisplay()
    return LineDisplay()
