"""Single executions: looked at, submitted, waited for, cancelled, retried."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from stook.core.errors import PayloadTooLarge
from stook.core.ids import execution_id, index_of, parse_id
from stook.core.payload import validate_many
from stook.core.retry_scope import RETRYABLE, RetryScope
from stook.core.states import State
from stook.engine.options import Options
from stook.engine.row_stream import whole_rows
from stook.server.call import JSON, answer, as_json
from stook.server.flow import Flow
from stook.server.refusal import Refusal
from stook.server.route import Route
from stook.server.shown import detail_of, detail_of_ended, detail_of_new, execution_of
from stook.server.words import check_reason, item_states
from stook.store.script.read.executions import executions
from stook.wire.execution import (
    EditExecution,
    ExecutionDetail,
    ExecutionPage,
    ExecutionQuery,
    NewExecution,
    SkipExecution,
    WaitQuery,
)
from stook.wire.stamp import micros

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import Any

    from starlette.responses import Response

    from stook.engine.recording import Recording
    from stook.engine.service import Success
    from stook.server.call import Call
    from stook.store.script.change import Touched
    from stook.store.script.read.executions import ExecutionPage as Page

__all__ = ["ROUTES"]

_END = 2**32


async def list_executions(call: Call) -> Response:
    batch_id = await call.batch_id()
    query = call.query(ExecutionQuery)
    filters: dict[str, Any] = {}
    states = item_states(query.state)
    if states is not None:
        filters["states"] = states
    if query.from_ is not None or query.to is not None:
        start, stop = query.from_ or 0, _END if query.to is None else query.to
        filters["indexes"] = range(start, max(start, stop))
    page = await call.services.store.read(
        executions,
        batch_id,
        group=query.group,
        key=query.key,
        tag=query.tag,
        code=query.code,
        error_type=query.type,
        after=query.after,
        limit=query.limit,
        tracebacks=query.tracebacks,
        **filters,
    )
    if any(row.input_blob or row.result_blob for row in page.rows):
        return Flow(_pieces(call, page), media_type=JSON, patience=call.services.limits.drain_seconds)
    return answer(ExecutionPage([execution_of(row) for row in page.rows], _next(page)))


def _next(page: Page) -> str | None:
    return None if page.after is None else str(page.after)


async def _pieces(call: Call, page: Page) -> AsyncGenerator[bytes]:
    """Large bodies pass one by one."""
    opening = b'{"data":['
    async for rows in whole_rows(call.services.blobs, page.rows):
        yield opening + b",".join([as_json(execution_of(row)) for row in rows])
        opening = b","
    yield b'],"next":%s}' % as_json(_next(page))


async def show_execution(call: Call) -> Response:
    batch_id, index = await _found(call)
    return answer(await _detail(call, batch_id, index))


async def show_item(call: Call) -> Response:
    batch_id = await call.batch_id()
    return answer(await _detail(call, batch_id, call.index()))


async def submit_execution(call: Call) -> Response:
    """202 while it goes on; 201 once it has ended within `wait`; 200 for one that an unfinished execution with the same
    dedupe key already is."""
    query = call.query(WaitQuery)
    services, tenant = call.services, call.tenant
    most = services.blobs.most
    body = await call.body(NewExecution, max(services.limits.body_bytes, 2 * most))
    payload = validate_many([bytes(body.payload)])[0]
    if len(payload) > most:
        raise PayloadTooLarge(len(payload), most)
    options = Options(
        priority=body.priority,
        run_at=None if body.run_at is None else micros(body.run_at),
        delay=body.delay,
        expires_in=body.expires_in,
        metadata=body.metadata,
        webhooks=body.webhooks or (),
    )
    task = await tenant.tasks.find(body.task)
    call.services.figures.http.submitted.inc()
    before = services.store.mark()
    batch_id, index, created = await tenant.engine.submit_one(
        task.name, task.policy, payload, options, body.dedupe_key, call.ticket
    )
    tenant.owned.remember(batch_id)
    new = detail_of_new(batch_id, index, payload, task=task.name, priority=options.priority)
    since = before if created else None
    success = await _wait(call, batch_id, index, query.wait, since) if query.wait else None
    if created and success is not None:
        detail = detail_of_ended(new, success)
    elif created and not query.wait and options.run_at is None and options.delay is None:
        detail = new
    else:
        detail = await _detail(call, batch_id, index)
    ended = detail.finished_at is not None
    status = 200 if not created else 201 if ended else 202
    return answer(detail, status, {"location": f"/api/v1/executions/{detail.id}"})


async def _wait(call: Call, batch_id: bytes, index: int, seconds: float, since: int | None) -> Success | None:
    """Until it has ended, or so long, or the server stops. None: look."""
    waiting = asyncio.ensure_future(call.tenant.engine.wait_for_success(batch_id, index, since))
    stopping = asyncio.ensure_future(call.services.channels.stopping.wait())
    try:
        await asyncio.wait({waiting, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in (waiting, stopping):
            one.cancel()
        await asyncio.gather(waiting, stopping, return_exceptions=True)
    return None if waiting.cancelled() or waiting.exception() is not None else waiting.result()


async def cancel_execution(call: Call) -> Response:
    """What waits ends now, what runs is asked to stop; what has ended stays as it is."""
    batch_id, index = await _found(call)
    by = _recording(call, "cancel", batch_id, index)
    await call.tenant.engine.cancel_items(batch_id, [index], by=by)
    return answer(await _detail(call, batch_id, index))


async def retry_execution(call: Call) -> Response:
    """Of one that failed, was cancelled or expired; any other stays as it is."""
    batch_id, index = await _found(call)
    scope = RetryScope(states=RETRYABLE, indexes=(index,))
    await call.tenant.engine.retry(batch_id, scope, by=_recording(call, "retry", batch_id, index))
    return answer(await _detail(call, batch_id, index))


async def skip_execution(call: Call) -> Response:
    """It ends as cancelled. 409 with its state where it neither waits nor has failed."""
    batch_id, index = await _found(call)
    body = await call.body(SkipExecution)
    by = _recording(call, "skip", batch_id, index)
    touched = await call.tenant.engine.skip(batch_id, index, reason=check_reason(body.reason), by=by)
    return await _touched(call, batch_id, index, touched, "skipped")


async def edit_execution(call: Call) -> Response:
    """Its next attempt gets the new input. 409 with its state where it runs or has succeeded."""
    batch_id, index = await _found(call)
    body = await call.body(EditExecution, max(call.services.limits.body_bytes, 2 * call.services.blobs.most))
    by = _recording(call, "edit", batch_id, index)
    touched = await call.tenant.engine.edit(batch_id, index, bytes(body.input), again=body.retry, by=by)
    return await _touched(call, batch_id, index, touched, "edited")


async def _touched(call: Call, batch_id: bytes, index: int, touched: Touched, what: str) -> Response:
    if not touched.done:
        raise Refusal(
            409,
            "conflict",
            f"execution {execution_id(batch_id, index)} is {touched.state.name} and cannot be {what}",
            hint="cancel it first" if touched.state is State.running else "what has ended stays as it is",
            state=touched.state.name,
        )
    return answer(await _detail(call, batch_id, index))


def _recording(call: Call, kind: str, batch_id: bytes, index: int) -> Recording:
    return call.recording(kind, batch_id, f"execution {execution_id(batch_id, index)}", if_any=True)


async def _found(call: Call) -> tuple[bytes, int]:
    text = call.path("execution")
    return await call.tenant.owned.batch(text), index_of(parse_id(text))


async def _detail(call: Call, batch_id: bytes, index: int) -> ExecutionDetail:
    return detail_of(await call.tenant.engine.item(batch_id, index=index))


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/batches/{batch}/executions",
        name="list_executions",
        scope="read",
        handler=list_executions,
        summary="Executions of a batch, in input order",
        query=ExecutionQuery,
        answers=((200, ExecutionPage),),
    ),
    Route(
        method="GET",
        path="/api/v1/batches/{batch}/executions/{index}",
        name="show_item",
        scope="read",
        handler=show_item,
        summary="One execution, by its index in the batch",
        answers=((200, ExecutionDetail),),
    ),
    Route(
        method="POST",
        path="/api/v1/executions",
        name="submit_execution",
        scope="submit",
        handler=submit_execution,
        summary="Submit one execution, and wait for it if asked to",
        query=WaitQuery,
        body=NewExecution,
        answers=((201, ExecutionDetail), (202, ExecutionDetail), (200, ExecutionDetail)),
        once=True,
        large=True,
    ),
    Route(
        method="GET",
        path="/api/v1/executions/{execution}",
        name="show_execution",
        scope="read",
        handler=show_execution,
        summary="One execution with its attempts",
        answers=((200, ExecutionDetail),),
    ),
    Route(
        method="POST",
        path="/api/v1/executions/{execution}/cancel",
        name="cancel_execution",
        scope="operate",
        handler=cancel_execution,
        summary="Cancel one execution",
        answers=((200, ExecutionDetail),),
        once=True,
    ),
    Route(
        method="POST",
        path="/api/v1/executions/{execution}/retry",
        name="retry_execution",
        scope="operate",
        handler=retry_execution,
        summary="Retry one execution that ended badly",
        answers=((200, ExecutionDetail),),
        once=True,
    ),
    Route(
        method="POST",
        path="/api/v1/executions/{execution}/skip",
        name="skip_execution",
        scope="operate",
        handler=skip_execution,
        summary="Skip one that waits or has failed",
        body=SkipExecution,
        answers=((200, ExecutionDetail),),
        once=True,
    ),
    Route(
        method="PATCH",
        path="/api/v1/executions/{execution}",
        name="edit_execution",
        scope="operate",
        handler=edit_execution,
        summary="A new input for its next attempt",
        body=EditExecution,
        answers=((200, ExecutionDetail),),
        once=True,
    ),
]
