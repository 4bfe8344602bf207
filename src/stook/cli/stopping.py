"""Ctrl-C and SIGTERM: the first asks, the second does not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from stook.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Stop"]


class Stop:
    """`asked` after the first signal. The second ends the process where it stands, which is as safe as `kill -9`:
    `last` gets the terminal back into shape before."""

    def __init__(self, first: Callable[[], None], last: Callable[[], None]) -> None:
        self._event = asyncio.Event()
        self._first = first
        self._last = last

    @property
    def asked(self) -> bool:
        return self._event.is_set()

    async def wait(self, seconds: float) -> bool:
        """Whether it was asked, `seconds` later at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
        return self.asked

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, self._heard)
        try:
            yield
        finally:
            for one in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(one)

    def _heard(self) -> None:
        if self.asked:
            self._last()
            os._exit(Exit.INTERRUPTED)
        self._event.set()
        self._first()
