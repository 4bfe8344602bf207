"""Batch jobs: looked at, followed, cancelled, done again for what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from stook.engine.hosted_executions import AlreadyEnded, Ended, ExternalIdHeld
from stook.server.body import decode_body
from stook.server.call import JSON, answer, as_json
from stook.server.dialects.kernel.asked import asked, asked_one_of, read_paging
from stook.server.dialects.kernel.batch_events import batch_frames
from stook.server.dialects.kernel.create_batch import created
from stook.server.dialects.kernel.refusals import Detail, KernelRefusal, bad_request, no_such
from stook.server.dialects.kernel.shapes import BatchJob, CreatedBatch, ResultLine
from stook.server.dialects.kernel.shown import batch_job, invocation, result_line
from stook.server.dialects.kernel.states import BATCH_WORDS
from stook.server.dialects.kernel.stream import MEDIA_TYPE, flow
from stook.server.flow import Flow
from stook.server.route import Route

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response

    from stook.engine.hosted_batches import HostedBatch
    from stook.server.call import Call

__all__ = ["ROUTES"]

DIALECT: Final = "kernel"
_LINES: Final = "application/x-ndjson"
_USUAL: Final = 50
_CANCELLED: Final = '{"error":"Batch cancelled by user"}'


class Cancel(msgspec.Struct):
    output: str | None = None


async def list_batch_jobs(call: Call) -> Response:
    """The newest first."""
    paging = read_paging(call, _USUAL)
    status = asked_one_of(call, "status", BATCH_WORDS)
    page = await call.services.hosted_batches.list(
        call.tenant.project,
        dialect=DIALECT,
        app=asked(call, "app_name"),
        action=asked(call, "action_name"),
        shown=None if status is None else lambda one: batch_job(one).status == status,
        limit=paging.limit,
        offset=paging.offset,
    )
    return answer(list(map(batch_job, page.items)), headers=paging.headers(more=page.more))


async def show_batch_job(call: Call) -> Response:
    """With all of its invocations: written as they are read."""
    found = await _found(call)
    return Flow(_whole(call, found), media_type=JSON, patience=call.services.limits.drain_seconds)


async def _whole(call: Call, found: HostedBatch) -> AsyncGenerator[bytes]:
    opening = as_json(batch_job(found))[:-1] + b',"invocations":['
    async for items in call.services.hosted_batches.items(call.tenant.project, found.id):
        yield opening + b",".join([as_json(invocation(one)) for one in items])
        opening = b","
    yield b"]}" if opening == b"," else opening + b"]}"


async def follow_batch_job(call: Call) -> Response:
    return flow(call, batch_frames(call, await _found(call)))


async def stream_results(call: Call) -> Response:
    """In the order of the payloads, also of what has not ended yet."""
    found = await _found(call)
    return Flow(_results(call, found), media_type=_LINES, patience=call.services.limits.drain_seconds)


async def _results(call: Call, found: HostedBatch) -> AsyncGenerator[bytes]:
    async for items in call.services.hosted_batches.items(call.tenant.project, found.id):
        yield b"".join([as_json(result_line(one)) + b"\n" for one in items])


async def cancel_batch_job(call: Call) -> Response:
    """Again while it is being cancelled: nothing more happens."""
    body = decode_body(await call.raw() or b"{}", Cancel)
    found = await _found(call)
    output = _CANCELLED if body.output is None else body.output
    by = call.recording_of("cancel", batch=found.id)
    done = await call.services.hosted_batches.cancel(call.tenant.project, found.id, output=output, by=by)
    match done:
        case Ended():
            return answer(batch_job(await _found(call)))
        case AlreadyEnded():
            message = f"batch job {found.id} has ended already"
            raise KernelRefusal(400, "batch_finished", message, details=[Detail("batch_finished", message)])
        case None:
            raise no_such("batch job", found.id)
        case _:
            assert_never(done)


async def retry_batch_job(call: Call) -> Response:
    """A new batch job of the payloads that failed, on the same deployment."""
    found = await _found(call)
    by = call.recording_of("retry", batch=found.id)
    made = await call.services.hosted_batches.retry_failed(call.tenant.project, found.id, by=by)
    if made is None:
        raise bad_request(f"batch job {found.id} has no failed invocation")
    assert not isinstance(made, ExternalIdHeld)
    return answer(created(made), 202)


async def _found(call: Call) -> HostedBatch:
    name = call.path("batch")
    found = await call.services.hosted_batches.get(call.tenant.project, name)
    if found is None or found.dialect != DIALECT:
        raise no_such("batch job", name)
    return found


_ONE: Final = "/batch_jobs/{batch}"
ROUTES = [
    Route(
        method="GET",
        path="/batch_jobs",
        name="list_batch_jobs",
        scope="read",
        handler=list_batch_jobs,
        summary="Batch jobs, the newest first",
        answers=((200, BatchJob),),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="show_batch_job",
        scope="read",
        handler=show_batch_job,
        summary="One batch job, with its invocations",
        answers=((200, BatchJob),),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/events",
        name="follow_batch_job",
        scope="read",
        handler=follow_batch_job,
        summary="Follow a batch job (SSE)",
        answers=((200, MEDIA_TYPE),),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/results",
        name="stream_results",
        scope="read",
        handler=stream_results,
        summary="What became of each payload, as JSON Lines",
        answers=((200, ResultLine),),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/cancel",
        name="cancel_batch_job",
        scope="operate",
        handler=cancel_batch_job,
        summary="Stop what runs and what waits of a batch job",
        answers=((200, BatchJob),),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/retry",
        name="retry_batch_job",
        scope="operate",
        handler=retry_batch_job,
        summary="A new batch job of what failed",
        answers=((202, CreatedBatch),),
    ),
]
