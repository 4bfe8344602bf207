"""One follower of one batch.

snapshot ──▶ settled … ──▶ progress ──▶ settled … ──▶ progress ──▶ … ──▶ end

Everything is read when the reader has taken what was before: a slow one makes bigger steps, and costs one page.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.errors import StookError
from stook.engine.row_stream import whole_rows
from stook.server.call import as_json
from stook.server.refusal import refusal_of
from stook.server.shown import batch_of_view, execution_of
from stook.server.sse import BEAT, RETRY, frame
from stook.store.script.read.batch_view import show_batch
from stook.store.script.read.results import follow_items
from stook.wire.following import ExecutionsSettled
from stook.wire.problem import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from stook.server.call import Call
    from stook.server.channel import Channel
    from stook.store.script.read.batch_view import BatchView
    from stook.wire.following import FollowQuery

__all__ = ["BatchFollower"]

_NEWLINES: Final = bytes.maketrans(b"\r\n", b"  ")
_WHOLE: Final = 200
"""Outcomes read at once with their results."""


class BatchFollower:
    def __init__(self, call: Call, batch_id: bytes, query: FollowQuery, cursor: int | None) -> None:
        self._call = call
        self._services = call.services
        self._batch_id = batch_id
        self._query = query
        self._cursor = -1 if cursor is None else cursor

    async def frames(self) -> AsyncGenerator[bytes]:
        loop = asyncio.get_running_loop()
        channels, beat = self._services.channels, self._services.limits.heartbeat
        async with channels.of(self._batch_id) as channel:
            seen, shown, sent = 0, None, loop.time()
            while True:
                try:
                    view = await channel.look(seen, max(0.0, sent + beat - loop.time()))
                    seen = channel.looks
                    if view is not None and self._cursor > view.settled:
                        # Another server told more than was known here at the last look.
                        view = await self._services.store.read(show_batch, self._batch_id)
                    async for piece in self._news(channel, view, shown):
                        yield piece
                        sent = loop.time()
                except StookError as error:
                    yield frame("error", as_json(Refused(refusal_of(error).problem)))
                    return
                if channels.stopping.is_set():
                    yield RETRY
                    return
                shown = view or shown
                if view is not None and view.state.terminal and self._cursor >= view.settled:
                    yield frame("end", self._batch(view), self._cursor)
                    return
                if loop.time() - sent >= beat:
                    yield BEAT
                    sent = loop.time()

    async def _news(self, channel: Channel, view: BatchView | None, shown: BatchView | None) -> AsyncIterator[bytes]:
        if view is None:
            return
        if shown is None:
            if self._cursor > view.settled:
                yield frame("reset", b"{}", view.settled)
            if not 0 <= self._cursor <= view.settled:
                self._cursor = view.settled
            yield frame("snapshot", self._batch(view), self._cursor)
        async for piece in self._settled(channel, view):
            yield piece
        if shown is not None and view != shown and not view.state.terminal:
            yield frame("progress", self._batch(view), self._cursor)

    async def _settled(self, channel: Channel, view: BatchView) -> AsyncIterator[bytes]:
        if not self._query.settled:
            self._cursor = max(self._cursor, view.settled)
        elif self._query.results:
            async for piece in self._whole(view):
                yield piece
        while self._cursor < view.settled:
            data, after = await channel.settled(self._cursor)
            if after <= self._cursor:
                break
            self._cursor = after
            yield frame("settled", data, after)

    async def _whole(self, view: BatchView) -> AsyncIterator[bytes]:
        store, blobs = self._services.store, self._services.blobs
        while self._cursor < view.settled:
            found = await store.read(follow_items, self._batch_id, self._cursor, _WHOLE)
            if not found.items:
                return
            async for rows in whole_rows(blobs, found.items):
                items = [msgspec.Raw(as_json(execution_of(row)).translate(_NEWLINES)) for row in rows]
                begin, self._cursor = self._cursor, self._cursor + len(rows)
                made = ExecutionsSettled(from_=begin, to=self._cursor, items=items)
                yield frame("settled", as_json(made), self._cursor)

    def _batch(self, view: BatchView) -> bytes:
        return as_json(batch_of_view(view, self._services.paces.rate(view)))
