"""Limits and pauses of the key's project, its queues and tasks: they hold from the next claim on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.unchanged import UNCHANGED
from stook.server.call import answer
from stook.server.route import Route
from stook.server.shown import action_of
from stook.wire.limit import ChangeLimits, Limit, LimitChanged, LimitPage

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES"]


async def list_limits(call: Call) -> Response:
    return answer(LimitPage([Limit.of(row) for row in await call.tenant.engine.limits()]))


async def change_limits(call: Call) -> Response:
    body = await call.body(ChangeLimits)
    scope = f"queue {body.queue}" if body.queue else f"task {body.task}" if body.task else "project"
    by = call.recording("limits", None, scope[:200])
    row = await call.tenant.engine.change_limits(
        queue=body.queue,
        task=body.task,
        max_concurrency=UNCHANGED if body.max_concurrency is msgspec.UNSET else body.max_concurrency,
        paused=body.paused,
        terms=body.terms(),
        by=by,
    )
    return answer(LimitChanged(Limit.of(row), action_of(by.action)))


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/limits",
        name="list_limits",
        scope="read",
        handler=list_limits,
        summary="Limits of the project, then of its queues and tasks that have one",
        answers=((200, LimitPage),),
    ),
    Route(
        method="PATCH",
        path="/api/v1/limits",
        name="change_limits",
        scope="operate",
        handler=change_limits,
        summary="Limit or pause the project, a queue, a task",
        body=ChangeLimits,
        answers=((200, LimitChanged),),
    ),
]
