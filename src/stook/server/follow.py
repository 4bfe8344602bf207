"""Following over SSE: a snapshot, then what happens, then the end. The id of a frame is the cursor to go on from."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from stook.core.ids import index_of, parse_id
from stook.server.flow import Flow
from stook.server.follow_batch import BatchFollower
from stook.server.follow_execution import follow_execution_frames
from stook.server.follow_logs import FollowedLogs
from stook.server.follow_project import follow_project_frames
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.server.sse import HEADERS, MEDIA_TYPE
from stook.wire.following import FollowProjectQuery, FollowQuery
from stook.wire.log import FollowExecutionQuery

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES"]

_LONGEST = 19


async def follow_batch(call: Call) -> Response:
    """Without a cursor from now on; `after=0` gives everything that has settled first."""
    batch_id = await call.batch_id()
    query = call.query(FollowQuery)
    follower = BatchFollower(call, batch_id, query, _cursor(call, query.after))
    return _flow(call, follower.frames())


async def follow_execution(call: Call) -> Response:
    """With `logs`, its lines too, from the first on or behind a cursor."""
    text = call.path("execution")
    batch_id, index = await call.tenant.owned.batch(text), index_of(parse_id(text))
    query = call.query(FollowExecutionQuery)
    logs = None
    if query.logs:
        after = call.header("last-event-id") or query.after
        await call.tenant.engine.logs(batch_id, index, after=after, limit=1)  # a wrong one is refused before it begins
        logs = FollowedLogs(call, batch_id, index, after)
    frames = follow_execution_frames(call, batch_id, index, logs)
    return _flow(call, _behind(await anext(frames), frames))


async def _behind(first: bytes, frames: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The first was made before the answer begins, so that it may still be refused."""
    async with contextlib.aclosing(frames):
        yield first
        async for one in frames:
            yield one


async def follow_project(call: Call) -> Response:
    """Events of the project. Without a cursor from now on."""
    query = call.query(FollowProjectQuery)
    return _flow(call, follow_project_frames(call, _cursor(call, query.after), query.kind))


def _flow(call: Call, frames: AsyncGenerator[bytes]) -> Flow:
    return Flow(frames, media_type=MEDIA_TYPE, patience=call.services.limits.drain_seconds, headers=HEADERS)


def _cursor(call: Call, after: str | None) -> int | None:
    """`Last-Event-ID` goes before the query, which a client that connects again repeats."""
    text = call.header("last-event-id") or after
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < _LONGEST):
        raise Refusal(
            400,
            "option_error",
            f"{text[:100]!r} is no cursor",
            hint="it is the id of an event that was received",
            field="after",
        )
    return int(text)


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/batches/{batch}/follow",
        name="follow_batch",
        scope="read",
        handler=follow_batch,
        summary="Follow a batch (SSE): snapshot, progress, settled, end",
        query=FollowQuery,
        answers=((200, MEDIA_TYPE),),
        headers=("Last-Event-ID",),
    ),
    Route(
        method="GET",
        path="/api/v1/executions/{execution}/follow",
        name="follow_execution",
        scope="read",
        handler=follow_execution,
        summary="Follow one execution (SSE): snapshot, progress, log, end",
        query=FollowExecutionQuery,
        headers=("Last-Event-ID",),
        answers=((200, MEDIA_TYPE),),
    ),
    Route(
        method="GET",
        path="/api/v1/follow",
        name="follow_project",
        scope="read",
        handler=follow_project,
        summary="Follow the project's events (SSE)",
        query=FollowProjectQuery,
        answers=((200, MEDIA_TYPE),),
        headers=("Last-Event-ID",),
    ),
]
