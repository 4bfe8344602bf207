"""One follower of a project's events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from stook.core.errors import StookError
from stook.server.call import as_json
from stook.server.events import event_of, kinds_of
from stook.server.refusal import refusal_of
from stook.server.sse import BEAT, RETRY, frame
from stook.store.script.read.events import events, last_event
from stook.wire.problem import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stook.server.call import Call

__all__ = ["follow_project_frames"]

_PAUSE: Final = 0.5
"""Seconds between two looks."""


async def follow_project_frames(call: Call, after: int | None, kind: str | None) -> AsyncGenerator[bytes]:
    """`reset` where the cursor is beyond what there is."""
    loop = asyncio.get_running_loop()
    store, project = call.services.store, call.tenant.project
    stopping, beat, kinds = call.services.channels.stopping, call.services.limits.heartbeat, kinds_of(kind)
    try:
        newest = await store.read(last_event)
        if after is not None and after > newest:
            yield frame("reset", b"{}", newest)
        cursor = newest if after is None else min(after, newest)
        yield frame("snapshot", b"{}", cursor)
        sent = loop.time()
        while not stopping.is_set():
            page = await store.read(events, project, cursor, 200, kinds)
            cursor = page.after
            for view in page.events:
                yield frame("event", as_json(event_of(view)), view.id)
                sent = loop.time()
            if not page.more:
                if loop.time() - sent >= beat:
                    yield BEAT
                    sent = loop.time()
                await _pause(stopping, _PAUSE)
        yield RETRY
    except StookError as error:
        yield frame("error", as_json(Refused(refusal_of(error).problem)))


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    waiting = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        waiting.cancel()
