"""One follower of one execution."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from stook.core.errors import StookError
from stook.core.states import TERMINAL
from stook.server.call import as_json
from stook.server.refusal import refusal_of
from stook.server.shown import detail_of
from stook.server.sse import BEAT, RETRY, frame
from stook.wire.problem import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stook.server.call import Call
    from stook.server.follow_logs import FollowedLogs
    from stook.store.script.read.batch_view import BatchView

__all__ = ["follow_execution_frames"]

_NEWLINES: Final = bytes.maketrans(b"\r\n", b"  ")


async def follow_execution_frames(
    call: Call, batch_id: bytes, index: int, logs: FollowedLogs | None = None
) -> AsyncGenerator[bytes]:
    """Its batch's row says when to look: one that has not changed tells of no change. What it says is looked at as
    often as `logs` asks for. An error before the first frame is raised, later ones are told."""
    loop = asyncio.get_running_loop()
    channels, beat = call.services.channels, call.services.limits.heartbeat
    looking = _Looking(call, batch_id, index)
    async with channels.of(batch_id) as channel:
        await asyncio.sleep(0)  # from here on the channel listens, so that its first look brings no news
        seen = max(1, channel.looks)
        await looking.look()
        yield frame("snapshot", looking.data)
        sent = loop.time()
        while True:
            try:
                if logs is not None:
                    async for said in logs.frames():
                        yield said
                        sent = loop.time()
                if looking.ended:
                    yield frame("end", looking.data)
                    return
                if channels.stopping.is_set():
                    yield RETRY
                    return
                left = max(0.0, sent + beat - loop.time())
                view = await channel.look(seen, left if logs is None else min(left, logs.pause))
                seen = max(seen, channel.looks)
                if await looking.has_changed(view) and not looking.ended:
                    yield frame("progress", looking.data)
                    sent = loop.time()
            except StookError as error:
                yield frame("error", as_json(Refused(refusal_of(error).problem)))
                return
            if loop.time() - sent >= beat:
                yield BEAT
                sent = loop.time()


class _Looking:
    """The execution as it was last looked at."""

    def __init__(self, call: Call, batch_id: bytes, index: int) -> None:
        self._engine = call.tenant.engine
        self._batch_id = batch_id
        self._index = index
        self._before: BatchView | None = None
        self.data = b""
        self.ended = False

    async def look(self) -> None:
        found = await self._engine.item(self._batch_id, index=self._index)
        self.data = as_json(detail_of(found)).translate(_NEWLINES)
        self.ended = found.item.state in TERMINAL

    async def has_changed(self, view: BatchView | None) -> bool:
        """Since the last look."""
        if view is None or view == self._before:
            return False
        shown = self.data
        await self.look()
        self._before = view
        return self.data != shown
