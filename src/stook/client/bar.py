"""The bar of `wait(progress=True)`."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from stook.store.script.read.batch_view import BatchView

__all__ = ["shown_progress"]

_EVERY: Final = 0.1
"""Seconds between two drawings."""


@contextlib.contextmanager
def shown_progress(*, wanted: bool, console: Console | None = None) -> Iterator[Callable[[BatchView], None]]:
    """What is given shows a batch; nothing where standard error is no terminal. Afterwards the bar is gone."""
    if not wanted or (console is None and not sys.stderr.isatty()):
        yield _show_nothing
        return
    from rich.console import Console as RichConsole  # noqa: PLC0415 - nobody loads rich who draws nothing
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    progress = Progress(
        TextColumn("{task.fields[done]}", markup=False),
        BarColumn(bar_width=None),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}", markup=False),
        console=console or RichConsole(stderr=True, highlight=False),
        auto_refresh=False,
        transient=True,
        expand=True,
    )
    bar = progress.add_task("", total=None, done="", said="")
    drawn = -_EVERY

    def show(view: BatchView) -> None:
        nonlocal drawn
        counters = view.counters
        said = f"{counters.failed:,} failed" if counters.failed else ""
        if view.state.value in ("paused", "cancelling"):
            said = f"{view.state.value}  {said}".rstrip()
        done = f"{counters.terminal:,} of {counters.total:,}"
        progress.update(bar, completed=counters.terminal, total=counters.total, done=done, said=said)
        if view.state.terminal or time.monotonic() - drawn >= _EVERY:
            drawn = time.monotonic()
            progress.refresh()

    with progress:
        yield show


def _show_nothing(view: BatchView) -> None:
    pass
