"""Invocations: looked at, followed, ended from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

import msgspec
from starlette.responses import Response

from stook.engine.hosted_executions import AlreadyEnded, Ended
from stook.server.body import decode_body
from stook.server.call import answer
from stook.server.dialects.kernel.asked import asked, asked_one_of, read_paging
from stook.server.dialects.kernel.invocation_events import invocation_frames
from stook.server.dialects.kernel.refusals import Detail, KernelRefusal, bad_request, no_such
from stook.server.dialects.kernel.shapes import Invocation
from stook.server.dialects.kernel.shown import invocation
from stook.server.dialects.kernel.since import read_since
from stook.server.dialects.kernel.states import INVOCATION_WORDS, invocation_states
from stook.server.dialects.kernel.stream import MEDIA_TYPE, flow
from stook.server.route import Route

if TYPE_CHECKING:
    from stook.engine.hosted_executions import HostedExecution
    from stook.server.call import Call

__all__ = ["ROUTES", "find_invocation"]

DIALECT: Final = "kernel"
_LEAST_PREFIX: Final = 4
_GRACE: Final = 10.0
"""Seconds for what is stopped to end."""


class Update(msgspec.Struct):
    status: str | None = None
    output: str | None = None


async def list_invocations(call: Call) -> Response:
    """The newest first, items of batch jobs among them."""
    paging = read_paging(call)
    status = asked_one_of(call, "status", INVOCATION_WORDS)
    states, begun = (None, None) if status is None else invocation_states(status)
    page = await call.services.hosted.list(
        call.tenant.project,
        dialect=DIALECT,
        app=asked(call, "app_name"),
        action=asked(call, "action_name"),
        label=asked(call, "version"),
        deployment_id=asked(call, "deployment_id"),
        batch_id=asked(call, "batch_job_id"),
        states=states,
        begun=begun,
        since=read_since(asked(call, "since"), call.services.clock()),
        query=asked(call, "query"),
        limit=paging.limit,
        offset=paging.offset,
    )
    return answer(list(map(invocation, page.items)), headers=paging.headers(more=page.more))


async def show_invocation(call: Call) -> Response:
    return answer(invocation(await find_invocation(call)))


async def update_invocation(call: Call) -> Response:
    """Failed stops it, succeeded ends it with the output that is given. What has ended stays as it is."""
    body = decode_body(await call.raw(call.services.limits.batch_bytes) or b"{}", Update)
    found = await find_invocation(call)
    hosted, project = call.services.hosted, call.tenant.project
    match body.status:
        case "failed":
            by = call.recording_of("cancel", execution=found.id)
            done = await hosted.cancel(project, found.id, output=body.output, by=by)
        case "succeeded":
            by = call.recording_of("finish", execution=found.id)
            done = await hosted.finish(project, found.id, output=body.output, by=by)
        case _:
            raise bad_request("status: is neither succeeded nor failed")
    match done:
        case Ended(running):
            now = await (hosted.wait_for_end(project, found.id, _GRACE) if running else hosted.get(project, found.id))
        case AlreadyEnded(state):
            message = f"invocation {found.id} has ended already: {state.name}"
            raise KernelRefusal(400, "invocation_finished", message, details=[Detail("invocation_finished", message)])
        case None:
            now = None
        case _:
            assert_never(done)
    if now is None:
        raise no_such("invocation", found.id)
    return answer(invocation(now))


async def follow_invocation(call: Call) -> Response:
    since = read_since(asked(call, "since"), call.services.clock())
    return flow(call, invocation_frames(call, await find_invocation(call), since))


async def list_browsers(call: Call) -> Response:
    """There are none here."""
    await find_invocation(call)
    return answer({"browsers": []})


async def delete_browsers(call: Call) -> Response:
    await find_invocation(call)
    return Response(status_code=204)


async def find_invocation(call: Call) -> HostedExecution:
    """By its id, or the beginning of it where no other begins so."""
    name, hosted, project = call.path("invocation"), call.services.hosted, call.tenant.project
    found = await hosted.get(project, name)
    if found is None and len(name) >= _LEAST_PREFIX:
        ids = await hosted.find_prefix(project, name, dialect=DIALECT)
        if len(ids) > 1:
            message = f"several invocations have ids that begin with {name[:100]!r}"
            raise KernelRefusal(400, "ambiguous_id", message, details=[Detail("ambiguous_id", message)])
        found = await hosted.get(project, ids[0]) if ids else None
    if found is None or found.dialect != DIALECT:
        raise no_such("invocation", name)
    return found


_ONE: Final = "/invocations/{invocation}"
ROUTES = [
    Route(
        method="GET",
        path="/invocations",
        name="list_invocations",
        scope="read",
        handler=list_invocations,
        summary="Invocations, the newest first",
        answers=((200, Invocation),),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="show_invocation",
        scope="read",
        handler=show_invocation,
        summary="One invocation, by its id or the beginning of it",
        answers=((200, Invocation),),
    ),
    Route(
        method="PATCH",
        path=_ONE,
        name="update_invocation",
        scope="operate",
        handler=update_invocation,
        summary="End an invocation: failed stops it, succeeded takes the output",
        answers=((200, Invocation),),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/events",
        name="follow_invocation",
        scope="read",
        handler=follow_invocation,
        summary="Follow an invocation (SSE)",
        answers=((200, MEDIA_TYPE),),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/browsers",
        name="list_browsers",
        scope="read",
        handler=list_browsers,
        summary="Browsers of an invocation: none",
    ),
    Route(
        method="DELETE",
        path=f"{_ONE}/browsers",
        name="delete_browsers",
        scope="operate",
        handler=delete_browsers,
        summary="Destroy the browsers of an invocation: there are none",
        answers=((204, None),),
    ),
]
