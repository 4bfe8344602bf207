"""Where an execution is, and stopping it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stook.server.call import answer
from stook.server.dialects.vellum.addresses import detail_url
from stook.server.dialects.vellum.asking import find_execution
from stook.server.dialects.vellum.ending import raw_outputs
from stook.server.dialects.vellum.running import Shown, find_shown, show
from stook.server.dialects.vellum.states import Wire
from stook.server.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES", "status_of"]


def status_of(call: Call, shown: Shown) -> dict[str, Any]:
    """`outputs` is a plain map here, of raw values."""
    done = shown.wire is Wire.FULFILLED
    error = None
    if shown.rejection is not None:
        error = {key: value for key, value in shown.rejection.shown().items() if key != "raw_data"}
    return {
        "status": shown.wire,
        "execution_id": shown.execution.id,
        "outputs": raw_outputs(shown.execution, shown.release) if done else None,
        "error": error,
        "execution_detail_url": detail_url(call, shown.execution.id),
    }


async def execution_status(call: Call) -> Response:
    return answer(status_of(call, await find_shown(call, call.path("execution"))))


async def cancel_execution(call: Call) -> Response:
    """Of one that has ended: nothing happens. One that runs is told to stop, and shows as rejected once it has."""
    found = await find_execution(call, call.path("execution"))
    by = call.recording_of("cancel", execution=found.id)
    await call.services.hosted.cancel(call.key.project, found.id, reason="cancelled by user", by=by)
    again = await find_execution(call, found.id)
    return answer(status_of(call, await show(call, again)))


ROUTES = [
    Route(
        method="GET",
        path="/v1/workflows/executions/{execution}/status",
        name="vellum_execution_status",
        scope="read",
        handler=execution_status,
        summary="Where a workflow execution is",
    ),
    Route(
        method="POST",
        path="/v1/workflows/executions/{execution}/cancel",
        name="vellum_cancel_execution",
        scope="operate",
        handler=cancel_execution,
        summary="Cancel a workflow execution",
    ),
]
