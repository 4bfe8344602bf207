"""Looking at batches."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.responses import Response

from stook.core.ids import execution_id
from stook.engine.state_map import map_cursor, read_changes, read_map
from stook.server.call import answer, as_json
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.server.shown import batch_of_view, failure_group_of
from stook.server.words import batch_states, check_cursor
from stook.wire.batch import Batch, BatchPage, BatchQuery, FailureGroups, Why
from stook.wire.execution import StateChanges, StateMapQuery

if TYPE_CHECKING:
    from stook.server.call import Call

__all__ = ["ROUTES"]

_NOT_MODIFIED = 304


async def list_batches(call: Call) -> Response:
    query = call.query(BatchQuery)
    if query.key is not None:
        if any(one is not None for one in (query.state, query.task, query.name, query.named, query.after)):
            raise Refusal(400, "option_error", "query: key stands alone: it names one batch", field="key")
        found = await call.tenant.engine.keyed(query.key)
        return answer(BatchPage([batch_of_view(view, call.services.paces.rate(view)) for view in found.batches], None))
    page = await call.tenant.engine.batches(
        states=batch_states(query.state),
        task=query.task,
        name=query.name,
        named=query.named,
        after=check_cursor(query.after),
        limit=query.limit,
    )
    data = [batch_of_view(view, call.services.paces.rate(view)) for view in page.batches]
    return answer(BatchPage(data, None if page.after is None else execution_id(page.after, 0)))


async def show_batch(call: Call) -> Response:
    """The ETag stands for all but the estimates."""
    view = await call.tenant.engine.show(await call.batch_id())
    tag = _tag(as_json(batch_of_view(view, None)))
    if _has(call, tag):
        return Response(status_code=_NOT_MODIFIED, headers={"etag": tag})
    return answer(batch_of_view(view, call.services.paces.rate(view)), headers={"etag": tag})


async def why_batch_waits(call: Call) -> Response:
    return answer(Why(await call.tenant.engine.why(await call.batch_id())))


async def list_failures(call: Call) -> Response:
    groups = await call.tenant.engine.failure_groups(await call.batch_id())
    return answer(FailureGroups([failure_group_of(group) for group in groups]))


async def show_states(call: Call) -> Response:
    batch_id = await call.batch_id()
    query = call.query(StateMapQuery)
    store = call.services.store
    view = await call.tenant.engine.show(batch_id)
    cursor = map_cursor(view)
    if query.since is not None:
        changes = await read_changes(store, view, query.since)
        if changes is None:
            raise Refusal(
                409, "reset", "what changed since then is not to be told", hint="read the whole map", field="since"
            )
        return answer(StateChanges(cursor, changes.settled, sorted(changes.states.items())))
    tag = _tag(as_json([batch_of_view(view, None), query.from_, query.count]))
    headers = {"etag": tag, "stook-cursor": cursor}
    if _has(call, tag):
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    stop = view.counters.total if query.count is None else query.from_ + query.count
    content = await read_map(store, batch_id, query.from_, stop)
    return Response(content, media_type="application/octet-stream", headers=headers)


def _tag(content: bytes) -> str:
    return f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def _has(call: Call, tag: str) -> bool:
    given = call.header("if-none-match")
    return given is not None and any(one.strip() in (tag, tag[2:], "*") for one in given.split(","))


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/batches",
        name="list_batches",
        scope="read",
        handler=list_batches,
        summary="Batches, newest first",
        query=BatchQuery,
        answers=((200, BatchPage),),
    ),
    Route(
        method="GET",
        path="/api/v1/batches/{batch}",
        name="show_batch",
        scope="read",
        handler=show_batch,
        summary="One batch, at the same cost whatever its size",
        answers=((200, Batch), (304, None)),
        headers=("If-None-Match",),
    ),
    Route(
        method="GET",
        path="/api/v1/batches/{batch}/why",
        name="why_batch_waits",
        scope="read",
        handler=why_batch_waits,
        summary="Why nothing more of it runs right now",
        answers=((200, Why),),
    ),
    Route(
        method="GET",
        path="/api/v1/batches/{batch}/failures",
        name="list_failures",
        scope="read",
        handler=list_failures,
        summary="What went wrong, by cause",
        answers=((200, FailureGroups),),
    ),
    Route(
        method="GET",
        path="/api/v1/batches/{batch}/states",
        name="show_states",
        scope="read",
        handler=show_states,
        summary="One byte per execution, or what has ended since a cursor (409 reset: only the whole map says it)",
        query=StateMapQuery,
        answers=((200, "application/octet-stream"), (200, StateChanges), (304, None)),
        headers=("If-None-Match",),
    ),
]
