"""What runs tell while they run, on its way to the store: one write at a time takes along all that came meanwhile."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from stook.core.errors import StoreError
from stook.core.hosted_event import HostedEvent

if TYPE_CHECKING:
    from stook.engine.hosted_events import HostedEvents

__all__ = ["EventKeeper"]

MOST_WAITING: Final = 1000
_AGAIN: Final = 0.5
_WORD: Final = re.compile(r"[\w.:-]{1,200}", re.ASCII)
_LATEST: Final = 2**53

log = logging.getLogger("stook.hosting")


class EventKeeper:
    """On one loop."""

    def __init__(self, events: HostedEvents) -> None:
        self._events = events
        self._waiting: dict[str, list[HostedEvent]] = {}
        self._count = 0
        self._writing: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    async def take(self, execution: str, frame: dict[str, Any]) -> None:
        """Waits while too many wait: then the process that tells them does too. What is no event is passed over: users'
        code can write to its process's line."""
        while self._count >= MOST_WAITING:
            await self._wait()
        event = _event(frame)
        if event is None:
            return
        self._waiting.setdefault(execution, []).append(event)
        self._count += 1
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="stook hosted events")

    async def kept(self) -> None:
        """All that was taken before is in the store."""
        while self._writing is not None:
            await self._wait()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _write(self) -> None:
        try:
            while self._waiting:
                told, self._waiting, self._count = self._waiting, {}, 0
                await self._keep(told)
                self._changed.set()
        finally:
            self._writing = None
            self._changed.set()

    async def _keep(self, told: dict[str, list[HostedEvent]]) -> None:
        while True:
            try:
                await self._events.keep(told)
            except StoreError as error:
                log.warning("events of %d executions wait for the store: %s", len(told), error)
                await asyncio.sleep(_AGAIN)
            else:
                return


def _event(frame: dict[str, Any]) -> HostedEvent | None:
    match frame:
        case {"id": str(id_), "name": str(name), "at": int(at), "body": str(body)}:
            known = _WORD.fullmatch(id_) and _WORD.fullmatch(name) and 0 <= at < _LATEST
            return HostedEvent(id_, name, at, body.encode(errors="replace")) if known else None
        case _:
            return None
