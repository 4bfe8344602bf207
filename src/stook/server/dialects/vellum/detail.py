"""One execution with all that is known of it, by its id or within its deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core.vellum_events import FULFILLED, parent_context
from stook.server.call import answer
from stook.server.dialects.vellum.actuals import latest_of
from stook.server.dialects.vellum.asking import asked
from stook.server.dialects.vellum.ending import raw_outputs, typed_outputs
from stook.server.dialects.vellum.inputs import shown_inputs
from stook.server.dialects.vellum.refused import bad, not_there
from stook.server.dialects.vellum.releases import find_name
from stook.server.dialects.vellum.running import Shown, facts_of, find_shown, told_of
from stook.server.dialects.vellum.spans import Spans, after_span
from stook.server.dialects.vellum.states import Wire
from stook.server.dialects.vellum.usage import usage_of
from stook.server.dialects.vellum.variables import ids_of, undeclared_id
from stook.server.route import Route
from stook.wire.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from stook.server.call import Call

__all__ = ["ROUTES", "execution_of", "final_state"]

_MOST: Final = 1000


def execution_of(call: Call, shown: Shown) -> dict[str, Any]:
    """What every route shows of an execution. There is no state: `end` and `error` tell it."""
    execution, release = shown.execution, shown.release
    done = shown.wire is Wire.FULFILLED
    start = execution.created_at if shown.wire is Wire.PENDING else execution.started_at or execution.created_at
    usage = usage_of(execution)
    return {
        "span_id": execution.id,
        "parent_context": parent_context(facts_of(call, shown)),
        "start": stamp(start),
        "end": stamp(execution.finished_at),
        "inputs": shown_inputs(
            execution.payload, ids_of(release, "input"), lambda name: undeclared_id(release, "input", name)
        ),
        "outputs": typed_outputs(raw_outputs(execution, release), release) if done else [],
        "error": None if shown.rejection is None else shown.rejection.shown(),
        "usage_results": [{"usage": usage, "cost": [], "error": None}] if usage else [],
    }


async def show_detail(call: Call) -> Response:
    shown = await find_shown(call, call.path("execution"))
    return answer(await _detail(call, shown))


async def show_event_execution(call: Call) -> Response:
    """404 for an execution of another deployment."""
    name = await find_name(call, call.path("deployment"))
    shown = await find_shown(call, call.path("execution"))
    if shown.execution.app != name:
        raise not_there(f"workflow deployment {name!r} has no execution {shown.execution.id}")
    latest = await latest_of(call, [shown])
    whole = await _detail(call, shown)
    return answer({**whole, "latest_actual": latest.get(shown.execution.id), "metric_results": []})


async def _detail(call: Call, shown: Shown) -> dict[str, Any]:
    query = asked(call)
    spans = Spans()
    async for one in told_of(call).every(shown.execution.id):
        spans.add(one)
    found = after_span(spans.finished(), query.get("prev_span_id") or None, _limit(query))
    if found is None:
        raise bad(f"prev_span_id: execution {shown.execution.id} has no finished span {query['prev_span_id'][:100]!r}")
    return {**execution_of(call, shown), "spans": found, "state": await final_state(call, shown)}


async def final_state(call: Call, shown: Shown) -> dict[str, Any] | None:
    """As the workflow told it when it was fulfilled."""
    told = (await told_of(call).last([shown.execution.id], FULFILLED)).get(shown.execution.id)
    if told is None or shown.wire is not Wire.FULFILLED:
        return None
    state = msgspec.json.decode(told.body).get("body", {}).get("final_state")
    return state if isinstance(state, dict) else None


def _limit(query: Mapping[str, str]) -> int | None:
    text = query.get("span_limit")
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST)) and 1 <= int(text) <= _MOST):
        raise bad(f"span_limit={text[:50]!r} is not a whole number from 1 to {_MOST}")
    return int(text)


ROUTES = [
    Route(
        method="GET",
        path="/v1/workflow-executions/{execution}/detail",
        name="vellum_execution_detail",
        scope="read",
        handler=show_detail,
        summary="A workflow execution with its spans",
    ),
    Route(
        method="GET",
        path="/v1/workflow-deployments/{deployment}/execution-events/{execution}",
        name="vellum_event_execution",
        scope="read",
        handler=show_event_execution,
        summary="An execution of a workflow deployment",
    ),
]
