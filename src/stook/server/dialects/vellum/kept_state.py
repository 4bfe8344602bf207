"""The state with which a run ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.core.vellum_ids import trace_id
from stook.server.call import answer
from stook.server.dialects.vellum.detail import final_state
from stook.server.dialects.vellum.refused import not_there
from stook.server.dialects.vellum.running import find_shown
from stook.server.route import Route
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES"]


async def show_state(call: Call) -> Response:
    """404 too for a run that kept none: one that has not ended, or was rejected."""
    shown = await find_shown(call, call.path("span"))
    state = await final_state(call, shown)
    if state is None:
        raise not_there(f"execution {shown.execution.id} has kept no state")
    found = shown.execution
    return answer(
        {
            "trace_id": trace_id(found.id),
            "timestamp": stamp(found.finished_at or found.created_at),
            "span_id": found.id,
            "state": state,
        }
    )


ROUTES = [
    Route(
        method="GET",
        path="/v1/workflows/{span}/state",
        name="vellum_state",
        scope="read",
        handler=show_state,
        summary="The state with which an execution ended",
    ),
]
