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

__all__ = ["follow_execution_frames"]

_NEWLINES: Final = bytes.maketrans(b"\r\n", b"  ")


async def follow_execution_frames(call: Call, batch_id: bytes, index: int) -> AsyncGenerator[bytes]:
    """Its batch's row says when to look: one that has not changed tells of no change."""
    loop = asyncio.get_running_loop()
    channels, beat = call.services.channels, call.services.limits.heartbeat
    async with channels.of(batch_id) as channel:
        seen, sent = 0, loop.time()
        before, shown = None, None
        while True:
            view = None
            try:
                view = await channel.look(seen, max(0.0, sent + beat - loop.time()))
                seen = channel.looks
                if view is not None and (shown is None or view != before):
                    found = await call.tenant.engine.item(batch_id, index=index)
                    data = as_json(detail_of(found)).translate(_NEWLINES)
                    ended = found.item.state in TERMINAL
                    if shown is None:
                        yield frame("snapshot", data)
                        sent = loop.time()
                    if ended:
                        yield frame("end", data)
                        return
                    if shown is not None and data != shown:
                        yield frame("progress", data)
                        sent = loop.time()
                    before, shown = view, data
            except StookError as error:
                yield frame("error", as_json(Refused(refusal_of(error).problem)))
                return
            if channels.stopping.is_set():
                yield RETRY
                return
            if loop.time() - sent >= beat:
                yield BEAT
                sent = loop.time()
