"""The log of a build: said line by line, written a few times a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from stook.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from stook.hosting.output import Stream

__all__ = ["BuildLog"]

PAUSE: Final = 0.3
MOST_LINES: Final = 20_000
"""Of one build; the rest is counted."""

log = logging.getLogger("stook.hosting")


class BuildLog:
    """Also a `Sink`. `close` writes what is left."""

    most = 8192

    def __init__(self, write: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[str] = []
        self._said = 0
        self._closing = asyncio.Event()
        self._writing = asyncio.create_task(self._run(), name="stook build log")

    def say(self, line: str) -> None:
        self._said += 1
        if self._said <= MOST_LINES:
            self._waiting.append(line)

    def take(self, _stream: Stream, lines: Sequence[bytes]) -> None:
        for line in lines:
            self.say(line.decode(errors="replace"))

    async def close(self) -> None:
        self._closing.set()
        await asyncio.shield(self._writing)
        if self._said > MOST_LINES:
            self._waiting.append(f"… {self._said - MOST_LINES} lines left out")
            self._said = MOST_LINES
        await self._flush()

    async def _run(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), PAUSE)
            await self._flush()

    async def _flush(self) -> None:
        lines, self._waiting = self._waiting, []
        try:
            if lines:
                await self._write(lines)
        except StoreError as error:
            log.warning("lines of a build's log are lost: %s", error)
