"""Following an invocation: its state and what it says. Every line comes before the state that it ends with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from stook.core.errors import NotFound, StookError
from stook.core.ids import batch_of, index_of, parse_id
from stook.core.states import TERMINAL
from stook.server.dialects.kernel.shown import invocation
from stook.server.dialects.kernel.stream import beat, event, failed, log_event, stopping

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stook.engine.hosted_executions import HostedExecution
    from stook.server.call import Call

__all__ = ["invocation_frames"]

_PAGE: Final = 200
_PAUSE: Final = 1.0
"""Seconds between two looks for lines; workers store what is said every two."""


async def invocation_frames(call: Call, found: HostedExecution, since: int | None) -> AsyncGenerator[bytes]:
    """`since` is for lines alone. The row of its batch says when to look at it."""
    loop = asyncio.get_running_loop()
    channels, pause = call.services.channels, call.services.limits.heartbeat
    lines = _Lines(call, found.id, since)
    before = None
    async with channels.of(batch_of(parse_id(found.id))) as channel:
        sent, seen = loop.time(), 0
        if found.state not in TERMINAL:
            yield _state(call, found)
        while True:
            try:
                async for said in lines.frames():
                    yield said
                    sent = loop.time()
                if found.state in TERMINAL:
                    yield _state(call, found)
                    return
                view = await channel.look(seen, max(0.0, min(_PAUSE, sent + pause - loop.time())))
                seen = channel.looks
                if view is not None and view != before:
                    before, was = view, found
                    found = await _now(call, was)
                    if found.state not in TERMINAL and invocation(found) != invocation(was):
                        yield _state(call, found)
                        sent = loop.time()
            except StookError as error:
                yield failed(call, error)
                return
            if channels.stopping.is_set() and found.state not in TERMINAL:
                yield stopping(call)
                return
            if loop.time() - sent >= pause:
                yield beat(call)
                sent = loop.time()


async def _now(call: Call, found: HostedExecution) -> HostedExecution:
    now = await call.services.hosted.get(call.tenant.project, found.id)
    if now is None:
        raise NotFound(f"invocation {found.id} is kept no longer")
    return now


def _state(call: Call, found: HostedExecution) -> bytes:
    return event("invocation_state", call.services.clock(), invocation=invocation(found))


class _Lines:
    def __init__(self, call: Call, execution_id: str, since: int | None) -> None:
        raw = parse_id(execution_id)
        self._engine = call.tenant.engine
        self._batch_id, self._index = batch_of(raw), index_of(raw)
        self._since = since
        self._after: str | None = None

    async def frames(self) -> AsyncGenerator[bytes]:
        """Of what was said since the last look."""
        more = True
        while more:
            page = await self._engine.logs(self._batch_id, self._index, after=self._after, limit=_PAGE)
            for one in page.lines:
                self._after = one.cursor
                if self._since is None or one.at >= self._since:
                    yield log_event(one.at, one.message)
            more = page.next is not None
